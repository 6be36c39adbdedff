/**
 * @module Fetches an issuer's key set: finds the URL, requests the set, and detects that the URL has
 * changed. Keeps the URL and the last response with its ETag. `remote-keys.ts` decides when to fetch.
 */
import type { Observer } from '../events/observer.ts'
import { FetchError, fetchJson, type JsonResponse } from '../internal/fetch-json.ts'
import type { FetchLike } from '../internal/fetch-like.ts'
import { nextOrder } from './arrival.ts'
import { freshnessLifetime } from './freshness-lifetime.ts'
import { describeSkipped, type KeySet, readKeySet } from './key-set.ts'

export interface JwksClientOptions {
  readonly issuer: string
  /** The configured URL of the keys. If it is set, there is no discovery. */
  readonly jwksUri: string | undefined
  /** Reads the issuer's metadata. Used if `jwksUri` is not set. */
  readonly discover: (
    get: (url: string) => Promise<JsonResponse>,
  ) => Promise<{ readonly jwksUri: string; readonly cacheControl: string | undefined }>
  /** Lifetime of a response without a usable `max-age`, in seconds. */
  readonly maxAge: number
  readonly fetch: FetchLike
  /** Milliseconds. */
  readonly now: () => number
  readonly observer: Observer
}

export interface FetchedKeySet {
  readonly set: KeySet
  /** Seconds for which the set is fresh. */
  readonly lifetime: number
  /** `nextOrder()` when the set was requested from the issuer; compared with `Arrival.order`. */
  readonly requestOrder: number
}

export interface JwksClient {
  /** @throws FetchError */
  readonly fetchKeys: (signal: AbortSignal) => Promise<FetchedKeySet>
  /**
   * Returns whether the metadata is too old; never true with a configured URL. If it is, the caller
   * reads the metadata after the keys were fetched. (After a failed fetch, `fetchKeys` reads the metadata before
   * the keys.)
   */
  readonly isMetadataDue: () => boolean
  /**
   * Reads the metadata again, and fetches the keys if their URL has changed.
   *
   * @returns `undefined` if their URL has not changed.
   * @throws FetchError; the known URL stays in use.
   */
  readonly refreshMetadata: (signal: AbortSignal) => Promise<FetchedKeySet | undefined>
  /** Treats the metadata as fresh for another `maxAge`. */
  readonly postponeMetadata: () => void
}

/** The response is a JWK Set without a usable key. */
export class UnusableKeySetError extends FetchError {
  /** Private, so that logging the error does not print the set. */
  readonly #set: KeySet

  constructor(url: string, set: KeySet) {
    super('no_usable_key', url, `the JWK Set has no usable key (${describeSkipped(set.skipped)})`)
    this.#set = set
  }

  get set(): KeySet {
    return this.#set
  }
}

/** A key set with its URL and two headers of its response. A 304 to the ETag confirms the set. */
interface KeySetResponse {
  readonly uri: string
  readonly set: KeySet
  readonly etag: string | undefined
  readonly cacheControl: string | undefined
  readonly requestOrder: number
}

