/**
 * How concurrent requests share a fetch, and how new and removed keys take effect: the rows jwks-cache,
 * jwks-rot and jwks-multi, with simulated time and network.
 */
import { beforeEach, describe, expect, it } from 'vitest'
import { ISS, makeKey, rsa1 } from '../../support/fixture.ts'
import { day, lasting, madeUpKid, rsa2, simulation } from '../../support/outage-simulation.ts'
import {
  json,
  jwksUri,
  metadataUrl,
  outcomeOf,
  pass,
  refused,
  simulateIssuer,
  stopTime,
} from '../../support/simulated-issuer.ts'

beforeEach(stopTime)

describe('concurrent and repeated requests', () => {
  it('jwks-cache-a a hundred sequential requests cause one fetch', async () => {
    const { issuer, outcomeFor } = simulation()
    for (let count = 0; count < 100; count++) expect(await outcomeFor(lasting())).toBe('OK')
    expect(issuer.urls).toEqual([metadataUrl, jwksUri])
  })

  it('jwks-cache-b fifty concurrent first requests cause one fetch', async () => {
    const { issuer, outcomeFor } = simulation({ tokenCache: false })
    const outcomes = await Promise.all(Array.from({ length: 50 }, () => outcomeFor(lasting())))
    expect(new Set(outcomes)).toEqual(new Set(['OK']))
    expect(issuer.urls).toEqual([metadataUrl, jwksUri])
  })

  it('ready() fetches the keys before the first request, and not again while they are fresh', async () => {
    const { issuer, ready, outcomeFor } = simulation()
    await ready()
    await ready()
    expect(await outcomeFor(lasting())).toBe('OK')
    expect(issuer.urls).toEqual([metadataUrl, jwksUri])
  })

  it('ready() rejects with ServiceUnavailableError while there are no keys', async () => {
    const { issuer, ready } = simulation()
    issuer.jwks = refused
    expect(await outcomeOf(ready())).toBe('X503')
  })

  it('jwks-multi keys of one issuer do not verify tokens of another, even with the same kid', async () => {
    const other = makeKey('RS256', 'rsa1')
    const issuers = { 'https://a.test': rsa1, 'https://b.test': other }
    const issuer = simulateIssuer()
    const { validate } = issuer.validator({
      issuer: Object.keys(issuers).map((name) => ({ issuer: name, jwksUri: `${name}/jwks` })),
    })
    issuer.jwks = (url) =>
      json({ keys: [issuers[new URL(url).origin as keyof typeof issuers].jwk] })
    const outcomes: unknown[] = []
    for (const iss of Object.keys(issuers)) {
      for (const key of [rsa1, other])
        outcomes.push(await outcomeOf(validate(lasting({ iss }, {}, key))))
    }
    expect(outcomes).toEqual(['OK', 'T401 bad_signature', 'T401 bad_signature', 'OK'])
  })
})

