/**
 * Key sets from servers that fail in different ways, over real sockets: the rows jwks-err and jwks-http.
 */
import { setImmediate as nextTurn } from 'node:timers/promises'
import { promisify } from 'node:util'
import { createValidator, type ValidatorEvent } from 'oauth-resource-server'
import { createTestIssuer } from 'oauth-resource-server/testing'
import { describe, expect, it } from 'vitest'
import { AUD, ISS, rsa1 } from '../../support/fixture.ts'
import {
  createHostileServer,
  endless,
  good,
  hostilities,
  unusualAnswers,
  versioned,
} from '../../support/hostile-server.ts'
import { day, lasting, rsa2 } from '../../support/outage-simulation.ts'
import { outcomeOf } from '../../support/simulated-issuer.ts'

describe('over real sockets', () => {
  /** A short timeout for the behaviours that only the timeout ends. */
  const timeoutFor = (name: string) => (endless.includes(name) ? 1 : 5)
  const signed = (claims = {}, key = rsa1, header = {}) => lasting(claims, header, key)

  /** Creates a validator with keys from a hostile server and its own clock. */
  async function startAttackedApi(behaviour = good(), timeout = 5) {
    const server = await createHostileServer(behaviour)
    const events: ValidatorEvent[] = []
    let offset = 0
    const { validate } = createValidator({
      issuer: { issuer: ISS, jwksUri: server.jwksUri },
      audience: AUD,
      keys: { timeout },
      now: () => Date.now() + offset * 1000,
      onEvent: (event) => {
        events.push(event)
      },
    })
    return {
      server,
      events,
      pass: (seconds: number) => {
        offset += seconds
      },
      outcomeFor: (token: string) => outcomeOf(validate(token)),
      failed: async () => {
        while (!events.some(({ type }) => type === 'keys.failed')) await nextTurn()
        return events.find((event) => event.type === 'keys.failed')
      },
      [Symbol.asyncDispose]: server.close,
    }
  }

  const names = Object.keys(hostilities)

  it.concurrent.each(names)(
    'jwks-err-a jwks-err-d jwks-http-b %s: 503 without other keys, in bounded time',
    async (name) => {
      await using attack = await startAttackedApi(hostilities[name], timeoutFor(name))
      const startedAt = performance.now()
      expect(await attack.outcomeFor(signed())).toBe('X503')
      expect(performance.now() - startedAt).toBeLessThan(4_000)
      // The wait of the request may end just before the fetch reports.
      expect(await attack.failed()).toMatchObject({ serving: 'nothing' })
      const events = attack.events.filter(({ type }) => type !== 'keys.skipped')
      expect(events.toSorted((a, b) => a.type.localeCompare(b.type))).toMatchObject([
        { type: 'keys.failed' },
        { type: 'token.refused', status: 503, reason: 'service_unavailable' },
      ])
      // The request is repeated once after a reset connection.
      const requests = /reset|closed/.test(name) ? ['GET /jwks', 'GET /jwks'] : ['GET /jwks']
      expect(attack.server.requests).toEqual(requests)
      attack.server.behave(good())
      attack.pass(7)
      expect(await attack.outcomeFor(signed())).toBe('OK')
    },
  )

  it.concurrent.each(names)(
    'jwks-err-b 7517-5-c %s: 200 with keys, fresh or old, and 503 for an unknown kid',
    async (name) => {
      await using attack = await startAttackedApi(good(), timeoutFor(name))
      const token = signed()
      expect(await attack.outcomeFor(token)).toBe('OK')
      attack.server.behave(hostilities[name] as never)
      attack.pass(500)
      expect(await attack.outcomeFor(token)).toBe('OK')
      expect(await attack.failed()).toMatchObject({ serving: 'fresh' })
      attack.pass(80_000)
      expect(await attack.outcomeFor(signed())).toBe('OK')
      expect(await attack.outcomeFor(signed({}, rsa2))).toBe('X503')
      expect(attack.server.requests.every((line) => line === 'GET /jwks')).toBe(true)
    },
  )

  it.concurrent.each(Object.entries(unusualAnswers))(
    '7517-5-a jwks-http-c %s: the usable key is used',
    async (_name, behaviour) => {
      await using attack = await startAttackedApi(behaviour)
      expect(await attack.outcomeFor(signed())).toBe('OK')
      expect(await attack.outcomeFor(signed({ sub: 'other' }))).toBe('OK')
      expect(attack.server.requests).toHaveLength(1)
    },
  )

  it.concurrent.each([
    ['200 MB', 'too_large'],
    ['100,000 keys', 'too_large'],
    ['101 keys', 'not_a_key_set'],
    ['redirect to another origin', 'redirect'],
    ['redirect to itself', 'redirect'],
    ['HTML with 200', 'not_json'],
    ['one byte per second', 'timeout'],
    ['accepted and never answered', 'timeout'],
    ['reset in the middle', 'network'],
    ['204', 'status'],
  ])(
    'jwks-err-d %s: the event has the reason %s, and the connection is closed',
    async (name, reason) => {
      await using attack = await startAttackedApi(hostilities[name], timeoutFor(name))
      await attack.outcomeFor(signed())
      expect(await attack.failed()).toMatchObject({ reason })
      // Of 200 MB only as much is sent as fits into the buffers between the two processes.
      expect(attack.server.sent()).toBeLessThan(16 * 1024 * 1024)
      await attack.server.over()
    },
  )

  it('an ETag is sent back over a socket, and its 304 keeps the keys', async () => {
    await using attack = await startAttackedApi(versioned)
    const token = signed()
    for (let count = 0; count < 3; count++) {
      expect(await attack.outcomeFor(token)).toBe('OK')
      attack.pass(601)
    }
    expect(attack.server.requests).toHaveLength(3)
    expect(attack.events.filter(({ type }) => type === 'keys.failed')).toEqual([])
  })

  it('a request waits no longer than keys.timeout, for first keys and newer ones together', async () => {
    await using attack = await startAttackedApi((exchange) => {
      setTimeout(() => good()(exchange), 350)
    }, 0.5)
    const startedAt = performance.now()
    const outcomes = await Promise.all([
      attack.outcomeFor(signed({}, rsa2)),
      attack.outcomeFor(signed({ sub: 'other' }, rsa2)),
      attack.outcomeFor(signed()),
    ])
    // The first two need a response to a later request, for which no time is left.
    expect(outcomes).toEqual([expect.stringMatching(/^(X503|T401 unknown_key)$/), 'X503', 'OK'])
    expect(performance.now() - startedAt).toBeLessThan(800)
  })

  it('no request fails when a kept-alive connection is reset', async () => {
    let requests = 0
    await using attack = await startAttackedApi((exchange) => {
      requests++
      if (requests === 2) exchange.request.socket.resetAndDestroy()
      else good()(exchange)
    })
    expect(await attack.outcomeFor(signed())).toBe('OK')
    expect(await attack.outcomeFor(signed({}, rsa2))).toBe('T401 unknown_key')
    expect(requests).toBe(3)
  })

  it('jwks-err-a a closed port: 503 immediately', async () => {
    const { jwksUri: uri, close } = await createHostileServer()
    await close()
    const { validate } = createValidator({ issuer: { issuer: ISS, jwksUri: uri }, audience: AUD })
    const startedAt = performance.now()
    expect(await outcomeOf(validate(signed()))).toBe('X503')
    expect(performance.now() - startedAt).toBeLessThan(4_000)
  })

  it('jwks-err-a an unknown host: 503 within the timeout', async () => {
    const { validate } = createValidator({
      issuer: 'https://as.invalid',
      audience: AUD,
      keys: { timeout: 0.4 },
    })
    const startedAt = performance.now()
    expect(await outcomeOf(validate(signed({ iss: 'https://as.invalid' })))).toBe('X503')
    expect(performance.now() - startedAt).toBeLessThan(4_000)
  })

  it('1,000 concurrent first requests, with keys after 500 ms: one metadata and one JWKS request, 1,000 accepted', async () => {
    await using issuer = await createTestIssuer()
    const delayed: typeof fetch = async (...request) => {
      const response = await fetch(...request)
      if (String(request[0]) === issuer.jwksUri) await promisify(setTimeout)(500)
      return response
    }
    const { authenticate } = createValidator({
      issuer: issuer.issuer,
      audience: issuer.audience,
      fetch: delayed,
    })
    const tokens = await Promise.all(Array.from({ length: 1_000 }, () => issuer.token()))
    const results = await Promise.all(
      tokens.map((token) => authenticate({ headers: { authorization: `Bearer ${token}` } })),
    )
    expect(results).toHaveLength(1_000)
    expect(issuer.requests).toMatchObject({ metadata: 1, jwks: 1 })
  })

  it('an idle validator with a hanging issuer accepts a token within 1.1 s', async () => {
    await using issuer = await createTestIssuer()
    const { clock } = issuer
    const { validate } = createValidator({
      issuer: issuer.issuer,
      audience: issuer.audience,
      now: clock.now,
    })
    const token = await issuer.token({ exp: Math.floor(clock.now() / 1000) + day })
    await validate(token)
    issuer.fault('hanging')
    clock.advance(700)
    const startedAt = performance.now()
    await Promise.all(Array.from({ length: 100 }, () => validate(token)))
    // Takes 1.0 s on an idle machine. The simulated test has exact bounds; a wait for the fetch takes 5 s.
    expect(performance.now() - startedAt).toBeLessThan(4_000)
    const again = performance.now()
    await validate(token)
    expect(performance.now() - again).toBeLessThan(900)
  })

  it('jwks-err-c an issuer that is down at first is used without a restart once it is up', async () => {
    await using issuer = await createTestIssuer()
    const { clock } = issuer
    await issuer.down()
    const { validate } = createValidator({
      issuer: issuer.issuer,
      audience: issuer.audience,
      now: clock.now,
    })
    const token = await issuer.token()
    expect(await outcomeOf(validate(token))).toBe('X503')
    await issuer.up()
    clock.advance(1)
    expect(await outcomeOf(validate(token))).toBe('OK')
  })
})
