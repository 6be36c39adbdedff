/**
 * The keys' life under fire: the rows jwks-*. First with
 * time and network injected; then over real sockets; then in processes of their own.
 */
import { execFile, execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { promisify } from 'node:util'
import { createValidator, type ValidatorEvent } from 'oauth-resource-server'
import { createTestIssuer } from 'oauth-resource-server/testing'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import {
  AUD,
  base64url,
  claimsT0,
  ec1,
  ISS,
  makeKey,
  rsa1,
  signParts,
  t0,
} from '../support/fixture.ts'
import {
  createHostileServer,
  endless,
  good,
  hostilities,
  oddities,
  versioned,
} from '../support/hostile-server.ts'
import {
  hanging,
  json,
  jump,
  jwksUri,
  metadataUrl,
  pass,
  refused,
  secondsUntil,
  simulateIssuer,
  status,
  stopTime,
  verdict,
} from '../support/simulated-issuer.ts'

const day = 86_400
/** Good for a month, so that only keys decide. */
const lasting = (claims = {}, header = {}, key = rsa1) =>
  t0({ exp: Math.floor(Date.now() / 1000) + 30 * day, ...claims }, header, key)
const rsa2 = makeKey('RS256', 'rsa2')
let madeUp = 0
const madeUpKid = () => {
  madeUp++
  const header = JSON.stringify({ alg: 'RS256', typ: 'at+jwt', kid: `made-up-${madeUp}` })
  return `${base64url(header)}.${base64url(JSON.stringify(claimsT0()))}.${'A'.repeat(342)}`
}

function simulation(changes: Parameters<ReturnType<typeof simulateIssuer>['validator']>[0] = {}) {
  const issuer = simulateIssuer()
  const { validate, ready } = issuer.validator(changes)
  return { issuer, ready, validate, verdictOn: (token: string) => verdict(validate(token)) }
}

/** Late by so many seconds. */
const late = (seconds: number, body: () => Response) => () =>
  new Promise<Response>((resolve) => {
    setTimeout(() => resolve(body()), seconds * 1000)
  })

describe('with time and network injected', () => {
  beforeEach(stopTime)

  describe('one fetch for all', () => {
    it('jwks-cache-a a hundred requests after one another cost one fetch', async () => {
      const { issuer, verdictOn } = simulation()
      for (let count = 0; count < 100; count++) expect(await verdictOn(lasting())).toBe('OK')
      expect(issuer.urls).toEqual([metadataUrl, jwksUri])
    })

    it('jwks-cache-b fifty first requests at once cost one fetch', async () => {
      const { issuer, verdictOn } = simulation({ tokenCache: false })
      const verdicts = await Promise.all(Array.from({ length: 50 }, () => verdictOn(lasting())))
      expect(new Set(verdicts)).toEqual(new Set(['OK']))
      expect(issuer.urls).toEqual([metadataUrl, jwksUri])
    })

    it('ready() fetches the keys before the first request, and not again while they are fresh', async () => {
      const { issuer, ready, verdictOn } = simulation()
      await ready()
      await ready()
      expect(await verdictOn(lasting())).toBe('OK')
      expect(issuer.urls).toEqual([metadataUrl, jwksUri])
    })

    it('ready() rejects with the reason while there are no keys', async () => {
      const { issuer, ready } = simulation()
      issuer.jwks = refused
      expect(await verdict(ready())).toBe('X503')
    })

    it('jwks-multi keys of one issuer verify no token of another, also under the same kid', async () => {
      const other = makeKey('RS256', 'rsa1')
      const issuers = { 'https://a.test': rsa1, 'https://b.test': other }
      const issuer = simulateIssuer()
      const { validate } = issuer.validator({
        issuer: Object.keys(issuers).map((name) => ({ issuer: name, jwksUri: `${name}/jwks` })),
      })
      issuer.jwks = (url) =>
        json({ keys: [issuers[new URL(url).origin as keyof typeof issuers].jwk] })
      const verdicts: unknown[] = []
      for (const iss of Object.keys(issuers)) {
        for (const key of [rsa1, other])
          verdicts.push(await verdict(validate(lasting({ iss }, {}, key))))
      }
      expect(verdicts).toEqual(['OK', 'T401 bad_signature', 'T401 bad_signature', 'OK'])
    })
  })

  describe('rotation', () => {
    it('jwks-rot-a a token with a new key is accepted after exactly one more fetch', async () => {
      const { issuer, verdictOn } = simulation()
      await verdictOn(lasting())
      issuer.keys = [rsa1.jwk, rsa2.jwk]
      expect(await verdictOn(lasting({}, {}, rsa2))).toBe('OK')
      expect(await verdictOn(lasting({ sub: 'other' }, {}, rsa2))).toBe('OK')
      expect(await verdictOn(lasting())).toBe('OK')
      expect(issuer.count()).toEqual({ metadata: 1, jwks: 2 })
    })

    it('a token without kid and with a new key is accepted after one more fetch too', async () => {
      const { issuer, verdictOn } = simulation()
      await verdictOn(lasting())
      issuer.keys = [rsa1.jwk, rsa2.jwk]
      expect(await verdictOn(lasting({}, { kid: undefined }, rsa2))).toBe('OK')
      expect(issuer.count().jwks).toBe(2)
    })

    it.each([
      ['a bad signature under a known kid', () => lasting({}, { kid: 'rsa1' }, rsa2)],
      ['a wrong audience', () => lasting({ aud: 'other' }, {}, rsa2)],
      ['an expired token', () => lasting({ exp: 1 }, {}, rsa2)],
      ['a wrong issuer', () => lasting({ iss: 'https://evil.test' }, {}, rsa2)],
    ])('%s costs no fetch', async (_what, token) => {
      const { issuer, verdictOn } = simulation()
      await verdictOn(lasting())
      expect(await verdictOn(token())).toMatch(/^T401 /)
      expect(issuer.count().jwks).toBe(1)
    })

    it('twenty requests at once with the same new kid spend one of the budget', async () => {
      const { issuer, verdictOn } = simulation()
      await verdictOn(lasting())
      for (let round = 1; round <= 4; round++) {
        const token = madeUpKid()
        const verdicts = await Promise.all(Array.from({ length: 20 }, () => verdictOn(token)))
        expect(new Set(verdicts)).toEqual(new Set(['T401 unknown_key']))
        expect(issuer.count().jwks).toBe(1 + round)
      }
      await verdictOn(madeUpKid())
      expect(issuer.count().jwks).toBe(5)
    })

    it('a rotation right after three made-up kids at once is accepted on its first request', async () => {
      const { issuer, verdictOn } = simulation()
      await verdictOn(lasting())
      await Promise.all([madeUpKid(), madeUpKid(), madeUpKid()].map(verdictOn))
      issuer.keys = [rsa1.jwk, rsa2.jwk]
      expect(await verdictOn(lasting({}, {}, rsa2))).toBe('OK')
    })

    it('so it is after three made-up kids one by one', async () => {
      const { issuer, verdictOn } = simulation()
      await verdictOn(lasting())
      for (let count = 0; count < 3; count++) await verdictOn(madeUpKid())
      issuer.keys = [rsa1.jwk, rsa2.jwk]
      expect(await verdictOn(lasting({}, {}, rsa2))).toBe('OK')
    })

    it('jwks-rot-b 10,000 made-up kids in ten seconds cost four fetches, and all are refused with 401', async () => {
      const { issuer, verdictOn } = simulation()
      const good = lasting()
      await verdictOn(good)
      const verdicts = new Set<string>()
      for (let second = 0; second < 10; second++) {
        const flood = Array.from({ length: 1_000 }, () => verdictOn(madeUpKid()))
        for (const result of await Promise.all(flood)) verdicts.add(result)
        expect(await verdictOn(good)).toBe('OK')
        await pass(1)
      }
      expect(verdicts).toEqual(new Set(['T401 unknown_key']))
      expect(issuer.count().jwks - 1).toBeGreaterThan(0)
      expect(issuer.count().jwks - 1).toBeLessThanOrEqual(5)
      expect(issuer.eventsOf('keys.rate_limited').length).toBeGreaterThan(5_000)
    })

    it('jwks-rot-c a rotation in the middle of a flood is accepted within 30 seconds', async () => {
      const { issuer, verdictOn } = simulation()
      await verdictOn(lasting())
      const flood = () => Promise.all(Array.from({ length: 20 }, () => verdictOn(madeUpKid())))
      for (let second = 0; second < 45; second++) await flood().then(() => pass(1))
      issuer.keys = [rsa1.jwk, rsa2.jwk]
      let waited = 0
      while ((await verdictOn(lasting({}, {}, rsa2))) !== 'OK') {
        await flood()
        await pass(1)
        waited++
        expect(waited).toBeLessThanOrEqual(30)
      }
      expect(waited).toBeGreaterThan(0)
    })

    it('a flood goes on costing two fetches a minute', async () => {
      const { issuer, verdictOn } = simulation({ keys: { maxAge: day } })
      await verdictOn(lasting())
      for (let second = 0; second < 600; second++) {
        await verdictOn(madeUpKid())
        await pass(1)
      }
      expect(issuer.count().jwks - 1).toBeGreaterThanOrEqual(20)
      expect(issuer.count().jwks - 1).toBeLessThanOrEqual(4 + 20)
    })

    it('jwks-rot-d a removed key, and its cached tokens, are refused after the next refresh', async () => {
      const { issuer, verdictOn } = simulation()
      const token = lasting()
      expect(await verdictOn(token)).toBe('OK')
      issuer.keys = [rsa2.jwk]
      await pass(300)
      expect(await verdictOn(token)).toBe('OK')
      await pass(300)
      expect(await verdictOn(token)).toBe('T401 unknown_key')
      expect(await verdictOn(lasting())).toBe('T401 unknown_key')
      expect(issuer.eventsOf('keys.refreshed')[1]).toMatchObject({ added: 1, removed: 1 })
    })

    it('a key that came back verifies again', async () => {
      const { issuer, verdictOn } = simulation()
      const token = lasting()
      await verdictOn(token)
      issuer.keys = [rsa2.jwk]
      await pass(600)
      expect(await verdictOn(token)).toBe('T401 unknown_key')
      issuer.keys = [rsa1.jwk]
      await pass(600)
      expect(await verdictOn(token)).toBe('OK')
    })

    it.each([
      ['no answer', refused],
      ['an empty set', () => json({ keys: [] })],
      ['a set without a usable key', () => json({ keys: [{ kty: 'oct', k: 'AA', kid: 'rsa1' }] })],
      ['another document', () => json({ issuer: ISS })],
    ])('%s withdraws nothing', async (_what, answer) => {
      const { issuer, verdictOn } = simulation()
      const token = lasting()
      await verdictOn(token)
      issuer.jwks = answer
      for (let hour = 0; hour < 24; hour++) {
        await pass(3_600)
        expect(await verdictOn(token)).toBe('OK')
        await pass(0)
      }
      expect(issuer.eventsOf('keys.failed')).toHaveLength(24)
    })
  })

  describe('steady traffic', () => {
    const maxAge = 60

    /** Ten periods of requests four times a second; tells how long the slowest waited. */
    async function slowestOf(jwks: () => Response | Promise<Response>, timeout = 5) {
      const { issuer, verdictOn, validate } = simulation({ keys: { maxAge, timeout } })
      const token = lasting()
      expect(await verdictOn(token)).toBe('OK')
      issuer.jwks = jwks
      let slowest = 0
      for (let request = 0; request < 10 * maxAge * 4; request++) {
        slowest = Math.max(slowest, await secondsUntil(validate(token)))
        await pass(0.25)
      }
      expect(issuer.eventsOf('token.refused')).toEqual([])
      return { slowest, issuer }
    }

    it('with a key set that takes two seconds: no request waits, none is refused', async () => {
      const { slowest, issuer } = await slowestOf(late(2, () => json({ keys: [rsa1.jwk] })))
      expect(slowest).toBe(0)
      expect(issuer.eventsOf('keys.refreshed').length).toBeGreaterThanOrEqual(10)
      expect(issuer.count().jwks).toBeLessThanOrEqual(15)
    })

    it('with a key set that hangs: no request waits, none is refused', async () => {
      const { slowest, issuer } = await slowestOf(hanging)
      expect(slowest).toBe(0)
      expect(issuer.eventsOf('keys.failed').length).toBeGreaterThanOrEqual(8)
    })

    it('with a key set that takes longer than the set lives: no request waits, none is refused', async () => {
      const { slowest } = await slowestOf(
        late(100, () => json({ keys: [rsa1.jwk] })),
        200,
      )
      expect(slowest).toBe(0)
    })

    it('after an idle time, a hanging key set costs a second, once; then the old set serves', async () => {
      const { issuer, validate, verdictOn } = simulation()
      const token = lasting()
      await verdictOn(token)
      issuer.jwks = hanging
      await pass(5_000)
      const waits: number[] = []
      for (let request = 0; request < 5; request++) {
        const result = validate(token)
        waits.push(await secondsUntil(result))
        await result
      }
      expect(Math.max(...waits)).toBeLessThanOrEqual(1.1)
      expect(waits[0]).toBeGreaterThan(0.9)
      expect(waits.slice(1)).toEqual([0, 0, 0, 0])
    })
  })

  describe('an outage', () => {
    it('a day of it: every request is answered, with one attempt a minute and an event for each', async () => {
      const { issuer, verdictOn } = simulation()
      const token = lasting()
      expect(await verdictOn(token)).toBe('OK')
      issuer.jwks = refused
      issuer.metadata = refused
      const attempts: number[] = []
      for (let second = 0; second < day; second += 30) {
        await pass(30)
        const before = issuer.urls.length
        expect(await verdictOn(token)).toBe('OK')
        await pass(0)
        expect(issuer.urls.length - before).toBeLessThanOrEqual(1)
        if (issuer.urls.length > before) attempts.push(Date.now())
      }
      const steps = attempts.slice(8).map((time, index) => time - (attempts[index + 7] as number))
      expect(Math.min(...steps)).toBeGreaterThanOrEqual(60_000)
      expect(attempts.length).toBeGreaterThan(1_000)
      expect(attempts.length).toBeLessThanOrEqual(1_440)
      expect(issuer.eventsOf('keys.failed')).toHaveLength(attempts.length)
      expect(issuer.eventsOf('token.refused')).toEqual([])
      // The first set was good for 600 s, and then for a day.
      await pass(600)
      expect(await verdictOn(token)).toBe('X503')
      expect(await verdictOn(lasting())).toBe('X503')
      issuer.jwks = () => json({ keys: issuer.keys })
      const began = Date.now()
      while ((await verdictOn(token)) !== 'OK') await pass(1)
      expect((Date.now() - began) / 1000).toBeLessThanOrEqual(60)
    })

    it('jwks-err-b unknown kids are answered 503 during an outage: nobody knows whether the key exists', async () => {
      const { issuer, verdictOn } = simulation()
      const token = lasting()
      await verdictOn(token)
      issuer.jwks = refused
      const verdicts: string[] = []
      for (let second = 0; second < 30; second++) {
        verdicts.push(await verdictOn(madeUpKid()))
        expect(await verdictOn(token)).toBe('OK')
        expect(await verdictOn(lasting({}, { kid: 'rsa1' }, rsa2))).toBe('T401 bad_signature')
        await pass(1)
      }
      expect(new Set(verdicts)).toEqual(new Set(['X503']))
      expect(issuer.count().jwks).toBeLessThanOrEqual(6)
    })

    it('jwks-err-c a failure is not kept: once the issuer is back, a token is good within one back-off step', async () => {
      const { issuer, verdictOn } = simulation()
      issuer.jwks = refused
      for (let second = 0; second < 20; second++) {
        expect(await verdictOn(lasting())).toBe('X503')
        await pass(1)
      }
      issuer.jwks = () => json({ keys: issuer.keys })
      let waited = 0
      while ((await verdictOn(lasting())) !== 'OK') {
        await pass(1)
        waited++
      }
      expect(waited).toBeLessThanOrEqual(16)
    })

    it.each([
      ['30', 30],
      ['600', 600],
      ['86400', 600],
    ])('Retry-After: %s is heard, for %i seconds', async (header, seconds) => {
      const { issuer, validate, verdictOn } = simulation()
      issuer.jwks = () => status(503, { 'retry-after': header })
      await expect(validate(lasting())).rejects.toMatchObject({
        retryAfter: seconds,
        headers: { 'Retry-After': String(seconds) },
      })
      issuer.jwks = () => json({ keys: issuer.keys })
      await pass(seconds - 1)
      expect(await verdictOn(lasting())).toBe('X503')
      expect(issuer.count().jwks).toBe(1)
      await pass(1)
      expect(await verdictOn(lasting())).toBe('OK')
    })

    it('7517-5-d a set without a usable key counts as trouble: 503 when nothing is known', async () => {
      const { issuer, verdictOn } = simulation([] as never)
      issuer.keys = []
      expect(await verdictOn(lasting())).toBe('X503')
      expect(issuer.eventsOf('keys.failed')).toMatchObject([{ reason: 'no_usable_key' }])
    })

    it('jwks-err-a a token that cannot be judged is never called bad: 503, within the timeout', async () => {
      const { issuer, validate } = simulation()
      issuer.jwks = hanging
      const result = validate(lasting())
      result.catch(() => {})
      expect(await secondsUntil(result)).toBeLessThanOrEqual(5.1)
      expect(await verdict(result)).toBe('X503')
    })

    it('the keys’ life is told in events, each with its issuer', async () => {
      const { issuer, verdictOn } = simulation()
      await verdictOn(lasting())
      issuer.jwks = refused
      await pass(500)
      await verdictOn(lasting())
      await pass(0)
      issuer.jwks = () => json({ keys: [rsa1.jwk, rsa2.jwk, { kty: 'oct', kid: 'h' }] })
      await pass(700)
      await verdictOn(lasting())
      const told = issuer.events.filter(({ type }) => !type.startsWith('token.'))
      expect(told).toMatchObject([
        { type: 'metadata.refreshed', jwksUri },
        { type: 'keys.refreshed', keys: 1, added: 1, removed: 0, durationMs: expect.any(Number) },
        { type: 'keys.failed', reason: 'network', serving: 'fresh', retryAfter: 1 },
        { type: 'metadata.refreshed', jwksUri },
        { type: 'keys.refreshed', keys: 2, skipped: 1, added: 1, removed: 0 },
        { type: 'keys.skipped', kid: 'h', reason: 'type' },
      ])
      expect(told.every((event) => 'issuer' in event && event.issuer === ISS)).toBe(true)
    })
  })

  describe('a clock that jumps', () => {
    it.each([day, 300 * day, -3_600, -300 * day])(
      'by %i seconds: no token is refused for its key',
      async (by) => {
        const { issuer, verdictOn } = simulation()
        const ageless = (key = rsa1) => lasting({ iat: 1e9, exp: 4e9 }, {}, key)
        expect(await verdictOn(ageless())).toBe('OK')
        jump(by)
        expect(await verdictOn(ageless())).toBe('OK')
        await pass(0)
        issuer.keys = [rsa2.jwk]
        expect(await verdictOn(ageless(rsa2))).toBe('OK')
        jump(-by)
        expect(await verdictOn(ageless(rsa2))).toBe('OK')
      },
    )

    it('back, in the middle of an outage: old keys serve on', async () => {
      const { issuer, verdictOn } = simulation()
      const token = lasting({ iat: 1e9, exp: 4e9 })
      await verdictOn(token)
      issuer.jwks = refused
      await pass(3_600)
      expect(await verdictOn(token)).toBe('OK')
      jump(-7_200)
      expect(await verdictOn(token)).toBe('OK')
    })
  })

  describe('what answers say of themselves', () => {
    it('the ETag is sent back, and a 304 prolongs the set and the tokens cached with it', async () => {
      const { issuer, verdictOn } = simulation({ keys: { staleIfError: 0 } })
      const asked: unknown[] = []
      issuer.jwks = (_url, headers) => {
        asked.push(headers.get('if-none-match'))
        return asked.length === 1 ? json({ keys: issuer.keys }, { etag: '"v1"' }) : status(304)
      }
      const token = lasting()
      for (let count = 0; count < 5; count++) {
        expect(await verdictOn(token)).toBe('OK')
        await pass(600)
      }
      expect(asked).toEqual([null, '"v1"', '"v1"', '"v1"', '"v1"'])
      const cached = issuer.eventsOf('token.accepted').map((event) => event.cached)
      expect(cached).toEqual([false, true, true, true, true])
    })

    it.each([
      ['max-age=1', 60],
      ['max-age=315360000', day],
      ['max-age=1200', 1_200],
      ['no-store', 600],
      ['max-age=nonsense', 600],
      [undefined, 600],
    ])('jwks-ttl Cache-Control %j: the set is used for %i seconds', async (header, seconds) => {
      const { issuer, verdictOn } = simulation()
      const headers: Record<string, string> =
        header === undefined ? {} : { 'cache-control': header }
      issuer.jwks = () => json({ keys: issuer.keys }, headers)
      const token = lasting()
      await verdictOn(token)
      await pass(seconds * 0.75 - 1)
      await verdictOn(token)
      await pass(0)
      expect(issuer.count().jwks).toBe(1)
      await pass(1)
      await verdictOn(token)
      await pass(0)
      expect(issuer.count().jwks).toBe(2)
    })
  })

  describe('the metadata', () => {
    const moved = 'https://as.test/new/jwks'

    it('are read again when the keys’ URL answers 404, and nobody is refused meanwhile', async () => {
      const { issuer, verdictOn } = simulation()
      await verdictOn(lasting())
      issuer.metadata = () => json({ issuer: ISS, jwks_uri: moved })
      issuer.jwks = (url) => (url === moved ? json({ keys: [rsa2.jwk] }) : status(404))
      await pass(600)
      expect(await verdictOn(lasting({}, {}, rsa2))).toBe('OK')
      expect(issuer.urls.slice(2)).toEqual([jwksUri, metadataUrl, moved])
    })

    it('are read again where the host of the keys is gone, and the outage is over', async () => {
      const { issuer, verdictOn } = simulation()
      const token = lasting()
      expect(await verdictOn(token)).toBe('OK')
      issuer.jwks = (url) => (url === moved ? json({ keys: issuer.keys }) : refused())
      issuer.metadata = () => json({ issuer: ISS, jwks_uri: moved })
      for (let minute = 0; minute < 30; minute++) {
        expect(await verdictOn(token)).toBe('OK')
        await pass(60)
      }
      expect(issuer.urls).toContain(moved)
      expect(issuer.eventsOf('keys.refreshed').length).toBeGreaterThan(1)
    })

    it('are read again at their own age, in the background', async () => {
      const { issuer, validate, verdictOn } = simulation()
      const token = lasting()
      await verdictOn(token)
      issuer.metadata = late(3, () => json({ issuer: ISS, jwks_uri: moved }))
      issuer.keys = [rsa1.jwk, rsa2.jwk]
      for (let second = 0; second < 1_200; second++) {
        expect(await secondsUntil(validate(token))).toBe(0)
        await pass(1)
      }
      expect(await verdictOn(lasting({}, {}, rsa2))).toBe('OK')
      expect(issuer.urls).toContain(moved)
      expect(issuer.urls.at(-1)).toBe(moved)
    })

    it('that fail at that age cost nothing: the known URL serves on, and an event tells', async () => {
      const { issuer, verdictOn } = simulation()
      const token = lasting()
      await verdictOn(token)
      issuer.metadata = () => status(500)
      for (let minute = 0; minute < 120; minute++) {
        expect(await verdictOn(token)).toBe('OK')
        await pass(60)
      }
      expect(issuer.eventsOf('keys.failed')).toEqual([])
      expect(issuer.eventsOf('metadata.failed').length).toBeGreaterThan(5)
      expect(issuer.eventsOf('metadata.failed').length).toBeLessThanOrEqual(13)
    })

    it('that name an address which does not answer cost nothing either', async () => {
      const { issuer, verdictOn } = simulation()
      const token = lasting()
      await verdictOn(token)
      issuer.metadata = () => json({ issuer: ISS, jwks_uri: moved })
      issuer.jwks = (url) => (url === moved ? status(500) : json({ keys: issuer.keys }))
      await pass(600)
      for (let hour = 0; hour < 30; hour++) {
        expect(await verdictOn(token)).toBe('OK')
        await pass(0)
        await pass(3_600)
      }
      expect(issuer.eventsOf('keys.failed')).toEqual([])
    })
  })
})

describe('over real sockets', () => {
  /** Short where only the timeout ends it. */
  const timeoutFor = (name: string) => (endless.includes(name) ? 0.4 : 5)
  const signed = (claims = {}, key = rsa1, header = {}) => lasting(claims, header, key)

  /** A validator whose keys come from a hostile server, with a clock of its own. */
  async function attacked(behaviour = good(), timeout = 5) {
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
      verdictOn: (token: string) => verdict(validate(token)),
      failed: async () => {
        while (!events.some(({ type }) => type === 'keys.failed')) await nextTurn()
        return events.find((event) => event.type === 'keys.failed')
      },
      [Symbol.asyncDispose]: server.close,
    }
  }

  const names = Object.keys(hostilities)

  it.concurrent.each(names)(
    'jwks-err-a jwks-err-d jwks-http-b %s: 503 when nothing is known yet, in bounded time',
    async (name) => {
      await using attack = await attacked(hostilities[name], timeoutFor(name))
      const startedAt = performance.now()
      expect(await attack.verdictOn(signed())).toBe('X503')
      expect(performance.now() - startedAt).toBeLessThan(4_000)
      expect(attack.events).toMatchObject([
        { type: 'keys.failed', serving: 'nothing' },
        { type: 'token.refused', status: 503, reason: 'service_unavailable' },
      ])
      // A connection that was reset is replaced once.
      const requests = /reset|closed/.test(name) ? ['GET /jwks', 'GET /jwks'] : ['GET /jwks']
      expect(attack.server.requests).toEqual(requests)
      attack.server.behave(good())
      attack.pass(7)
      expect(await attack.verdictOn(signed())).toBe('OK')
    },
  )

  it.concurrent.each(names)(
    'jwks-err-b 7517-5-c %s: 200 when there are keys, fresh or old, and 503 for an unknown kid',
    async (name) => {
      await using attack = await attacked(good(), timeoutFor(name))
      const token = signed()
      expect(await attack.verdictOn(token)).toBe('OK')
      attack.server.behave(hostilities[name] as never)
      attack.pass(500)
      expect(await attack.verdictOn(token)).toBe('OK')
      expect(await attack.failed()).toMatchObject({ serving: 'fresh' })
      attack.pass(80_000)
      expect(await attack.verdictOn(signed())).toBe('OK')
      expect(await attack.verdictOn(signed({}, rsa2))).toBe('X503')
      expect(attack.server.requests.every((line) => line === 'GET /jwks')).toBe(true)
    },
  )

  it.concurrent.each(Object.entries(oddities))(
    '7517-5-a jwks-http-c %s: the good key is used',
    async (_name, behaviour) => {
      await using attack = await attacked(behaviour)
      expect(await attack.verdictOn(signed())).toBe('OK')
      expect(await attack.verdictOn(signed({ sub: 'other' }))).toBe('OK')
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
    'jwks-err-d %s: the operator is told %s, and the connection is not kept',
    async (name, reason) => {
      await using attack = await attacked(hostilities[name], timeoutFor(name))
      await attack.verdictOn(signed())
      expect(await attack.failed()).toMatchObject({ reason })
      // Of 200 MB no more is sent than fits into the buffers on the way.
      expect(attack.server.sent()).toBeLessThan(16 * 1024 * 1024)
      await attack.server.over()
    },
  )

  it('an ETag is sent back over the wire, and its 304 understood', async () => {
    await using attack = await attacked(versioned)
    const token = signed()
    for (let count = 0; count < 3; count++) {
      expect(await attack.verdictOn(token)).toBe('OK')
      attack.pass(601)
    }
    expect(attack.server.requests).toHaveLength(3)
    expect(attack.events.filter(({ type }) => type === 'keys.failed')).toEqual([])
  })

  it('jwks-err-a nothing listens: 503 at once', async () => {
    const { jwksUri: uri, close } = await createHostileServer()
    await close()
    const { validate } = createValidator({ issuer: { issuer: ISS, jwksUri: uri }, audience: AUD })
    const startedAt = performance.now()
    expect(await verdict(validate(signed()))).toBe('X503')
    expect(performance.now() - startedAt).toBeLessThan(4_000)
  })

  it('jwks-err-a no such host: 503 within the timeout', async () => {
    const { validate } = createValidator({
      issuer: 'https://as.invalid',
      audience: AUD,
      keys: { timeout: 0.4 },
    })
    const startedAt = performance.now()
    expect(await verdict(validate(signed({ iss: 'https://as.invalid' })))).toBe('X503')
    expect(performance.now() - startedAt).toBeLessThan(4_000)
  })

  it('1,000 first requests at once, with keys after 500 ms: one metadata and one JWKS request, 1,000 accepted', async () => {
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

  it('an idle validator in front of a hanging issuer answers after 1.1 s at the most', async () => {
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
    // 1.0 s here when nothing else runs; the simulation above is exact, a fetch would take 5 s.
    expect(performance.now() - startedAt).toBeLessThan(4_000)
    const again = performance.now()
    await validate(token)
    expect(performance.now() - again).toBeLessThan(900)
  })

  it('jwks-err-c an issuer that was down at first and comes up is used without a restart', async () => {
    await using issuer = await createTestIssuer()
    const { clock } = issuer
    await issuer.down()
    const { validate } = createValidator({
      issuer: issuer.issuer,
      audience: issuer.audience,
      now: clock.now,
    })
    const token = await issuer.token()
    expect(await verdict(validate(token))).toBe('X503')
    await issuer.up()
    clock.advance(1)
    expect(await verdict(validate(token))).toBe('OK')
  })
})

describe('in a process of its own', { concurrent: true, timeout: 60_000 }, () => {
  const run = promisify(execFile)
  let built: string

  beforeAll(() => {
    built = mkdtempSync(join(tmpdir(), 'outages-'))
    writeFileSync(join(built, 'package.json'), '{"type":"module"}')
    execFileSync(join('node_modules', '.bin', 'tsc'), ['--noCheck', '--outDir', built])
  })
  afterAll(() => rmSync(built, { recursive: true }))

  /** Runs a script that gets `createValidator` and `given`; resolves to what it printed, as JSON. */
  async function child(script: string, given: unknown, timeout = 50_000) {
    const file = join(built, `${madeUp++}.js`)
    writeFileSync(
      file,
      `import { createValidator } from './index.js'\nconst given = ${JSON.stringify(given)}\n${script}`,
    )
    const { stdout, stderr } = await run(process.execPath, ['--expose-gc', file], { timeout })
    expect(stderr).toBe('')
    return { said: JSON.parse(stdout) }
  }

  const heap = `
    async function heap() {
      for (let turn = 0; turn < 5; turn++) { gc(); await new Promise(setImmediate) }
      return process.memoryUsage().heapUsed
    }`
  const options = { audience: AUD, issuer: { issuer: ISS, jwksUri } }
  const now = () => Math.floor(Date.now() / 1000)

  it('a key set of 200 MB costs less than 2 MB of heap', async () => {
    await using server = await createHostileServer(hostilities['200 MB'])
    const issuer = { issuer: ISS, jwksUri: server.jwksUri }
    const { said } = await child(
      `${heap}
      const validate = () => createValidator(given.options).validate(given.token).catch((error) => error.code)
      await validate()
      const before = await heap()
      const codes = [await validate(), await validate()]
      console.log(JSON.stringify({ codes, grown: await heap() - before }))`,
      { options: { ...options, issuer }, token: lasting() },
    )
    expect(said.codes).toEqual(['service_unavailable', 'service_unavailable'])
    expect(said.grown).toBeLessThan(2e6)
    expect(server.sent()).toBeLessThan(60e6)
  })

  it('100,000 made-up kids leave the heap where it was', async () => {
    const { said } = await child(
      `${heap}
      const options = { ...given.options, fetch: async () => Response.json({ keys: [given.jwk] }) }
      const { validate } = createValidator(options)
      const encode = (part) => Buffer.from(JSON.stringify(part)).toString('base64url')
      const claims = encode(given.claims)
      const codes = {}
      async function flood(count, salt) {
        for (let index = 0; index < count; index++) {
          const header = encode({ alg: 'RS256', kid: salt + index })
          const token = header + '.' + claims + '.' + given.signature
          await validate(token).catch(({ reason, code }) => { codes[reason ?? code] = (codes[reason ?? code] ?? 0) + 1 })
        }
      }
      await flood(1_000, 'warm-up-')
      const before = await heap()
      await flood(100_000, 'kid-')
      console.log(JSON.stringify({ codes, grown: await heap() - before }))`,
      {
        options,
        jwk: rsa1.jwk,
        claims: claimsT0({ exp: now() + day }),
        signature: 'A'.repeat(342),
      },
    )
    expect(said.codes).toEqual({ unknown_key: 101_000 })
    expect(said.grown).toBeLessThan(5e6)
  })

  it.each(['strangers', 'trusted'])(
    '10,000 issuers, %s, leave the heap where it was',
    async (kind) => {
      const { said } = await child(
        `${heap}
        let asked = 0
        const { validate } = createValidator({
          audience: given.claims.aud,
          issuer: (issuer) => { asked++; return given.trusted ? { issuer, jwksUri: issuer + '/jwks' } : undefined },
          fetch: async () => Response.json({ keys: [given.jwk] }),
        })
        const encode = (part) => Buffer.from(JSON.stringify(part)).toString('base64url')
        const header = encode({ alg: 'ES256', kid: given.jwk.kid })
        const codes = {}
        async function flood(count, salt) {
          for (let index = 0; index < count; index += 50) {
            await Promise.all(Array.from({ length: 50 }, async (_, offset) => {
              const iss = 'https://' + salt + (index + offset) + '.test'
              const token = header + '.' + encode({ ...given.claims, iss }) + '.' + given.signature
              await validate(token).catch(({ reason, code }) => { codes[reason ?? code] = (codes[reason ?? code] ?? 0) + 1 })
            }))
          }
        }
        await flood(1_500, 'warm-up-')
        const before = await heap()
        await flood(10_000, 'issuer-')
        console.log(JSON.stringify({ asked, codes, grown: await heap() - before }))`,
        {
          trusted: kind === 'trusted',
          jwk: ec1.jwk,
          claims: claimsT0({ exp: now() + day }),
          signature: 'A'.repeat(86),
        },
      )
      expect(said.asked).toBe(11_500)
      if (kind === 'trusted') {
        // Each has a key set of its own, and those of unverified issuers are limited.
        const { bad_signature: verified, service_unavailable: limited } = said.codes
        expect(verified).toBeGreaterThanOrEqual(600)
        expect(verified + limited).toBe(11_500)
      } else {
        expect(said.codes).toEqual({ wrong_issuer: 11_500 })
      }
      expect(said.grown).toBeLessThan(5e6)
    },
  )

  it.each(['good', 'accepted and never answered', '503 with Retry-After', 'one byte per second'])(
    'a script that validates one token ends by itself, with an issuer that is: %s',
    async (name) => {
      await using server = await createHostileServer(hostilities[name] ?? good())
      const issuer = { issuer: ISS, jwksUri: server.jwksUri }
      const { said } = await child(
        `const { validate } = createValidator(given.options)
        const result = await validate(given.token).then(() => 'OK', ({ code }) => code)
        const endedAt = performance.now()
        process.on('exit', () => console.log(JSON.stringify({ result, lingered: performance.now() - endedAt })))`,
        {
          options: { ...options, issuer, keys: { timeout: name === 'good' ? 5 : 0.2 } },
          token: signParts('{"alg":"RS256","kid":"rsa1"}', JSON.stringify(claimsT0())),
        },
      )
      expect(said.result).toBe(name === 'good' ? 'OK' : 'service_unavailable')
      // Less than any timeout and keep-alive that could hold it.
      expect(said.lingered).toBeLessThan(3_000)
    },
  )
})
