/**
 * @module One attempt to fetch an issuer's key set: finds the endpoint, asks it, and notices when it
 * has moved. Remembers where the keys are and which version it has; when to ask is decided above.
 */
import type { Observer } from '../events.ts'
import {
  FetchFailure,
  type FetchJsonOptions,
  fetchJson,
  type JsonAnswer,
} from '../http/fetch-json.ts'
import { discover } from './discovery.ts'
import { type KeySet, readKeySet } from './key-set.ts'
import { lifetimeOf } from './lifetime.ts'

export interface KeysEndpointOptions {
  readonly issuer: string
  /** Set: no discovery. */
  readonly jwksUri: string | undefined
  readonly allowInsecureHttp: boolean
  /** Seconds for which an answer is used that does not say so itself. */
  readonly maxAge: number
  readonly fetch: FetchJsonOptions['fetch']
  /** Milliseconds. */
  readonly now: () => number
  readonly observer: Observer
}

export interface KeysEndpoint {
  /**
   * @param previous The set from before, which a 304 confirms.
   * @throws FetchFailure
   */
  readonly fetch: (
    signal: AbortSignal,
    previous: KeySet | undefined,
  ) => Promise<{ readonly set: KeySet; readonly lifetime: number }>
}

export function createKeysEndpoint(options: KeysEndpointOptions): KeysEndpoint {
  const { issuer, now, observer, maxAge } = options
  let jwksUri = options.jwksUri
  let metadataExpireAt = options.jwksUri === undefined ? 0 : Number.POSITIVE_INFINITY
  let version: { readonly uri: string; readonly etag: string | undefined } | undefined
  let cacheControl: string | undefined

  async function fetchKeys(signal: AbortSignal, previous: KeySet | undefined) {
    const get = (url: string, etag?: string) =>
      fetchJson(url, { fetch: options.fetch, now, signal, etag })

    async function locate(): Promise<string> {
      const metadata = await discover(issuer, options.allowInsecureHttp, get)
      metadataExpireAt = now() + lifetimeOf(metadata.cacheControl, maxAge) * 1000
      observer.emit({ type: 'metadata.refreshed', issuer, jwksUri: metadata.jwksUri })
      return metadata.jwksUri
    }

    const ask = (uri: string): Promise<JsonAnswer> =>
      get(uri, previous !== undefined && version?.uri === uri ? version.etag : undefined)

    const known = jwksUri
    let uri = known ?? (await locate())
    let answer: JsonAnswer
    try {
      answer = await ask(uri)
    } catch (error) {
      // The endpoint may have moved: a 4xx from an address that was read earlier.
      if (known === undefined || options.jwksUri !== undefined || !isGone(error)) throw error
      uri = await locate()
      if (uri === known) throw error
      answer = await ask(uri)
    }
    if (!(now() < metadataExpireAt)) {
      try {
        const moved = await locate()
        if (moved !== uri) {
          uri = moved
          answer = await ask(uri)
        }
      } catch (error) {
        // The keys came, which is what counts; the metadata are read again after another lifetime.
        metadataExpireAt = now() + maxAge * 1000
        observer.emit({ type: 'metadata.failed', issuer, reason: reasonOf(error), cause: error })
      }
    }

    const set = answer.json === undefined ? (previous as KeySet) : read(uri, answer.json, previous)
    jwksUri = uri
    version = { uri, etag: answer.etag }
    // RFC 9111 §4.3.4: a 304 that says nothing new leaves what was said before.
    if (answer.json !== undefined || answer.cacheControl !== undefined) {
      cacheControl = answer.cacheControl
    }
    return { set, lifetime: lifetimeOf(cacheControl, maxAge) }
  }

  return { fetch: fetchKeys }
}

function read(uri: string, json: unknown, previous: KeySet | undefined): KeySet {
  const set = readKeySet(json, previous)
  if (set === undefined) {
    throw new FetchFailure(
      'not_a_key_set',
      uri,
      'the answer is no JWK Set, or one of over 100 keys',
    )
  }
  // An issuer without any key is an issuer in trouble: it withdraws nothing.
  if (set.keys.size === 0) {
    throw new FetchFailure('no_usable_key', uri, 'the JWK Set holds no usable key')
  }
  return set
}

function isGone(error: unknown): boolean {
  const status = error instanceof FetchFailure ? (error.status ?? 0) : 0
  return status >= 400 && status < 500 && status !== 429
}

export function reasonOf(error: unknown): FetchFailure['reason'] {
  return error instanceof FetchFailure ? error.reason : 'network'
}
