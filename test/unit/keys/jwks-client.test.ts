import { describe, expect, it } from 'vitest'
import { createObserver, type ValidatorEvent } from '../../../src/events.ts'
import { FetchFailure } from '../../../src/internal/fetch-json.ts'
import { createKeysEndpoint, reasonOf } from '../../../src/keys/jwks-client.ts'
import type { KeySet } from '../../../src/keys/key-set.ts'
import { ec1, ISS, rsa1 } from '../../support/fixture.ts'
import {
  type Answer,
  hanging,
  json,
  jwksUri,
  metadataUrl,
  status,
} from '../../support/simulated-issuer.ts'

const keys = { keys: [rsa1.jwk] }
const otherUri = 'https://other.test/keys'

/** An endpoint whose answers are given by URL; every other URL is a 404. */
function endpointWith(changes: { jwksUri?: string } = {}) {
  let time = 1e12
  let previous: KeySet | undefined
  const events: ValidatorEvent[] = []
  const served = new Map<string, Answer>([
    [metadataUrl, () => json({ issuer: ISS, jwks_uri: jwksUri })],
    [jwksUri, () => json(keys)],
  ])
  const asked: string[] = []
  const endpoint = createKeysEndpoint({
    issuer: ISS,
    jwksUri: changes.jwksUri,
    allowInsecureHttp: false,
    maxAge: 600,
    now: () => time,
    observer: createObserver((event) => events.push(event)),
    fetch: async (input, init) => {
      const url = String(input)
      const headers = new Headers(init?.headers)
      asked.push(`${url} ${headers.get('if-none-match') ?? ''}`.trim())
      return served.get(url)?.(url, headers) ?? status(404)
    },
  })
  return {
    served,
    events,
    pass: (seconds: number) => {
      time += seconds * 1000
    },
    /** Fetches once more, and tells what was asked for. */
    async fetch(signal = new AbortController().signal) {
      asked.length = 0
      try {
        const { set, lifetime } = await endpoint.fetch(signal, previous)
        const same = set === previous
        previous = set
        return { kids: [...set.keys.values()].map(({ kid }) => kid), lifetime, same, asked }
      } catch (error) {
        if (!(error instanceof FetchFailure)) throw error
        const { url, message } = error
        return { reason: reasonOf(error), url, message, asked }
      }
    },
  }
}

const movedTo =
  (uri: string, headers = {}) =>
  () =>
    json({ issuer: ISS, jwks_uri: uri }, headers)

describe('finding the keys', () => {
  it('reads the metadata once, then asks the keys’ URL alone', async () => {
    const { fetch, events } = endpointWith()
    expect(await fetch()).toMatchObject({ kids: ['rsa1'], asked: [metadataUrl, jwksUri] })
    expect(await fetch()).toMatchObject({ asked: [jwksUri] })
    expect(events).toEqual([{ type: 'metadata.refreshed', issuer: ISS, jwksUri }])
  })

  it('never reads metadata where the URL is given, not even after a 404 or a year', async () => {
    const { fetch, served, pass } = endpointWith({ jwksUri: otherUri })
    expect(await fetch()).toMatchObject({ reason: 'status', asked: [otherUri] })
    served.set(otherUri, () => json(keys))
    pass(31_536_000)
    expect(await fetch()).toMatchObject({ kids: ['rsa1'], asked: [otherUri] })
  })

  it('forgets metadata whose keys did not come', async () => {
    const { fetch, served } = endpointWith()
    served.set(jwksUri, () => status(500))
    expect(await fetch()).toMatchObject({ reason: 'status', url: jwksUri })
    served.set(metadataUrl, movedTo(otherUri)).set(otherUri, () => json(keys))
    expect(await fetch()).toMatchObject({ asked: [metadataUrl, otherUri] })
  })

  it.each([400, 401, 403, 404, 410])(
    'reads the metadata again when the keys answer %i',
    async (code) => {
      const { fetch, served } = endpointWith()
      await fetch()
      served
        .set(jwksUri, () => status(code))
        .set(metadataUrl, movedTo(otherUri))
        .set(otherUri, () => json({ keys: [ec1.jwk] }))
      expect(await fetch()).toMatchObject({
        kids: ['ec1'],
        asked: [jwksUri, metadataUrl, otherUri],
      })
      expect(await fetch()).toMatchObject({ asked: [otherUri] })
    },
  )

  it.each([429, 500, 503])('does not when they answer %i', async (code) => {
    const { fetch, served } = endpointWith()
    await fetch()
    served.set(jwksUri, () => status(code))
    expect(await fetch()).toMatchObject({ reason: 'status', asked: [jwksUri] })
  })

  it('does not ask the same URL twice when the metadata still name it', async () => {
    const { fetch, served } = endpointWith()
    await fetch()
    served.set(jwksUri, () => status(404))
    expect(await fetch()).toMatchObject({
      reason: 'status',
      url: jwksUri,
      asked: [jwksUri, metadataUrl],
    })
  })
})