describe('rotation', () => {
  it('jwks-rot-a a token with a new key is accepted after exactly one more fetch', async () => {
    const { issuer, outcomeFor } = simulation()
    await outcomeFor(lasting())
    issuer.keys = [rsa1.jwk, rsa2.jwk]
    expect(await outcomeFor(lasting({}, {}, rsa2))).toBe('OK')
    expect(await outcomeFor(lasting({ sub: 'other' }, {}, rsa2))).toBe('OK')
    expect(await outcomeFor(lasting())).toBe('OK')
    expect(issuer.count()).toEqual({ metadata: 1, jwks: 2 })
  })

  it('a token without kid and with a new key is accepted after one more fetch too', async () => {
    const { issuer, outcomeFor } = simulation()
    await outcomeFor(lasting())
    issuer.keys = [rsa1.jwk, rsa2.jwk]
    expect(await outcomeFor(lasting({}, { kid: undefined }, rsa2))).toBe('OK')
    expect(issuer.count().jwks).toBe(2)
  })

  it.each([
    ['a bad signature under a known kid', () => lasting({}, { kid: 'rsa1' }, rsa2)],
    ['a wrong audience', () => lasting({ aud: 'other' }, {}, rsa2)],
    ['an expired token', () => lasting({ exp: 1 }, {}, rsa2)],
    ['a wrong issuer', () => lasting({ iss: 'https://evil.test' }, {}, rsa2)],
  ])('%s causes no fetch', async (_what, token) => {
    const { issuer, outcomeFor } = simulation()
    await outcomeFor(lasting())
    expect(await outcomeFor(token())).toMatch(/^T401 /)
    expect(issuer.count().jwks).toBe(1)
  })

  it('twenty concurrent requests with the same new kid count once against the rate limit', async () => {
    const { issuer, outcomeFor } = simulation()
    await outcomeFor(lasting())
    for (let round = 1; round <= 4; round++) {
      const token = madeUpKid()
      const outcomes = await Promise.all(Array.from({ length: 20 }, () => outcomeFor(token)))
      expect(new Set(outcomes)).toEqual(new Set(['T401 unknown_key']))
      expect(issuer.count().jwks).toBe(1 + round)
    }
    await outcomeFor(madeUpKid())
    expect(issuer.count().jwks).toBe(5)
  })

  it('a rotation right after three concurrent made-up kids is accepted on its first request', async () => {
    const { issuer, outcomeFor } = simulation()
    await outcomeFor(lasting())
    await Promise.all([madeUpKid(), madeUpKid(), madeUpKid()].map(outcomeFor))
    issuer.keys = [rsa1.jwk, rsa2.jwk]
    expect(await outcomeFor(lasting({}, {}, rsa2))).toBe('OK')
  })

  it('a rotation right after three sequential made-up kids is accepted on its first request', async () => {
    const { issuer, outcomeFor } = simulation()
    await outcomeFor(lasting())
    for (let count = 0; count < 3; count++) await outcomeFor(madeUpKid())
    issuer.keys = [rsa1.jwk, rsa2.jwk]
    expect(await outcomeFor(lasting({}, {}, rsa2))).toBe('OK')
  })

  it('jwks-rot-b 10,000 made-up kids in ten seconds cause four fetches, and all are refused with 401', async () => {
    const { issuer, outcomeFor } = simulation()
    const good = lasting()
    await outcomeFor(good)
    const outcomes = new Set<string>()
    for (let second = 0; second < 10; second++) {
      const flood = Array.from({ length: 1_000 }, () => outcomeFor(madeUpKid()))
      for (const result of await Promise.all(flood)) outcomes.add(result)
      expect(await outcomeFor(good)).toBe('OK')
      await pass(1)
    }
    expect(outcomes).toEqual(new Set(['T401 unknown_key']))
    expect(issuer.count().jwks - 1).toBeGreaterThan(0)
    expect(issuer.count().jwks - 1).toBeLessThanOrEqual(5)
    expect(issuer.eventsOf('keys.rate_limited').length).toBeGreaterThan(5_000)
  })

  it('jwks-rot-c a rotation in the middle of a flood is accepted within 30 seconds', async () => {
    const { issuer, outcomeFor } = simulation()
    await outcomeFor(lasting())
    const flood = () => Promise.all(Array.from({ length: 20 }, () => outcomeFor(madeUpKid())))
    for (let second = 0; second < 45; second++) await flood().then(() => pass(1))
    issuer.keys = [rsa1.jwk, rsa2.jwk]
    let waited = 0
    while ((await outcomeFor(lasting({}, {}, rsa2))) !== 'OK') {
      await flood()
      await pass(1)
      waited++
      expect(waited).toBeLessThanOrEqual(30)
    }
    expect(waited).toBeGreaterThan(0)
  })

  it('a flood keeps causing only two fetches a minute', async () => {
    const { issuer, outcomeFor } = simulation({ keys: { maxAge: day } })
    await outcomeFor(lasting())
    for (let second = 0; second < 600; second++) {
      await outcomeFor(madeUpKid())
      await pass(1)
    }
    expect(issuer.count().jwks - 1).toBeGreaterThanOrEqual(20)
    expect(issuer.count().jwks - 1).toBeLessThanOrEqual(4 + 20)
  })

  it('jwks-rot-d a removed key, and its cached tokens, are refused after the next refresh', async () => {
    const { issuer, outcomeFor } = simulation()
    const token = lasting()
    expect(await outcomeFor(token)).toBe('OK')
    issuer.keys = [rsa2.jwk]
    await pass(300)
    expect(await outcomeFor(token)).toBe('OK')
    await pass(300)
    expect(await outcomeFor(token)).toBe('T401 unknown_key')
    expect(await outcomeFor(lasting())).toBe('T401 unknown_key')
    expect(issuer.eventsOf('keys.refreshed')[1]).toMatchObject({ added: 1, removed: 1 })
  })

  it('a key that is published again verifies again', async () => {
    const { issuer, outcomeFor } = simulation()
    const token = lasting()
    await outcomeFor(token)
    issuer.keys = [rsa2.jwk]
    await pass(600)
    expect(await outcomeFor(token)).toBe('T401 unknown_key')
    issuer.keys = [rsa1.jwk]
    await pass(600)
    expect(await outcomeFor(token)).toBe('OK')
  })

  it.each([
    ['no response', refused],
    ['an empty set', () => json({ keys: [] })],
    ['a set without a usable key', () => json({ keys: [{ kty: 'oct', k: 'AA', kid: 'rsa1' }] })],
    ['another document', () => json({ issuer: ISS })],
  ])('%s removes no key', async (_what, answer) => {
    const { issuer, outcomeFor } = simulation()
    const token = lasting()
    await outcomeFor(token)
    issuer.jwks = answer
    for (let hour = 0; hour < 24; hour++) {
      await pass(3_600)
      expect(await outcomeFor(token)).toBe('OK')
      await pass(0)
    }
    expect(issuer.eventsOf('keys.failed')).toHaveLength(24)
  })
})
