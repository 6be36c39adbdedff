/**
 * A function as `issuer` that accepts every name, and clients that name any number of issuers: the
 * requests and memory are limited, and tenants with a verified token are not affected.
 */
import {
  createValidator,
  type IssuerResolver,
  type ValidatorEvent,
  type ValidatorOptions,
} from 'oauth-resource-server'
import { describe, expect, it } from 'vitest'
import { AUD, base64url, jwks, rsa1, t0 } from '../support/fixture.ts'
import { json, status } from '../support/simulated-issuer.ts'

const start = 1_800_000_000
const realm = (name: string | number) => `https://host.test/realms/${name}`
const claims = { iat: start, exp: start + 100_000 }
const good = (iss: string) => t0({ iss, ...claims })
/** A token with a signature that is not verified, because its issuer has no keys. */
const unsigned = (iss: string) =>
  [{ alg: 'RS256', typ: 'at+jwt', kid: 'x' }, { iss, aud: AUD, ...claims }, 'x']
    .map((part) => base64url(JSON.stringify(part)))
    .join('.')

/** A host with metadata and keys of these tenants, and 404 for every other realm. */
function createHost(tenants: readonly string[], options: Partial<ValidatorOptions> = {}) {
  const clock = { seconds: start }
  const requests: string[] = []
  const events: ValidatorEvent[] = []
  const state = { inFlight: 0, mostInFlight: 0, isDown: false, delay: Promise.resolve() }
  const fetch = async (url: string) => {
    requests.push(url)
    state.mostInFlight = Math.max(state.mostInFlight, ++state.inFlight)
    await state.delay
    state.inFlight--
    if (state.isDown) throw new TypeError('fetch failed')
    for (const name of tenants) {
      const issuer = realm(name)
      if (url === `https://host.test/.well-known/oauth-authorization-server/realms/${name}`) {
        return json({ issuer, jwks_uri: `${issuer}/jwks` })
      }
      if (url === `${issuer}/jwks`) return json(jwks)
    }
    return status(404)
  }
  const issuer: IssuerResolver = async (iss) =>
    iss.startsWith('https://host.test/realms/') ? { issuer: iss } : undefined
  const validator = createValidator({
    issuer,
    audience: AUD,
    profile: 'jwt',
    now: () => clock.seconds * 1000,
    onEvent: (event) => void events.push(event),
    fetch,
    tokenCache: false,
    ...options,
  })
  const attempt = (token: string) =>
    validator.validate(token).then(
      () => 200,
      (error) => error.status as number,
    )
  const limited = () =>
    events.flatMap((event) => (event.type === 'issuers.rate_limited' ? [event.limit] : []))
  return { validator, attempt, clock, requests, events, state, limited }
}