describe('the age of the metadata', () => {
  it('is the default, and then they are read again, after the keys', async () => {
    const { fetch, pass } = endpointWith()
    await fetch()
    pass(599)
    expect(await fetch()).toMatchObject({ asked: [jwksUri] })
    pass(1)
    expect(await fetch()).toMatchObject({ asked: [jwksUri, metadataUrl] })
    expect(await fetch()).toMatchObject({ asked: [jwksUri] })
  })

  it('is what their own Cache-Control says', async () => {
    const { fetch, pass, served } = endpointWith()
    served.set(metadataUrl, movedTo(jwksUri, { 'cache-control': 'max-age=7200' }))
    await fetch()
    pass(7_199)
    expect(await fetch()).toMatchObject({ asked: [jwksUri] })
    pass(1)
    expect(await fetch()).toMatchObject({ asked: [jwksUri, metadataUrl] })
  })

  it('leads to a new URL, even while the old one answers', async () => {
    const { fetch, pass, served } = endpointWith()
    await fetch()
    pass(600)
    served.set(metadataUrl, movedTo(otherUri)).set(otherUri, () => json({ keys: [ec1.jwk] }))
    expect(await fetch()).toMatchObject({ kids: ['ec1'], asked: [jwksUri, metadataUrl, otherUri] })
    expect(await fetch()).toMatchObject({ asked: [otherUri] })
  })

  it.each([
    ['fail', () => status(500)],
    ['are of another issuer', () => json({ issuer: 'https://evil.test', jwks_uri: otherUri })],
  ])('costs nothing but an event where they %s: the keys came', async (_what, answer) => {
    const { fetch, pass, served, events } = endpointWith()
    await fetch()
    pass(600)
    served.set(metadataUrl, answer)
    expect(await fetch()).toMatchObject({ kids: ['rsa1'] })
    expect(events.at(-1)).toMatchObject({ type: 'metadata.failed', issuer: ISS })
    pass(599)
    expect(await fetch()).toMatchObject({ asked: [jwksUri] })
    pass(1)
    served.set(metadataUrl, movedTo(jwksUri))
    expect(await fetch()).toMatchObject({ asked: [jwksUri, metadataUrl] })
  })

  it('costs nothing but an event where they never come', async () => {
    const { fetch, pass, served, events } = endpointWith()
    await fetch()
    pass(600)
    served.set(metadataUrl, hanging)
    expect(await fetch(AbortSignal.timeout(30))).toMatchObject({ kids: ['rsa1'] })
    expect(events.at(-1)).toMatchObject({ type: 'metadata.failed', reason: 'timeout' })
  })

  it('makes them be read first after a failure, once for each age, for the old host may be gone', async () => {
    const { fetch, pass, served } = endpointWith()
    await fetch()
    served.set(jwksUri, () => status(500))
    pass(599)
    expect(await fetch()).toMatchObject({ reason: 'status' })
    pass(1)
    served.set(metadataUrl, movedTo(otherUri)).set(otherUri, () => json(keys))
    expect(await fetch()).toMatchObject({ kids: ['rsa1'], asked: [metadataUrl, otherUri] })
  })

  it('does not make them be read again and again in a long failure', async () => {
    const { fetch, pass, served } = endpointWith()
    await fetch()
    served.set(jwksUri, () => status(500)).set(metadataUrl, () => status(500))
    pass(600)
    expect(await fetch()).toMatchObject({ asked: [jwksUri] })
    expect(await fetch()).toMatchObject({ asked: [metadataUrl] })
    pass(599)
    expect(await fetch()).toMatchObject({ asked: [jwksUri] })
    pass(1)
    expect(await fetch()).toMatchObject({ asked: [metadataUrl] })
  })

  it.each([
    ['does not answer', () => status(500)],
    ['answers without a key', () => json({ keys: [] })],
  ])('leaves the old URL in use while the new one %s', async (_what, answer) => {
    const { fetch, pass, served } = endpointWith()
    await fetch()
    pass(600)
    served.set(metadataUrl, movedTo(otherUri)).set(otherUri, answer)
    expect(await fetch()).toMatchObject({ kids: ['rsa1'], asked: [jwksUri, metadataUrl, otherUri] })
    expect(await fetch()).toMatchObject({ kids: ['rsa1'], asked: [jwksUri] })
  })
})

