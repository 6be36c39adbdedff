/** Any octets as `Authorization`: directly to the validator, and over a socket to a server. */
import { once } from 'node:events'
import { createServer } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import fc from 'fast-check'
import { AccessTokenError, createValidator, type HttpRequest } from 'oauth-resource-server'
import { authenticate } from 'oauth-resource-server/http'
import { createInput, recipe } from './inputs.ts'
import {
  checkChallenges,
  checkNothingLeaks,
  checkRefusal,
  expectFast,
  outcomeOf,
  startStopwatch,
  watchCrashes,
} from './invariants.ts'
import { AUD, CANARY, ISS, keySets, NOW } from './material.ts'
import type { Property } from './run.ts'

const validator = () =>
  createValidator({
    issuer: { issuer: ISS, jwks: structuredClone(keySets.described) as { keys: [] } },
    audience: AUD,
    requirement: { anyScope: ['read', 'write'] },
    tokenLocations: ['header', 'body', 'query'],
    now: () => NOW * 1000,
  })

const latin1 = fc
  .uint8Array({ maxLength: 60 })
  .map((octets) => Buffer.from(octets).toString('latin1'))
const text = fc.oneof(
  latin1,
  fc.array(fc.nat(0xffff), { maxLength: 60 }).map((units) => String.fromCharCode(...units)),
  fc.string({ unit: 'grapheme', maxLength: 60 }),
  fc
    .record({
      what: fc.constantFrom(' ', '=', 'a', '.', ',', '\t', '"', 'a.', 'Bearer '),
      times: fc.nat(9_000),
    })
    .map(({ what, times }) => what.repeat(times / what.length)),
)
const good = createInput({ signer: 0, keySet: 'described', mutations: [] }).token
const withoutScope = createInput({
  signer: 0,
  keySet: 'described',
  mutations: [{ at: 'claims', name: 'scope', value: CANARY }],
}).token
const token = fc.oneof(
  {
    weight: 3,
    arbitrary: recipe.map((made) => createInput({ ...made, keySet: 'described' }).token),
  },
  { weight: 1, arbitrary: fc.constantFrom(good, withoutScope) },
  { weight: 1, arbitrary: text },
)
const usually = (good: string, ...others: string[]) =>
  fc.oneof(
    { weight: 2, arbitrary: fc.constant(good) },
    { weight: 1, arbitrary: fc.constantFrom(...others) },
  )
const scheme = usually(
  'Bearer',
  'bearer',
  'BEARER',
  'Bearer,',
  'Bearer=',
  'Basic',
  'DPoP',
  'bear',
  '',
)
const gap = usually(' ', '  ', '', '\t', ' \t ', '=', ', ', '\0', '\r\n ', '\u00a0')
const tail = usually('', ' ', '=', ',', ' x', ', Bearer x', '\t', '\0', ', realm="x"')
const field = fc.oneof(
  { weight: 1, arbitrary: text },
  {
    weight: 4,
    arbitrary: fc.tuple(scheme, gap, token, tail).map((parts) => parts.join('')),
  },
)

/** The forms in which servers pass headers. */
const shapes: Readonly<Record<string, (value: string, other: string) => HttpRequest>> = {
  'in lower case': (authorization) => ({ headers: { authorization } }),
  'in the original case': (Authorization) => ({ headers: { Authorization } }),
  'as a list': (value) => ({ headers: { authorization: [value] } }),
  twice: (value, other) => ({ headers: { authorization: [value, other] } }),
  'under two spellings': (value, other) => ({
    headers: { authorization: value, Authorization: other },
  }),
  'as Headers': (value) => ({ headers: new Headers({ authorization: legal(value) }) }),
  'as Node does': (authorization, other) => ({
    headers: { authorization },
    rawHeaders: ['Authorization', authorization, 'X', other],
    headersDistinct: { authorization: [authorization] },
  }),
  'twice, as Node does': (authorization, other) => ({
    headers: { authorization },
    rawHeaders: ['authorization', authorization, 'AUTHORIZATION', other],
  }),
  'in the query': (value, other) => ({ headers: { x: other }, url: `/?access_token=${value}` }),
  'in the query, encoded': (value) => ({
    headers: {},
    url: `/?access_token=${encodeURIComponent(legal(value))}`,
  }),
  'any URL': (value, other) => ({ headers: {}, url: value + other }),
  'in a form': (value, other) => ({
    method: 'POST',
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    body: { access_token: value, other },
  }),
  'in an odd form': (value, other) => ({
    method: 'POST',
    headers: { 'content-type': ['application/x-www-form-urlencoded', other] },
    body: { access_token: [value, other] },
  }),
}

