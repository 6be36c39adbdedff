/**
 * What requests get while the issuer is slow or down, or a clock jumps: the rows jwks-err, with time
 * and network injected.
 */
import { beforeEach, describe, expect, it } from 'vitest'
import { ISS, rsa1 } from '../../support/fixture.ts'
import { day, lasting, late, madeUpKid, rsa2, simulation } from '../../support/outage-simulation.ts'
import {
  hanging,
  json,
  jump,
  jwksUri,
  pass,
  refused,
  secondsUntil,
  status,
  stopTime,
  verdict,
} from '../../support/simulated-issuer.ts'

beforeEach(stopTime)

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