describe('the version of the keys', () => {
  const versioned: Answer = (_url, headers) =>
    headers.get('if-none-match') === '"v1"' ? status(304) : json(keys, { etag: '"v1"' })

  it('is sent back, and a 304 leaves the very same set', async () => {
    const { fetch, served } = endpointWith({ jwksUri })
    served.set(jwksUri, versioned)
    expect(await fetch()).toMatchObject({ same: false, asked: [jwksUri] })
    expect(await fetch()).toMatchObject({ same: true, kids: ['rsa1'], asked: [`${jwksUri} "v1"`] })
    expect(await fetch()).toMatchObject({ same: true, asked: [`${jwksUri} "v1"`] })
  })

  it('is not sent to another URL', async () => {
    const { fetch, served, pass } = endpointWith()
    served.set(jwksUri, versioned)
    await fetch()
    pass(600)
    served.set(metadataUrl, movedTo(otherUri)).set(otherUri, versioned)
    expect(await fetch()).toMatchObject({ asked: [`${jwksUri} "v1"`, metadataUrl, otherUri] })
    expect(await fetch()).toMatchObject({ asked: [`${otherUri} "v1"`] })
  })

  it('is not that of an answer that was not accepted', async () => {
    const { fetch, served } = endpointWith({ jwksUri })
    served.set(jwksUri, versioned)
    await fetch()
    served.set(jwksUri, () => json({ keys: [] }, { etag: '"v2"' }))
    expect(await fetch()).toMatchObject({ reason: 'no_usable_key' })
    expect(await fetch()).toMatchObject({ asked: [`${jwksUri} "v1"`] })
  })

  it('is forgotten when an answer has none', async () => {
    const { fetch, served } = endpointWith({ jwksUri })
    served.set(jwksUri, versioned)
    await fetch()
    served.set(jwksUri, () => json(keys))
    await fetch()
    expect(await fetch()).toMatchObject({ asked: [jwksUri] })
  })

  it('a 304 that was not asked for is a failure', async () => {
    const { fetch, served } = endpointWith({ jwksUri })
    served.set(jwksUri, () => status(304))
    expect(await fetch()).toMatchObject({ reason: 'redirect' })
  })
})

describe('the lifetime of the keys', () => {
  it('is what Cache-Control says, and after a 304 what it said last', async () => {
    const { fetch, served } = endpointWith({ jwksUri })
    const answers = [
      () => json(keys, { etag: '"v1"', 'cache-control': 'max-age=300' }),
      () => status(304),
      () => status(304, { 'cache-control': 'max-age=900' }),
      () => status(304),
      () => json(keys),
    ]
    const lifetimes: unknown[] = []
    for (const answer of answers) {
      served.set(jwksUri, answer)
      lifetimes.push((await fetch()).lifetime)
    }
    expect(lifetimes).toEqual([300, 300, 900, 900, 600])
  })
})

describe('what is no key set', () => {
  it.each([
    [{}, 'not_a_key_set', 'the answer is no JWK Set, or one of over 100 keys'],
    [{ keys: {} }, 'not_a_key_set', 'the answer is no JWK Set, or one of over 100 keys'],
    [
      { keys: Array(101).fill(rsa1.jwk) },
      'not_a_key_set',
      'the answer is no JWK Set, or one of over 100 keys',
    ],
    [{ keys: [] }, 'no_usable_key', 'the JWK Set holds no usable key'],
    [{ keys: [{ kty: 'oct', k: 'AA' }] }, 'no_usable_key', 'the JWK Set holds no usable key'],
    [[], 'not_json', 'the answer is not a JSON object'],
  ])('fails, with a reason (%#)', async (body, reason, message) => {
    const { fetch, served } = endpointWith({ jwksUri })
    served.set(jwksUri, () => json(body))
    const failure = { reason, url: jwksUri, message: `${jwksUri}: ${message}` }
    expect(await fetch()).toMatchObject(failure)
  })
})

it('counts what is no FetchFailure as a failure of the network', () => {
  expect(reasonOf(new Error('x'))).toBe('network')
})