describe('many made-up issuers', () => {
  it('5,000 cause at most 600 requests, and those of one more fetch', async () => {
    const { attempt, requests, limited, clock } = createHost([])
    for (let count = 0; count < 5_000; count++) {
      expect(await attempt(unsigned(realm(count)))).toBe(503)
    }
    expect(requests.length).toBeGreaterThanOrEqual(600)
    expect(requests.length).toBeLessThanOrEqual(603)
    expect(new Set(limited())).toEqual(new Set(['requests_per_minute']))
    clock.seconds += 60
    for (let count = 0; count < 1_000; count++) await attempt(unsigned(realm(`b${count}`)))
    expect(requests.length).toBeLessThanOrEqual(1_206)
  })

  it('20,000 at once have at most 50 requests in flight, and are answered with 503', async () => {
    const { attempt, requests, state, limited } = createHost([])
    let release = (): void => {}
    state.delay = new Promise((resolve) => {
      release = resolve
    })
    const before = process.memoryUsage().heapUsed
    const outcomes = Array.from({ length: 20_000 }, (_, count) => attempt(unsigned(realm(count))))
    // Wait until the function has returned. At most 100 calls of it are in progress.
    for (let turn = 0; turn < 20; turn++) await Promise.resolve()
    release()
    expect(new Set(await Promise.all(outcomes))).toEqual(new Set([503]))
    expect(state.mostInFlight).toBeLessThanOrEqual(50)
    expect(requests.length).toBeLessThanOrEqual(600 + 50 * 3)
    expect(new Set(limited())).toEqual(new Set(['resolver_calls', 'fetches_in_flight']))
    expect(process.memoryUsage().heapUsed - before).toBeLessThan(200 * 1024 * 1024)
  })

  it('do not affect a tenant with a verified token: no 503, no fetch, its keys and tokens are kept', async () => {
    const { attempt, requests, clock } = createHost(['a', 'b'], { keys: { maxAge: 3_600 } })
    for (const name of ['a', 'b']) expect(await attempt(good(realm(name)))).toBe(200)
    const hanging = createHost(['a'])
    expect(await hanging.attempt(good(realm('a')))).toBe(200)
    hanging.state.delay = new Promise(() => {})
    for (let count = 0; count < 2_000; count++) void hanging.attempt(unsigned(realm(`h${count}`)))
    for (let count = 0; count < 3_000; count++) {
      await attempt(unsigned(realm(count)))
      if (count % 100 === 0) {
        clock.seconds += 10
        for (const name of ['a', 'b']) expect(await attempt(good(realm(name)))).toBe(200)
        expect(await hanging.attempt(good(realm('a')))).toBe(200)
      }
    }
    const ofTenants = requests.filter((url) => /realms\/[ab](\/|$)/.test(url))
    expect(ofTenants).toHaveLength(4)
  })

  it('do not reset the back-off of a tenant whose server is down', async () => {
    const { attempt, requests, clock, state } = createHost(['a'], {
      keys: { maxAge: 60, staleIfError: 0 },
    })
    expect(await attempt(good(realm('a')))).toBe(200)
    state.isDown = true
    clock.seconds += 60
    expect(await attempt(good(realm('a')))).toBe(503)
    const ofTenant = () => requests.filter((url) => /realms\/a(\/|$)/.test(url)).length
    const afterFailure = ofTenant()
    for (let count = 0; count < 2_000; count++) await attempt(unsigned(realm(count)))
    clock.seconds += 0.5
    expect(await attempt(good(realm('a')))).toBe(503)
    expect(ofTenant()).toBe(afterFailure)
  })

  it('do not refuse a new tenant for longer than the limit lasts', async () => {
    const { attempt, clock } = createHost(['new'])
    for (let count = 0; count < 1_000; count++) await attempt(unsigned(realm(count)))
    expect(await attempt(good(realm('new')))).toBe(503)
    clock.seconds += 1
    expect(await attempt(good(realm('new')))).toBe(200)
    for (let count = 0; count < 1_000; count++) await attempt(unsigned(realm(count)))
    expect(await attempt(good(realm('new')))).toBe(200)
  })

  it('do not count as a failure of a new tenant whose keys are too old', async () => {
    const { attempt, clock, events } = createHost(['new'], {
      keys: { maxAge: 60, staleIfError: 0 },
    })
    expect(await attempt(unsigned(realm('new')))).toBe(401)
    for (let round = 0; round < 8; round++) {
      clock.seconds += 61
      for (let count = 0; count < 700; count++) await attempt(unsigned(realm(`${round}-${count}`)))
      expect(await attempt(good(realm('new')))).toBe(503)
    }
    expect(events).not.toContainEqual(
      expect.objectContaining({ type: 'keys.failed', issuer: realm('new') }),
    )
    clock.seconds += 1
    expect(await attempt(good(realm('new')))).toBe(200)
  })

  it('do not count as a failure of a new tenant whose keys are old but usable', async () => {
    const { attempt, clock, events } = createHost(['new'], { keys: { maxAge: 60 } })
    expect(await attempt(unsigned(realm('new')))).toBe(401)
    clock.seconds += 61
    for (let count = 0; count < 700; count++) await attempt(unsigned(realm(count)))
    expect(await attempt(good(realm('new')))).toBe(200)
    expect(events).not.toContainEqual(
      expect.objectContaining({ type: 'keys.failed', issuer: realm('new') }),
    )
  })

  it('a made-up key name of an issuer without a verified token counts too', async () => {
    const { attempt, limited, requests } = createHost(['a'])
    expect(await attempt(unsigned(realm('a')))).toBe(401)
    for (let count = 0; count < 1_000; count++) await attempt(unsigned(realm(count)))
    const before = requests.length
    limited().length = 0
    expect(await attempt(unsigned(realm('a')))).toBe(503)
    expect(requests).toHaveLength(before)
  })
})

describe('tenants with a verified token', () => {
  it('are kept 1,000 at a time, and the least recently used one is removed first', async () => {
    const asked: string[] = []
    const { validate } = createValidator({
      issuer: (iss) => {
        asked.push(iss)
        return { issuer: iss, jwks: { keys: [rsa1.jwk] } }
      },
      audience: AUD,
      now: () => start * 1000,
    })
    const first = good(realm(0))
    for (let count = 0; count < 1_000; count++) await validate(good(realm(count)))
    await validate(first)
    await validate(good(realm(1_000)))
    asked.length = 0
    await validate(first)
    await validate(good(realm(2)))
    expect(asked).toEqual([])
    await validate(good(realm(1)))
    expect(asked).toEqual([realm(1)])
  })
})
