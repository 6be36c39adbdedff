import { setImmediate as nextTurn } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { createObserver } from '../../../src/events/observer.ts'
import type { ValidatorEvent } from '../../../src/events.ts'
import { FetchError } from '../../../src/internal/fetch-json.ts'
import { discover } from '../../../src/issuer/discovery.ts'
import { nextOrder } from '../../../src/keys/arrival.ts'
import {
  createJwksClient,
  type FetchedKeySet,
  getFailureReason,
} from '../../../src/keys/jwks-client.ts'
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

/** A client of an endpoint with responses by URL. Every other URL is a 404. */
function endpointWith(changes: { jwksUri?: string } = {}) {
  let time = 1e12
  let previous: KeySet | undefined
  const events: ValidatorEvent[] = []
  const served = new Map<string, Answer>([
    [metadataUrl, () => json({ issuer: ISS, jwks_uri: jwksUri })],
    [jwksUri, () => json(keys)],
  ])
  const asked: string[] = []
  const client = createJwksClient({
    issuer: ISS,
    jwksUri: changes.jwksUri,
    discover: (get) => discover(ISS, false, get),
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
    client,
    served,
    events,
    pass: (seconds: number) => {
      time += seconds * 1000
    },
    /** Fetches the keys, and the metadata if it is due. Resolves to the result and the requested URLs. */
    async fetch(signal = new AbortController().signal) {
      asked.length = 0
      try {
        let result = await client.fetchKeys(signal)
        const metadata = client.isMetadataDue() ? await refreshMetadata(signal) : undefined
        if (metadata?.set !== undefined) result = metadata
        const { set, lifetime, requestOrder } = result
        const same = set === previous
        previous = set
        const kids = [...set.keys.values()].map(({ kid }) => kid)
        return { kids, lifetime, same, asked, set, requestOrder, metadata }
      } catch (error) {
        if (!(error instanceof FetchError)) throw error
        const { url, message } = error
        return { reason: getFailureReason(error), url, message, asked, error }
      }
    },
  }

  async function refreshMetadata(signal: AbortSignal) {
    try {
      return await client.refreshMetadata(signal)
    } catch (error) {
      client.postponeMetadata()
      return { failed: getFailureReason(error) } as never
    }
  }
}

const movedTo =
  (uri: string, headers = {}) =>
  () =>
    json({ issuer: ISS, jwks_uri: uri }, headers)

describe('finding the keys', () => {
  it('reads the metadata once, and then requests only the URL of the keys', async () => {
    const { fetch, events } = endpointWith()
    expect(await fetch()).toMatchObject({ kids: ['rsa1'], asked: [metadataUrl, jwksUri] })
    expect(await fetch()).toMatchObject({ asked: [jwksUri] })
    expect(events).toEqual([{ type: 'metadata.refreshed', issuer: ISS, jwksUri }])
  })

  it('never reads metadata if the URL is configured, not even after a 404 or a year', async () => {
    const { fetch, served, pass } = endpointWith({ jwksUri: otherUri })
    expect(await fetch()).toMatchObject({ reason: 'status', asked: [otherUri] })
    served.set(otherUri, () => json(keys))
    pass(31_536_000)
    expect(await fetch()).toMatchObject({ kids: ['rsa1'], asked: [otherUri] })
  })

  it('does not keep metadata whose keys could not be fetched', async () => {
    const { fetch, served } = endpointWith()
    served.set(jwksUri, () => status(500))
    expect(await fetch()).toMatchObject({ reason: 'status', url: jwksUri })
    served.set(metadataUrl, movedTo(otherUri)).set(otherUri, () => json(keys))
    expect(await fetch()).toMatchObject({ asked: [metadataUrl, otherUri] })
  })

  it.each([400, 401, 403, 404, 410])(
    'reads the metadata again when the URL of the keys responds with %i',
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

  it('does not read the metadata again if the server of the keys cannot be reached', async () => {
    const { fetch, served } = endpointWith()
    await fetch()
    served.set(jwksUri, () => {
      throw new TypeError('fetch failed')
    })
    expect(await fetch()).toMatchObject({ reason: 'network', asked: [jwksUri] })
  })

  it.each([429, 500, 503])('does not read the metadata again after a %i', async (code) => {
    const { fetch, served } = endpointWith()
    await fetch()
    served.set(jwksUri, () => status(code))
    expect(await fetch()).toMatchObject({ reason: 'status', asked: [jwksUri] })
  })

  it('does not request the same URL twice if the metadata still names it', async () => {
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
  it('is the default, after which it is read again, after the keys', async () => {
    const { fetch, pass } = endpointWith()
    await fetch()
    pass(599)
    expect(await fetch()).toMatchObject({ asked: [jwksUri] })
    pass(1)
    expect(await fetch()).toMatchObject({ asked: [jwksUri, metadataUrl] })
    expect(await fetch()).toMatchObject({ asked: [jwksUri] })
  })

  it('comes from its own Cache-Control', async () => {
    const { fetch, pass, served } = endpointWith()
    served.set(metadataUrl, movedTo(jwksUri, { 'cache-control': 'max-age=7200' }))
    await fetch()
    pass(7_199)
    expect(await fetch()).toMatchObject({ asked: [jwksUri] })
    pass(1)
    expect(await fetch()).toMatchObject({ asked: [jwksUri, metadataUrl] })
  })

  it('leads to a new URL, even if the old one still responds', async () => {
    const { fetch, pass, served } = endpointWith()
    await fetch()
    pass(600)
    served.set(metadataUrl, movedTo(otherUri)).set(otherUri, () => json({ keys: [ec1.jwk] }))
    expect(await fetch()).toMatchObject({ kids: ['ec1'], asked: [jwksUri, metadataUrl, otherUri] })
    expect(await fetch()).toMatchObject({ asked: [otherUri] })
  })

  it.each([
    ['cannot be read', 'status', () => status(500)],
    [
      'is of another issuer',
      'issuer_mismatch',
      () => json({ issuer: 'https://evil.test', jwks_uri: otherUri }),
    ],
  ])('leaves the known URL in use if the metadata %s', async (_what, failed, answer) => {
    const { fetch, pass, served } = endpointWith()
    await fetch()
    pass(600)
    served.set(metadataUrl, answer)
    expect(await fetch()).toMatchObject({ kids: ['rsa1'], metadata: { failed } })
    pass(599)
    expect(await fetch()).toMatchObject({ asked: [jwksUri] })
    pass(1)
    served.set(metadataUrl, movedTo(jwksUri))
    expect(await fetch()).toMatchObject({ asked: [jwksUri, metadataUrl] })
  })

  it('leaves the known URL in use if the metadata request hangs', async () => {
    const { fetch, pass, served } = endpointWith()
    await fetch()
    pass(600)
    served.set(metadataUrl, hanging)
    expect(await fetch(AbortSignal.timeout(30))).toMatchObject({
      kids: ['rsa1'],
      metadata: { failed: 'timeout' },
    })
  })

  it('is unknown after the clock was set back, so that it is read again', async () => {
    const { fetch, served, pass } = endpointWith()
    pass(31_536_000)
    await fetch()
    pass(-31_536_000)
    served.set(metadataUrl, movedTo(otherUri)).set(otherUri, () => json(keys))
    expect(await fetch()).toMatchObject({ asked: [jwksUri, metadataUrl, otherUri] })
    expect(await fetch()).toMatchObject({ asked: [otherUri] })
  })

  it('makes the metadata the first request after a failure, because the old host may be gone', async () => {
    const { fetch, pass, served } = endpointWith()
    await fetch()
    served.set(jwksUri, () => status(500))
    pass(599)
    expect(await fetch()).toMatchObject({ reason: 'status' })
    pass(1)
    served.set(metadataUrl, movedTo(otherUri)).set(otherUri, () => json(keys))
    expect(await fetch()).toMatchObject({ kids: ['rsa1'], asked: [metadataUrl, otherUri] })
  })

  it('does not cause repeated reads during a long failure', async () => {
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

describe('the ETag of the keys', () => {
  const versioned: Answer = (_url, headers) =>
    headers.get('if-none-match') === '"v1"' ? status(304) : json(keys, { etag: '"v1"' })

  it('is sent back, and a 304 keeps the same set object', async () => {
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

  it('is not taken from a response that was not accepted', async () => {
    const { fetch, served } = endpointWith({ jwksUri })
    served.set(jwksUri, versioned)
    await fetch()
    served.set(jwksUri, () => json({ keys: [] }, { etag: '"v2"' }))
    expect(await fetch()).toMatchObject({ reason: 'no_usable_key' })
    served.set(jwksUri, versioned)
    expect(await fetch()).toMatchObject({ asked: [jwksUri] })
    expect(await fetch()).toMatchObject({ asked: [`${jwksUri} "v1"`] })
  })

  it('is not sent after a failure, because it may be the cause', async () => {
    const { fetch, served } = endpointWith({ jwksUri })
    served.set(jwksUri, versioned)
    await fetch()
    served.set(jwksUri, (url, headers) =>
      headers.has('if-none-match') ? status(431) : versioned(url, headers),
    )
    expect(await fetch()).toMatchObject({ reason: 'status', asked: [`${jwksUri} "v1"`] })
    expect(await fetch()).toMatchObject({ kids: ['rsa1'], asked: [jwksUri] })
  })

  it.each([
    ['of more than 256 characters', `"${'a'.repeat(255)}"`],
    ['without quotes', 'v1'],
    ['with a quote in it', '"v"1"'],
    ['with characters beyond ASCII', '"v\u00e9"'],
    ['with a space', '"v 1"'],
  ])('is not sent back %s', async (_what, etag) => {
    const { fetch, served } = endpointWith({ jwksUri })
    served.set(jwksUri, () => json(keys, { etag }))
    await fetch()
    expect(await fetch()).toMatchObject({ asked: [jwksUri] })
  })

  it.each([`"${'a'.repeat(254)}"`, 'W/"v1"', '""'])(
    'is sent back unchanged: %.9s',
    async (etag) => {
      const { fetch, served } = endpointWith({ jwksUri })
      served.set(jwksUri, () => json(keys, { etag }))
      await fetch()
      expect(await fetch()).toMatchObject({ asked: [`${jwksUri} ${etag}`] })
    },
  )

  it('belongs to its set: a 304 confirms that set and no other', async () => {
    const { client, served } = endpointWith({ jwksUri })
    const { signal } = new AbortController()
    served.set(jwksUri, versioned)
    await client.fetchKeys(signal)
    served.set(jwksUri, (_url, headers) =>
      headers.get('if-none-match') === '"v2"'
        ? status(304)
        : json({ keys: [ec1.jwk] }, { etag: '"v2"' }),
    )
    // The caller does not store this set.
    await client.fetchKeys(signal)
    const { set } = await client.fetchKeys(signal)
    expect([...set.keys.values()].map(({ kid }) => kid)).toEqual(['ec1'])
  })

  it('is not used if the URL has changed meanwhile: the new URL is requested', async () => {
    const { fetch, served, client, pass } = endpointWith()
    served.set(jwksUri, versioned)
    await fetch()
    // The keys are requested with the ETag, and meanwhile the URL changes.
    let answer = (_response: Response) => {}
    served.set(jwksUri, () => new Promise((resolve) => (answer = resolve)))
    const confirmed = client.fetchKeys(new AbortController().signal)
    pass(600)
    served.set(metadataUrl, movedTo(otherUri)).set(otherUri, () => json({ keys: [ec1.jwk] }))
    const moved = await client.refreshMetadata(new AbortController().signal)
    expect(moved?.set.findKeys('ES256', 'ec1')).toHaveLength(1)
    answer(status(304))
    expect((await confirmed).set.findKeys('ES256', 'ec1')).toHaveLength(1)
  })

  it('is dropped when a response has none', async () => {
    const { fetch, served } = endpointWith({ jwksUri })
    served.set(jwksUri, versioned)
    await fetch()
    served.set(jwksUri, () => json(keys))
    await fetch()
    expect(await fetch()).toMatchObject({ asked: [jwksUri] })
  })

  it('is needed for a 304, which is otherwise a failure', async () => {
    const { fetch, served } = endpointWith({ jwksUri })
    served.set(jwksUri, () => status(304))
    expect(await fetch()).toMatchObject({ reason: 'redirect' })
  })
})

describe('the lifetime of the keys', () => {
  it('comes from Cache-Control, and after a 304 without Cache-Control from the previous one', async () => {
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

describe('a response that is not a usable key set', () => {
  it.each([
    [{}, 'not_a_key_set', 'the response is not a JWK Set, or has more than 100 keys'],
    [{ keys: {} }, 'not_a_key_set', 'the response is not a JWK Set, or has more than 100 keys'],
    [
      { keys: Array(101).fill(rsa1.jwk) },
      'not_a_key_set',
      'the response is not a JWK Set, or has more than 100 keys',
    ],
    [{ keys: [] }, 'no_usable_key', 'the JWK Set has no usable key (it is empty)'],
    [
      {
        keys: [
          { kty: 'oct', k: 'AA' },
          { ...rsa1.jwk, use: 'enc', kid: 'a\nb' },
        ],
      },
      'no_usable_key',
      'the JWK Set has no usable key (a key without kid: type, a?b: use)',
    ],
    [
      { keys: Array(12).fill(null) },
      'no_usable_key',
      `the JWK Set has no usable key (${'a key without kid: not_an_object, '.repeat(10)}and 2 more)`,
    ],
    [[], 'not_json', 'the response is not a JSON object'],
  ])('fails with a reason (%#)', async (body, reason, message) => {
    const { fetch, served } = endpointWith({ jwksUri })
    served.set(jwksUri, () => json(body))
    const failure = { reason, url: jwksUri, message: `${jwksUri}: ${message}` }
    expect(await fetch()).toMatchObject(failure)
  })
})

/** A client whose metadata name a new URL, which responds when the test calls `answer`. */
async function moveKeys() {
  const { fetch, served, client } = endpointWith()
  await fetch()
  let resolveResponse = (_response: Response) => {}
  served.set(metadataUrl, movedTo(otherUri))
  served.set(otherUri, () => new Promise((resolve) => (resolveResponse = resolve)))
  const { signal } = new AbortController()
  return { served, client, signal, answer: (response: Response) => resolveResponse(response) }
}

it('keeps the response to the later of two requests if the earlier one is answered last', async () => {
  const { served, client, signal, answer } = await moveKeys()
  const earlier = client.refreshMetadata(signal)
  await nextTurn()
  served.delete(jwksUri)
  served.set(otherUri, () => json({ keys: [ec1.jwk] }))
  const later = await client.fetchKeys(signal)
  expect(later.set.findKeys('ES256', 'ec1')).toHaveLength(1)
  answer(json(keys))
  expect(await earlier).toMatchObject({ set: later.set, requestOrder: later.requestOrder })
})

it('uses the keys of a new URL, even if those of the old one were requested later', async () => {
  const { client, signal, answer } = await moveKeys()
  const moved = client.refreshMetadata(signal)
  await nextTurn()
  const ofOldUrl = await client.fetchKeys(signal)
  answer(json({ keys: [ec1.jwk] }))
  const { set, requestOrder } = (await moved) as FetchedKeySet
  expect(set.findKeys('ES256', 'ec1')).toHaveLength(1)
  expect(requestOrder).toBeLessThan(ofOldUrl.requestOrder)
})

it('numbers its requests so that they can be compared with arrivals', async () => {
  const { fetch, served } = endpointWith({ jwksUri })
  served.set(jwksUri, (_url, headers) =>
    headers.has('if-none-match') ? status(304) : json(keys, { etag: '"v1"' }),
  )
  for (let count = 0; count < 3; count++) {
    const before = nextOrder()
    const { requestOrder } = (await fetch()) as { requestOrder: number }
    expect(requestOrder).toBeGreaterThan(before)
    expect(requestOrder).toBeLessThan(nextOrder())
  }
})

it('treats any other error as a network failure', () => {
  expect(getFailureReason(new Error('x'))).toBe('network')
})
