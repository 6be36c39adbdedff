/**
 * @module Fetches an issuer's key set: finds its URL, requests it, and detects that it has moved. Keeps
 * the URL and the last response with its ETag. `remote-keys.ts` decides when to fetch.
 */
import type { Observer } from '../events/observer.ts'
import { FetchFailure, fetchJson, type JsonResponse } from '../internal/fetch-json.ts'
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
  /** Lifetime of a response without `max-age`, in seconds. */
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
  /** @throws FetchFailure */
  readonly fetchKeys: (signal: AbortSignal) => Promise<FetchedKeySet>
  /**
   * Returns whether the metadata is too old. It is then read after the keys, or before them if the last
   * fetch failed.
   */
  readonly isMetadataDue: () => boolean
  /**
   * Reads the metadata again, and fetches the keys if their URL has changed.
   *
   * @returns `undefined` if it has not.
   * @throws FetchFailure; the known URL stays in use.
   */
  readonly refreshMetadata: (signal: AbortSignal) => Promise<FetchedKeySet | undefined>
  /** Keeps the known URL in use for another `maxAge`. */
  readonly postponeMetadata: () => void
}

/** The failure of a response with a JWK Set that has no usable key. */
export class UnusableKeySetError extends FetchFailure {
  readonly #set: KeySet

  constructor(url: string, set: KeySet) {
    super('no_usable_key', url, `the JWK Set has no usable key (${describeSkipped(set.skipped)})`)
    this.#set = set
  }

  get set(): KeySet {
    return this.#set
  }
}

/** A key set with the headers of its response. A 304 to its ETag confirms this set. */
interface Version {
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
  let version: Version | undefined
  let failing = false

  const postponeMetadata = () => keepMetadata(maxAge)

  const get = (url: string, signal: AbortSignal, etag?: string) =>
    fetchJson(url, { fetch: options.fetch, now, signal, etag })

  /** Also returns true if the clock was set back, because the age of the metadata is not known then. */
  function isMetadataDue(): boolean {
    const time = now()
    return options.jwksUri === undefined && !(time >= metadataKeptAt && time < metadataExpiresAt)
  }

  function keepMetadata(seconds: number): void {
    metadataKeptAt = now()
    metadataExpiresAt = metadataKeptAt + seconds * 1000
  }

  async function locate(signal: AbortSignal): Promise<string> {
    const { jwksUri, cacheControl } = await options.discover((url) => get(url, signal))
    keepMetadata(freshnessLifetime(cacheControl, maxAge))
    observer.emit({ type: 'metadata.refreshed', issuer, jwksUri })
    return jwksUri
  }

  /** @param base The response that a 304 may confirm. */
  async function request(uri: string, signal: AbortSignal, base?: Version): Promise<Version> {
    const requestOrder = nextOrder()
    const stored = base?.uri === uri && base.etag !== undefined ? base : undefined
    const { json, etag, cacheControl } = await get(uri, signal, stored?.etag)
    if (json === undefined && stored !== undefined) {
      // RFC 9111 §4.3.4: a 304 without Cache-Control keeps the stored one.
      return { ...stored, cacheControl: cacheControl ?? stored.cacheControl, requestOrder }
    }
    const set = readUsableSet(uri, json, version?.set)
    return { uri, set, etag: usableEtag(etag), cacheControl, requestOrder }
  }

  /** Stores a response: the set, its ETag and its URL in one step. */
  function accept(response: Version, uri: string): FetchedKeySet {
    // Two requests may be in progress, one of them by `refreshMetadata`: the later one has the newer set.
    const isOlder =
      version !== undefined && version.uri === uri && version.requestOrder > response.requestOrder
    if (!isOlder) version = response
    knownUri = uri
    failing = false
    const { set, cacheControl, requestOrder } = version ?? response
    return { set, requestOrder, lifetime: freshnessLifetime(cacheControl, maxAge) }
  }

  async function locateAndRequest(signal: AbortSignal, except?: string) {
    const uri = await locate(signal)
    return uri === except ? undefined : accept(await request(uri, signal), uri)
  }

  async function fetchKeys(signal: AbortSignal): Promise<FetchedKeySet> {
    const uri = knownUri
    // After a failure the ETag is not sent, because it may be the cause. The host may be gone, so
    // metadata that is due is read first.
    const base = failing ? undefined : version
    const locateFirst = uri === undefined || (failing && isMetadataDue())
    failing = true
    if (locateFirst) {
      postponeMetadata()
      return (await locateAndRequest(signal)) as FetchedKeySet
    }
    try {
      const response = await request(uri, signal, base)
      // The URL may have changed during the request, by a refresh of the metadata.
      if (knownUri === undefined || knownUri === uri) return accept(response, uri)
      return accept(await request(knownUri, signal), knownUri)
    } catch (error) {
      // A 4xx from a discovered URL: the endpoint may have moved.
      if (options.jwksUri !== undefined || !isGone(error)) throw error
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
    throw new FetchFailure('not_a_key_set', uri, message)
  }
  // Treat a set without a usable key as an outage, not as the removal of all keys.
  if (set.keys.size === 0) throw new UnusableKeySetError(uri, set)
  return set
}

const maxEtagLength = 256

// RFC 9110 §8.8.3. Other values are not sent back, because a server may refuse a request with a long one.
function usableEtag(etag: string | undefined): string | undefined {
  if (etag === undefined || etag.length > maxEtagLength) return undefined
  return /^(?:W\/)?"[\x21\x23-\x7e]*"$/.test(etag) ? etag : undefined
}

function isGone(error: unknown): boolean {
  const status = error instanceof FetchFailure ? (error.status ?? 0) : 0
  return status >= 400 && status < 500 && status !== 429
}

export function getFailureReason(error: unknown): FetchFailure['reason'] {
  return error instanceof FetchFailure ? error.reason : 'network'
}
