/** Concurrent and malformed requests. */
import { AccessTokenError } from 'oauth-resource-server'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { parseChallenges } from '../../support/challenge-parser.ts'
import { linesOf, type RawRequest } from '../../support/exchange.ts'
import { expectAlive } from '../../support/expectations.ts'
import { ec1, fixtureValidator, t0 } from '../../support/fixture.ts'
import { authorization, bearer } from '../../support/requests.ts'
import { type Api, closeApis, startApi, startApis } from '../../support/servers.ts'

const T0 = t0()

let apis: Api[]
beforeAll(async () => {
  apis = await startApis()
})
afterEach(() => expectAlive(apis))
afterAll(() => closeApis(apis))

describe('load', () => {
  it('AD-conc 1,400 concurrent requests on sockets, valid and invalid, each get their own response', async () => {
    const perApi = 200
    const tokens = Array.from({ length: perApi }, (_, index) =>
      t0({ sub: `user-${index}` }, {}, ec1),
    )
    const table = (index: number): [RawRequest, number, string] => {
      const token = tokens[index] as string
      const kinds: [RawRequest, number, string][] = [
        [bearer(token), 200, `{"subject":"user-${index}"}`],
        [bearer(token, { path: '/scoped' }), 403, 'insufficient_scope'],
        [bearer(`${token.slice(0, -4)}AAAA`), 401, 'invalid_token'],
        [{ path: '/optional' }, 200, '{"subject":null}'],
        [bearer(token, { path: '/optional' }), 200, `{"subject":"user-${index}"}`],
        [authorization('Bearer'), 400, 'invalid_request'],
      ]
      return kinds[index % kinds.length] as [RawRequest, number, string]
    }
    let answered = 0
    await Promise.all(
      apis.map(async (api) => {
        const all = Array.from({ length: perApi }, async (_, index) => {
          const [request, status, body] = table(index)
          const answer = await api.send(request)
          expect([answer.status, answer.body], api.name).toEqual([
            status,
            expect.stringContaining(body),
          ])
          answered++
        })
        await Promise.all(all)
      }),
    )
    expect(answered).toBe(perApi * apis.length)
  })

  it('AD-conc 5,000 concurrent requests to one validator each get their own claims', async () => {
    // The cache is smaller than the number of concurrent tokens, so that they evict each other.
    const { authenticate } = fixtureValidator({ tokenCache: { maxEntries: 100 } })
    const tokens = Array.from({ length: 500 }, (_, index) => t0({ sub: `user-${index}` }, {}, ec1))
    const all = Array.from({ length: 5_000 }, async (_, index) => {
      const user = (index * 7) % tokens.length
      const token = tokens[user] as string
      const isGood = index % 3 > 0
      const offered = isGood ? token : `${token.slice(0, -4)}AAAA`
      const outcome = authenticate({ headers: { authorization: `Bearer ${offered}` } })
      if (isGood) await expect(outcome).resolves.toMatchObject({ subject: `user-${user}`, token })
      else await expect(outcome).rejects.toMatchObject({ reason: 'bad_signature' })
    })
    expect(await Promise.all(all)).toHaveLength(5_000)
  })

  /** The same numbers on every run: mulberry32. */
  function random(seed: number): () => number {
    let state = seed
    return () => {
      state = (state + 0x6d2b79f5) | 0
      let t = Math.imul(state ^ (state >>> 15), 1 | state)
      t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
      return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
    }
  }

  /** A value for Authorization: noise, noise after a scheme, or a good token with some noise in it. */
  function fuzzed(next: () => number): Buffer {
    const integer = (limit: number) => Math.floor(next() * limit)
    const noise = (length: number) => Buffer.from(Array.from({ length }, () => integer(256)))
    const printable = (length: number) => noise(length).map((byte) => 0x21 + (byte % 0x5e))
    const kind = integer(5)
    if (kind === 0) return noise(integer(80))
    if (kind === 1) return Buffer.concat([Buffer.from('Bearer '), noise(integer(80))])
    if (kind === 2) return Buffer.concat([Buffer.from('Bearer '), printable(1 + integer(200))])
    const bytes = Buffer.from(`Bearer ${T0}`)
    const changes = 1 + integer(3)
    for (let change = 0; change < changes; change++) {
      const at = integer(bytes.length)
      bytes[at] = kind === 3 ? integer(256) : (Buffer.from('A.-_=eyJ')[integer(8)] as number)
    }
    return bytes
  }

  it('F-500 2,000 requests with random bytes in Authorization are never answered with 5xx', async () => {
    const http = await startApi('http')
    const next = random(20_260_801)
    const statuses: Record<number, number> = {}
    for (let batch = 0; batch < 40; batch++) {
      const values = Array.from({ length: 50 }, () => fuzzed(next))
      await Promise.all(
        values.map(async (value) => {
          const lines = [`Authorization: ${value.toString('latin1')}`]
          const answer = await http.send({ lines })
          const hint = JSON.stringify(value.toString('latin1'))
          expect([200, 400, 401], hint).toContain(answer.status)
          statuses[answer.status] = (statuses[answer.status] ?? 0) + 1
          if (answer.status === 401) {
            expect(linesOf(answer, 'WWW-Authenticate').flatMap(parseChallenges)).toHaveLength(1)
          }
        }),
      )
    }
    expect(http.failures).toEqual([])
    // Only a change that is none leaves the token good.
    for (const { auth } of http.seen) expect(auth?.subject).toBe('user-1')
    expect(http.seen.length).toBe(statuses[200] ?? 0)
    expect(http.seen.length).toBeLessThan(100)
    expect(statuses[400]).toBeGreaterThan(200)
    expect(statuses[401]).toBeGreaterThan(200)
    await expectAlive([http])
    await http.close()
  })

  it('F-500 10,000 malformed requests to the validator are refused with a status below 500', async () => {
    const next = random(7)
    const tokenLocations = ['header', 'body', 'query'] as const
    const { authenticate } = fixtureValidator({ tokenLocations })
    const statuses = new Set<number>()
    for (let run = 0; run < 10_000; run++) {
      const value = fuzzed(next).toString('latin1')
      const token = value.replace(/^Bearer /, '')
      const odd: Record<string, unknown>[] = [
        { headers: { authorization: value } },
        { headers: { Authorization: [value] }, url: `/p?${value}` },
        { headers: {}, url: `/p?access_token=${value}` },
        { headers: {}, url: value },
        {
          method: 'POST',
          headers: { 'content-type': 'application/x-www-form-urlencoded' },
          body: { access_token: token },
        },
      ]
      const request = odd[run % odd.length] as never
      await authenticate(request).catch((error: unknown) => {
        if (!(error instanceof AccessTokenError)) throw error
        statuses.add(error.status)
      })
    }
    expect([...statuses].sort()).toEqual([400, 401])
  })
})