/** Replaces characters that `Headers` and `encodeURIComponent` refuse. */
const legal = (value: string) => value.replace(/[^\t\x20-\x7e\x80-\xff]/g, '?')

export function createRequests(strict: boolean): Property {
  const counts = new Map<string, number>()
  const watch = watchCrashes()
  const api = validator()
  const input = fc.record({
    shape: fc.constantFrom(...Object.keys(shapes)),
    value: field,
    other: field,
    /** Passes the value directly to `validate`. */
    bare: fc.constantFrom(false, false, false, true),
  })
  const property = fc.asyncProperty(input, async ({ shape, value, other, bare }) => {
    await expectFast(strict, async () => {
      const request = (shapes[shape] as (typeof shapes)[string])(value, other)
      const elapsed = startStopwatch()
      const outcome = await outcomeOf(bare ? api.validate(value) : api.authenticate(request))
      const took = elapsed()
      const refused = outcome instanceof AccessTokenError
      if (refused) checkRefusal(outcome, `${value}.${other}`, [400, 401, 403])
      else if (!`${value}${other}`.includes(outcome.token)) throw new Error('another token')
      const name = refused ? String(outcome.status) : 'accepted'
      counts.set(name, (counts.get(name) ?? 0) + 1)
      return took
    })
    await watch.check()
  })
  return {
    property,
    inputs: () => [...counts.values()].reduce((sum, count) => sum + count, 0),
    summary() {
      for (const name of ['accepted', '400', '401', '403']) {
        if (!counts.has(name)) throw new Error(`never ${name}`)
      }
      return [...counts].map(([name, count]) => `${name} ${count}`).join(', ')
    },
    close: async () => watch.close(),
  }
}

export async function createSocketRequests(strict: boolean): Promise<Property> {
  let inputs = 0
  const counts = new Map<number, number>()
  const watch = watchCrashes()
  const guard = authenticate(validator())
  const server = createServer(async (request, response) => {
    const verified = await guard(request, response)
    if (verified) response.end('ok')
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo

  async function exchange(fields: readonly string[]): Promise<string> {
    const socket = connect({ port, host: '127.0.0.1' })
    const lines = fields.map((value) => `Authorization: ${value}\r\n`).join('')
    const head = `GET / HTTP/1.1\r\nHost: test\r\n${lines}Connection: close\r\n\r\n`
    let answer = ''
    socket.setEncoding('latin1').on('data', (chunk) => {
      answer += chunk
    })
    socket.on('error', () => {}).write(Buffer.from(head, 'latin1'))
    await once(socket, 'close')
    return answer
  }

  const property = fc.asyncProperty(
    fc.array(field, { minLength: 1, maxLength: 2 }),
    async (fields) => {
      await expectFast(strict, async () => {
        inputs++
        const startedAt = performance.now()
        const answer = await exchange(fields)
        const took = performance.now() - startedAt
        checkAnswer(answer, fields.join('.'))
        return took
      })
      await watch.check()
    },
  )

  /** Node itself refuses octets that HTTP does not allow, without a challenge. */
  function checkAnswer(answer: string, sent: string): void {
    const [, code] = /^HTTP\/1\.1 (\d{3}) /.exec(answer) ?? []
    const status = Number(code)
    const [head = ''] = answer.split('\r\n\r\n', 1)
    const lines = head
      .split('\r\n')
      .slice(1)
      .map((line) => line.split(/: (.*)/s, 2) as [string, string])
    const challenges = lines.filter(([name]) => name.toLowerCase() === 'www-authenticate')
    const byNode = (status === 400 || status === 431) && lines.length === 1
    if (![200, 400, 401, 403].includes(status) && !byNode) throw new Error(`answered: ${answer}`)
    if (!byNode)
      checkChallenges(
        status,
        challenges.map(([, value]) => value),
      )
    if (answer.includes(CANARY)) throw new Error(`the response contains a claim: ${answer}`)
    checkNothingLeaks(answer, sent)
    counts.set(status, (counts.get(status) ?? 0) + 1)
  }

  return {
    property,
    inputs: () => inputs,
    summary() {
      for (const status of [200, 400, 401]) {
        if (!counts.has(status)) throw new Error(`never ${status}`)
      }
      return [...counts].map(([status, count]) => `${status}: ${count}`).join(', ')
    },
    async close() {
      server.close()
      server.closeAllConnections()
      watch.close()
    },
  }
}
