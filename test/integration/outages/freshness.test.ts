/**
 * How long keys and metadata are used, and when the metadata is read again: the rows jwks-ttl and
 * 8414-lazy, with simulated time and network.
 */
import { beforeEach, describe, expect, it } from 'vitest'
import { ISS, rsa1 } from '../../support/fixture.ts'
import { day, lasting, late, rsa2, simulation } from '../../support/outage-simulation.ts'
import {
  json,
  jwksUri,
  metadataUrl,
  pass,
  refused,
  secondsUntil,
  status,
  stopTime,
} from '../../support/simulated-issuer.ts'

beforeEach(stopTime)

describe('the headers of responses', () => {
  it('the ETag is sent back, and a 304 extends the life of the set and of the tokens cached with it', async () => {
    const { issuer, outcomeFor } = simulation({ keys: { staleIfError: 0 } })
    const asked: unknown[] = []
    issuer.jwks = (_url, headers) => {
      asked.push(headers.get('if-none-match'))
      return asked.length === 1 ? json({ keys: issuer.keys }, { etag: '"v1"' }) : status(304)
    }
    const token = lasting()
    for (let count = 0; count < 5; count++) {
      expect(await outcomeFor(token)).toBe('OK')
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
    const { issuer, outcomeFor } = simulation()
    const headers: Record<string, string> = header === undefined ? {} : { 'cache-control': header }
    issuer.jwks = () => json({ keys: issuer.keys }, headers)
    const token = lasting()
    await outcomeFor(token)
    await pass(seconds * 0.75 - 1)
    await outcomeFor(token)
    await pass(0)
    expect(issuer.count().jwks).toBe(1)
    await pass(1)
    await outcomeFor(token)
    await pass(0)
    expect(issuer.count().jwks).toBe(2)
  })
})

describe('the metadata', () => {
  const moved = 'https://as.test/new/jwks'

  it('is read again when the URL of the keys responds with 404, and no request is refused meanwhile', async () => {
    const { issuer, outcomeFor } = simulation()
    await outcomeFor(lasting())
    issuer.metadata = () => json({ issuer: ISS, jwks_uri: moved })
    issuer.jwks = (url) => (url === moved ? json({ keys: [rsa2.jwk] }) : status(404))
    await pass(600)
    expect(await outcomeFor(lasting({}, {}, rsa2))).toBe('OK')
    expect(issuer.urls.slice(2)).toEqual([jwksUri, metadataUrl, moved])
  })

  it('is read again when the host of the keys is gone, which ends the outage', async () => {
    const { issuer, outcomeFor } = simulation()
    const token = lasting()
    expect(await outcomeFor(token)).toBe('OK')
    issuer.jwks = (url) => (url === moved ? json({ keys: issuer.keys }) : refused())
    issuer.metadata = () => json({ issuer: ISS, jwks_uri: moved })
    for (let minute = 0; minute < 30; minute++) {
      expect(await outcomeFor(token)).toBe('OK')
      await pass(60)
    }
    expect(issuer.urls).toContain(moved)
    expect(issuer.eventsOf('keys.refreshed').length).toBeGreaterThan(1)
  })

  it('is read again at its own age, in the background', async () => {
    const { issuer, validate, outcomeFor } = simulation()
    const token = lasting()
    await outcomeFor(token)
    issuer.metadata = late(3, () => json({ issuer: ISS, jwks_uri: moved }))
    issuer.keys = [rsa1.jwk, rsa2.jwk]
    for (let second = 0; second < 1_200; second++) {
      expect(await secondsUntil(validate(token))).toBe(0)
      await pass(1)
    }
    expect(await outcomeFor(lasting({}, {}, rsa2))).toBe('OK')
    expect(issuer.urls).toContain(moved)
    expect(issuer.urls.at(-1)).toBe(moved)
  })

  it('that cannot be read again leaves the known URL in use and emits an event', async () => {
    const { issuer, outcomeFor } = simulation()
    const token = lasting()
    await outcomeFor(token)
    issuer.metadata = () => status(500)
    for (let minute = 0; minute < 120; minute++) {
      expect(await outcomeFor(token)).toBe('OK')
      await pass(60)
    }
    expect(issuer.eventsOf('keys.failed')).toEqual([])
    expect(issuer.eventsOf('metadata.failed').length).toBeGreaterThan(5)
    expect(issuer.eventsOf('metadata.failed').length).toBeLessThanOrEqual(13)
  })

  it('that names a URL which fails leaves the known URL in use', async () => {
    const { issuer, outcomeFor } = simulation()
    const token = lasting()
    await outcomeFor(token)
    issuer.metadata = () => json({ issuer: ISS, jwks_uri: moved })
    issuer.jwks = (url) => (url === moved ? status(500) : json({ keys: issuer.keys }))
    await pass(600)
    for (let hour = 0; hour < 30; hour++) {
      expect(await outcomeFor(token)).toBe('OK')
      await pass(0)
      await pass(3_600)
    }
    expect(issuer.eventsOf('keys.failed')).toEqual([])
  })
})
