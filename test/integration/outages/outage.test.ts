/**
 * Results of requests while the issuer is slow or down, or the clock jumps: the rows jwks-err, with
 * simulated time and network.
 */
import { beforeEach, describe, expect, it } from 'vitest'
import { ISS, rsa1 } from '../../support/fixture.ts'
import { day, lasting, late, madeUpKid, rsa2, simulation } from '../../support/outage-simulation.ts'
import {
  hanging,
  json,
  jump,
  jwksUri,
  outcomeOf,
  pass,
  refused,
  secondsUntil,
  status,
  stopTime,
} from '../../support/simulated-issuer.ts'

beforeEach(stopTime)

describe('steady traffic', () => {
  const maxAge = 60

  /** Sends four requests a second for ten lifetimes of the keys. Resolves to the longest wait. */
  async function slowestOf(jwks: () => Response | Promise<Response>, timeout = 5) {
    const { issuer, outcomeFor, validate } = simulation({ keys: { maxAge, timeout } })
    const token = lasting()
    expect(await outcomeFor(token)).toBe('OK')
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

  it('after an idle time, requests wait for a hanging key set for one second, once, and then use the old set', async () => {
    const { issuer, validate, outcomeFor } = simulation()
    const token = lasting()
    await outcomeFor(token)
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
  it('of a day: every request is accepted, with one attempt a minute and an event for each', async () => {
    const { issuer, outcomeFor } = simulation()
    const token = lasting()
    expect(await outcomeFor(token)).toBe('OK')
    issuer.jwks = refused
    issuer.metadata = refused
    const attempts: number[] = []
    for (let second = 0; second < day; second += 30) {
      await pass(30)
      const before = issuer.urls.length
      expect(await outcomeFor(token)).toBe('OK')
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
    // The first set was fresh for 600 s, and usable for a day after that.
    await pass(600)
    expect(await outcomeFor(token)).toBe('X503')
    expect(await outcomeFor(lasting())).toBe('X503')
    issuer.jwks = () => json({ keys: issuer.keys })
    const began = Date.now()
    while ((await outcomeFor(token)) !== 'OK') await pass(1)
    expect((Date.now() - began) / 1000).toBeLessThanOrEqual(60)
  })

  it('jwks-err-b a token with an unknown kid is answered with 503 during an outage, because the key may exist', async () => {
    const { issuer, outcomeFor } = simulation()
    const token = lasting()
    await outcomeFor(token)
    issuer.jwks = refused
    const outcomes: string[] = []
    for (let second = 0; second < 30; second++) {
      outcomes.push(await outcomeFor(madeUpKid()))
      expect(await outcomeFor(token)).toBe('OK')
      expect(await outcomeFor(lasting({}, { kid: 'rsa1' }, rsa2))).toBe('T401 bad_signature')
      await pass(1)
    }
    expect(new Set(outcomes)).toEqual(new Set(['X503']))
    expect(issuer.count().jwks).toBeLessThanOrEqual(6)
  })

  it('jwks-err-c a failure is not cached: once the issuer is back, a token is accepted within one back-off step', async () => {
    const { issuer, outcomeFor } = simulation()
    issuer.jwks = refused
    for (let second = 0; second < 20; second++) {
      expect(await outcomeFor(lasting())).toBe('X503')
      await pass(1)
    }
    issuer.jwks = () => json({ keys: issuer.keys })
    let waited = 0
    while ((await outcomeFor(lasting())) !== 'OK') {
      await pass(1)
      waited++
    }
    expect(waited).toBeLessThanOrEqual(16)
  })

  it.each([
    ['30', 30],
    ['600', 600],
    ['86400', 600],
  ])('Retry-After: %s delays the next attempt by %i seconds', async (header, seconds) => {
    const { issuer, validate, outcomeFor } = simulation()
    issuer.jwks = () => status(503, { 'retry-after': header })
    await expect(validate(lasting())).rejects.toMatchObject({
      retryAfter: seconds,
      headers: { 'Retry-After': String(seconds) },
    })
    issuer.jwks = () => json({ keys: issuer.keys })
    await pass(seconds - 1)
    expect(await outcomeFor(lasting())).toBe('X503')
    expect(issuer.count().jwks).toBe(1)
    await pass(1)
    expect(await outcomeFor(lasting())).toBe('OK')
  })

  it('7517-5-d a set without a usable key counts as an outage: 503 without other keys', async () => {
    const { issuer, outcomeFor } = simulation([] as never)
    issuer.keys = []
    expect(await outcomeFor(lasting())).toBe('X503')
    expect(issuer.eventsOf('keys.failed')).toMatchObject([{ reason: 'no_usable_key' }])
  })

  it('jwks-err-a a token that cannot be verified is answered with 503 within the timeout, not with 401', async () => {
    const { issuer, validate } = simulation()
    issuer.jwks = hanging
    const result = validate(lasting())
    result.catch(() => {})
    expect(await secondsUntil(result)).toBeLessThanOrEqual(5.1)
    expect(await outcomeOf(result)).toBe('X503')
  })

  it('events report every change of the keys, each with its issuer', async () => {
    const { issuer, outcomeFor } = simulation()
    await outcomeFor(lasting())
    issuer.jwks = refused
    await pass(500)
    await outcomeFor(lasting())
    await pass(0)
    issuer.jwks = () => json({ keys: [rsa1.jwk, rsa2.jwk, { kty: 'oct', kid: 'h' }] })
    await pass(700)
    await outcomeFor(lasting())
    await pass(0)
    const events = issuer.events.filter(({ type }) => !type.startsWith('token.'))
    expect(events).toMatchObject([
      { type: 'metadata.refreshed', jwksUri },
      { type: 'keys.refreshed', keys: 1, added: 1, removed: 0, durationMs: expect.any(Number) },
      { type: 'keys.failed', reason: 'network', serving: 'fresh', retryAfter: 1 },
      { type: 'metadata.refreshed', jwksUri },
      { type: 'keys.refreshed', keys: 2, skipped: 1, added: 1, removed: 0 },
      { type: 'keys.skipped', kid: 'h', reason: 'type' },
    ])
    expect(events.every((event) => 'issuer' in event && event.issuer === ISS)).toBe(true)
  })
})

describe('a clock that jumps', () => {
  it.each([day, 300 * day, -3_600, -300 * day])(
    'by %i seconds: no token is refused for its key',
    async (by) => {
      const { issuer, outcomeFor } = simulation()
      const ageless = (key = rsa1) => lasting({ iat: 1e9, exp: 4e9 }, {}, key)
      expect(await outcomeFor(ageless())).toBe('OK')
      jump(by)
      expect(await outcomeFor(ageless())).toBe('OK')
      await pass(0)
      issuer.keys = [rsa2.jwk]
      expect(await outcomeFor(ageless(rsa2))).toBe('OK')
      jump(-by)
      expect(await outcomeFor(ageless(rsa2))).toBe('OK')
    },
  )

  it('back, in the middle of an outage: the old keys stay in use', async () => {
    const { issuer, outcomeFor } = simulation()
    const token = lasting({ iat: 1e9, exp: 4e9 })
    await outcomeFor(token)
    issuer.jwks = refused
    await pass(3_600)
    expect(await outcomeFor(token)).toBe('OK')
    jump(-7_200)
    expect(await outcomeFor(token)).toBe('OK')
  })
})
