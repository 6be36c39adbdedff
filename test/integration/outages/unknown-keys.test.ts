/**
 * Tokens with an unknown key while responses are slow, and keys that were compromised or moved, with
 * simulated time and network.
 */
import { beforeEach, describe, expect, it } from 'vitest'
import { ISS, rsa1 } from '../../support/fixture.ts'
import { lasting, late, madeUpKid, rsa2, simulation } from '../../support/outage-simulation.ts'
import {
  hanging,
  json,
  jwksUri,
  metadataUrl,
  pass,
  secondsUntil,
  status,
  stopTime,
} from '../../support/simulated-issuer.ts'

beforeEach(stopTime)

it('jwks-rot-a a token with a new key is accepted during the lookup of a made-up kid', async () => {
  const { issuer, outcomeFor } = simulation()
  await outcomeFor(lasting())
  // The response has the keys of the time of the request.
  issuer.jwks = () => late(1, json.bind(undefined, { keys: [...issuer.keys] }))()
  const madeUp = outcomeFor(madeUpKid())
  await pass(0.1)
  issuer.keys = [rsa1.jwk, rsa2.jwk]
  const rotated = outcomeFor(lasting({}, {}, rsa2))
  // Two responses after 1 s each, the second one requested after the token arrived.
  expect(await secondsUntil(rotated)).toBeLessThan(2.5)
  expect(await rotated).toBe('OK')
  expect(await madeUp).toBe('T401 unknown_key')
})

it('jwks-rot-a a token with a new key is accepted or answered with 503 during a slow refresh', async () => {
  const { issuer, outcomeFor } = simulation()
  await outcomeFor(lasting())
  issuer.jwks = () => late(4, json.bind(undefined, { keys: [...issuer.keys] }))()
  await pass(500)
  await outcomeFor(lasting())
  await pass(0)
  issuer.keys = [rsa1.jwk, rsa2.jwk]
  const token = lasting({}, {}, rsa2)
  const rotated = outcomeFor(token)
  expect(await secondsUntil(rotated)).toBeLessThanOrEqual(5.1)
  expect(await rotated).toBe('X503')
  // The fetch continues, and the next request uses its result.
  for (let second = 0; second < 5; second++) await pass(1)
  expect(await outcomeFor(token)).toBe('OK')
})

it('no request waits longer than keys.timeout when metadata, first keys and a lookup are slow', async () => {
  const { issuer, outcomeFor } = simulation({ keys: { timeout: 1 } })
  issuer.metadata = late(0.45, () => json({ issuer: ISS, jwks_uri: jwksUri }))
  issuer.jwks = late(0.45, () => json({ keys: [rsa1.jwk] }))
  const waits: number[] = []
  for (let request = 0; request < 12; request++) {
    const result = outcomeFor(request % 2 === 0 ? madeUpKid() : lasting({}, {}, rsa2))
    waits.push(await secondsUntil(result))
    await pass(0.2)
  }
  expect(Math.max(...waits)).toBeLessThanOrEqual(1.05)
})

it('fetched keys are used while a due refresh of the metadata hangs', async () => {
  const { issuer, outcomeFor } = simulation()
  await outcomeFor(lasting())
  issuer.metadata = hanging
  issuer.keys = [rsa1.jwk, rsa2.jwk]
  await pass(600)
  const result = outcomeFor(lasting({}, {}, rsa2))
  expect(await secondsUntil(result)).toBeLessThan(1)
  expect(await result).toBe('OK')
  await pass(5)
  expect(issuer.eventsOf('metadata.failed')).toMatchObject([{ reason: 'timeout' }])
})

it('7517-priv tokens of a key whose private key was published are refused at once, cached ones too', async () => {
  const { issuer, outcomeFor } = simulation()
  const token = lasting()
  expect(await outcomeFor(token)).toBe('OK')
  issuer.keys = [rsa1.privateKey.export({ format: 'jwk' })].map((jwk) => ({ ...rsa1.jwk, ...jwk }))
  await pass(500)
  await outcomeFor(token)
  await pass(0)
  expect(await outcomeFor(token)).toBe('X503')
  expect(await outcomeFor(lasting())).toBe('X503')
  expect(issuer.eventsOf('keys.skipped')).toMatchObject([{ kid: 'rsa1', reason: 'private' }])
  issuer.keys = [rsa2.jwk]
  await pass(60)
  expect(await outcomeFor(lasting({}, {}, rsa2))).toBe('OK')
  expect(await outcomeFor(token)).toBe('T401 unknown_key')
})

it('an ETag that makes the server fail is sent once', async () => {
  const { issuer, outcomeFor } = simulation()
  const asked: unknown[] = []
  issuer.jwks = (_url, headers) => {
    asked.push(headers.get('if-none-match'))
    return headers.has('if-none-match')
      ? status(431)
      : json({ keys: issuer.keys }, { etag: '"v1"' })
  }
  await outcomeFor(lasting())
  await pass(500)
  await outcomeFor(lasting())
  await pass(0)
  await pass(2)
  expect(await outcomeFor(lasting())).toBe('OK')
  await pass(0)
  expect(asked).toEqual([null, '"v1"', null])
})

it.each([
  ['metadata', metadataUrl],
  ['keys', jwksUri],
])('%s may begin with a byte order mark', async (_what, url) => {
  const { issuer, outcomeFor } = simulation()
  const marked = (body: unknown) => new Response(`\ufeff${JSON.stringify(body)}`)
  if (url === metadataUrl) issuer.metadata = () => marked({ issuer: ISS, jwks_uri: jwksUri })
  else issuer.jwks = () => marked({ keys: issuer.keys })
  expect(await outcomeFor(lasting())).toBe('OK')
})

it('no request waits longer than keys.timeout, with a cached token whose key was removed', async () => {
  const { issuer, outcomeFor } = simulation({ keys: { maxAge: 60, staleIfError: 0, timeout: 2 } })
  const token = lasting()
  expect(await outcomeFor(token)).toBe('OK')
  await pass(61)
  issuer.keys = [rsa2.jwk]
  issuer.jwks = late(1.5, () => json({ keys: issuer.keys }))
  const before = issuer.count().jwks
  const result = outcomeFor(token)
  expect(await secondsUntil(result)).toBeLessThanOrEqual(2.1)
  expect(await result).toBe('T401 unknown_key')
  expect(issuer.count().jwks).toBe(before + 1)
})

describe('9068-4-exp-a a token that expires while keys are fetched', () => {
  const slow = { clockTolerance: 0, keys: { maxAge: 60, staleIfError: 0, timeout: 5 } } as const

  it.each([
    ['is verified for the first time', false],
    ['is cached', true],
  ])('is refused if it %s', async (_, isCached) => {
    const { issuer, outcomeFor } = simulation(slow)
    const now = Math.floor(Date.now() / 1000)
    const token = lasting({ exp: now + 62 })
    if (isCached) expect(await outcomeFor(token)).toBe('OK')
    await pass(61)
    issuer.jwks = late(3, () => json({ keys: issuer.keys }))
    const result = outcomeFor(token)
    await secondsUntil(result)
    expect(await result).toBe('T401 expired')
  })
})