export function createJwksClient(options: JwksClientOptions): JwksClient {
  const { issuer, now, observer, maxAge } = options
  let knownUri = options.jwksUri
  let metadataKeptAt = 0
  let metadataExpiresAt = 0
  let latest: KeySetResponse | undefined
  let failing = false

  const postponeMetadata = () => keepMetadata(maxAge)

  const get = (url: string, signal: AbortSignal, etag?: string) =>
    fetchJson(url, { fetch: options.fetch, now, signal, etag })

  /** Also returns true if the clock was set back, because the age of the metadata is then unknown. */
  function isMetadataDue(): boolean {
    const time = now()
    return options.jwksUri === undefined && !(time >= metadataKeptAt && time < metadataExpiresAt)
  }

  function keepMetadata(seconds: number): void {
    metadataKeptAt = now()
    metadataExpiresAt = metadataKeptAt + seconds * 1000
  }

  /** Reads the metadata. Returns the URL of the keys, which is not stored until they are fetched. */
  async function locate(signal: AbortSignal): Promise<string> {
    const { jwksUri, cacheControl } = await options.discover((url) => get(url, signal))
    keepMetadata(freshnessLifetime(cacheControl, maxAge))
    observer.emit({ type: 'metadata.refreshed', issuer, jwksUri })
    return jwksUri
  }

  /** @param base The response that a 304 may confirm. */
  async function request(
    uri: string,
    signal: AbortSignal,
    base?: KeySetResponse,
  ): Promise<KeySetResponse> {
    const requestOrder = nextOrder()
    const stored = base?.uri === uri ? base : undefined
    const { json, etag, cacheControl } = await get(uri, signal, stored?.etag)
    if (json === undefined && stored !== undefined) {
      // RFC 9111 §4.3.4: a 304 without Cache-Control keeps the stored one.
      return { ...stored, cacheControl: cacheControl ?? stored.cacheControl, requestOrder }
    }
    const set = readUsableSet(uri, json, latest?.set)
    return { uri, set, etag: usableEtag(etag), cacheControl, requestOrder }
  }

  /**
   * Stores a response and its URL, but keeps a stored set that was requested later from the same URL. Returns
   * the stored set.
   */
  function accept(response: KeySetResponse, uri: string): FetchedKeySet {
    // Two requests may be in progress, one of them by `refreshMetadata`.
    const isOlder =
      latest !== undefined && latest.uri === uri && latest.requestOrder > response.requestOrder
    if (!isOlder) latest = response
    knownUri = uri
    failing = false
    const { set, cacheControl, requestOrder } = latest ?? response
    return { set, requestOrder, lifetime: freshnessLifetime(cacheControl, maxAge) }
  }

  /** Reads the metadata, then fetches the keys. Returns `undefined` if their URL is still `oldUri`. */
  async function locateAndRequest(signal: AbortSignal, oldUri?: string) {
    const uri = await locate(signal)
    return uri === oldUri ? undefined : accept(await request(uri, signal), uri)
  }

  async function fetchKeys(signal: AbortSignal): Promise<FetchedKeySet> {
    const uri = knownUri
    // After a failure the ETag is not sent, because it may be the cause. The host of the keys may be gone,
    // so metadata that is due is read first.
    const base = failing ? undefined : latest
    const locateFirst = uri === undefined || (failing && isMetadataDue())
    failing = true
    if (locateFirst) {
      // If this fails, the next attempt uses the known URL again, if there is one.
      postponeMetadata()
      return (await locateAndRequest(signal)) as FetchedKeySet
    }
    try {
      const response = await request(uri, signal, base)
      // A refresh of the metadata may have changed the URL during the request.
      if (knownUri === undefined || knownUri === uri) return accept(response, uri)
      return accept(await request(knownUri, signal), knownUri)
    } catch (error) {
      // The keys may be at another URL now, which the metadata contains.
      if (options.jwksUri !== undefined || !isClientError(error)) throw error
      const moved = await locateAndRequest(signal, uri)
      if (moved === undefined) throw error
      return moved
    }
  }

  return {
    fetchKeys,
    isMetadataDue,
    refreshMetadata: (signal) => locateAndRequest(signal, knownUri),
    postponeMetadata,
  }
}

function readUsableSet(uri: string, json: unknown, previous: KeySet | undefined): KeySet {
  const set = readKeySet(json, previous)
  if (set === undefined) {
    const message = 'the response is not a JWK Set, or has more than 100 keys'
    throw new FetchError('not_a_key_set', uri, message)
  }
  // Treat a set without a usable key as an outage, not as the removal of all keys.
  if (set.keys.size === 0) throw new UnusableKeySetError(uri, set)
  return set
}

const maxEtagLength = 256

// RFC 9110 §8.8.3. Other values are not sent back, because a server may refuse the request.
function usableEtag(etag: string | undefined): string | undefined {
  if (etag === undefined || etag.length > maxEtagLength) return undefined
  return /^(?:W\/)?"[\x21\x23-\x7e]*"$/.test(etag) ? etag : undefined
}

/** Returns whether the response is a 4xx other than 429, which only asks for fewer requests. */
function isClientError(error: unknown): boolean {
  const status = error instanceof FetchError ? (error.status ?? 0) : 0
  return status >= 400 && status < 500 && status !== 429
}

export function getFailureReason(error: unknown): FetchError['reason'] {
  return error instanceof FetchError ? error.reason : 'network'
}
