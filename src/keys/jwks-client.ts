/**
 * @module Fetches an issuer's key set: finds its URL, asks for it, and notices when it has moved.
 * Remembers the URL and the last answer with its ETag; when to ask is decided in `remote-keys.ts`.
 */
import type { Observer } from '../events.ts'
import { FetchFailure, fetchJson, type JsonAnswer } from '../internal/fetch-json.ts'
import type { FetchLike } from '../internal/fetch-like.ts'
import { nextOrder } from './arrival.ts'
import { freshnessLifetime } from './freshness-lifetime.ts'
import { describeSkipped, type KeySet, readKeySet } from './key-set.ts'

export interface JwksClientOptions {
  readonly issuer: string
  /** Where the keys are. Set: no discovery. */
  readonly jwksUri: string | undefined
  /** Reads the issuer's metadata. Used where `jwksUri` is not set. */
  readonly discover: (
    get: (url: string) => Promise<JsonAnswer>,
  ) => Promise<{ readonly jwksUri: string; readonly cacheControl: string | undefined }>
  /** Seconds for which an answer is used that does not say so itself. */
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
  /** When the keys were asked for, in the order of arrivals: the answer is not older than that. */
  readonly requestOrder: number
}

export interface JwksClient {
  /** @throws FetchFailure */
  readonly fetchKeys: (signal: AbortSignal) => Promise<FetchedKeySet>
  /** Whether the metadata are too old. They are read again after the keys, which do not wait for them. */
  readonly isMetadataDue: () => boolean
  /**
   * Reads the metadata again, and the keys where their URL has changed.
   *
   * @returns `undefined` where it has not.
   * @throws FetchFailure, and then the known URL stays in use.
   */
  readonly refreshMetadata: (signal: AbortSignal) => Promise<FetchedKeySet | undefined>
  /** Leaves the known URL in use for another `maxAge`. */
  readonly postponeMetadata: () => void
}

/** A JWK Set came, but without a usable key. */
export class UnusableKeySetError extends FetchFailure {
  readonly #set: KeySet

  constructor(url: string, set: KeySet) {
    super('no_usable_key', url, `the JWK Set holds no usable key (${describeSkipped(set.skipped)})`)
    this.#set = set
  }

  get set(): KeySet {
    return this.#set
  }
}

/** An answer with everything that came with it: a 304 to its ETag confirms this set and no other. */
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
  let metadataExpireAt = 0
  let version: Version | undefined
  let failing = false

  const get = (url: string, signal: AbortSignal, etag?: string) =>
    fetchJson(url, { fetch: options.fetch, now, signal, etag })

  const isMetadataDue = () => options.jwksUri === undefined && !(now() < metadataExpireAt)

  function postponeMetadata(): void {
    metadataExpireAt = now() + maxAge * 1000
  }

  async function locate(signal: AbortSignal): Promise<string> {
    const { jwksUri, cacheControl } = await options.discover((url) => get(url, signal))
    metadataExpireAt = now() + freshnessLifetime(cacheControl, maxAge) * 1000
    observer.emit({ type: 'metadata.refreshed', issuer, jwksUri })
    return jwksUri
  }

  /** @param base The answer that a 304 may confirm. */
  async function request(uri: string, signal: AbortSignal, base?: Version): Promise<Version> {
    const requestOrder = nextOrder()
    const known = base?.uri === uri && base.etag !== undefined ? base : undefined
    const { json, etag, cacheControl } = await get(uri, signal, known?.etag)
    if (json === undefined && known !== undefined) {
      // RFC 9111 §4.3.4: a 304 without Cache-Control leaves what was said before.
      return { ...known, cacheControl: cacheControl ?? known.cacheControl, requestOrder }
    }
    const set = readUsableSet(uri, json, version?.set)
    return { uri, set, etag: usableEtag(etag), cacheControl, requestOrder }
  }

  /** Stores an answer: the set, its ETag and its URL in one step. */
  function accept(answer: Version, uri: string): FetchedKeySet {
    version = answer
    knownUri = uri
    failing = false
    const { set, cacheControl, requestOrder } = answer
    return { set, requestOrder, lifetime: freshnessLifetime(cacheControl, maxAge) }
  }

  async function locateAndRequest(signal: AbortSignal, except?: string) {
    const uri = await locate(signal)
    return uri === except ? undefined : accept(await request(uri, signal), uri)
  }

  async function fetchKeys(signal: AbortSignal): Promise<FetchedKeySet> {
    const uri = knownUri
    // After a failure the ETag is not sent: it may be what the server fails on. And its host may be
    // gone, so metadata that are due are read first: one request in place of another.
    const base = failing ? undefined : version
    const locateFirst = uri === undefined || (failing && isMetadataDue())
    failing = true
    if (locateFirst) {
      postponeMetadata()
      return (await locateAndRequest(signal)) as FetchedKeySet
    }
    try {
      const answer = await request(uri, signal, base)
      // The metadata may have named another URL meanwhile.
      if (knownUri === undefined || knownUri === uri) return accept(answer, uri)
      return accept(await request(knownUri, signal), knownUri)
    } catch (error) {
      // A 4xx from an address that was read earlier: the endpoint may have moved.
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
    const message = 'the answer is no JWK Set, or one of over 100 keys'
    throw new FetchFailure('not_a_key_set', uri, message)
  }
  // Treat a set without a usable key as an outage, not as the removal of all keys.
  if (set.keys.size === 0) throw new UnusableKeySetError(uri, set)
  return set
}

const maxEtagLength = 256

// RFC 9110 §8.8.3. Other values are not sent back: a long one may make the server refuse the request.
function usableEtag(etag: string | undefined): string | undefined {
  if (etag === undefined || etag.length > maxEtagLength) return undefined
  return /^(?:W\/)?"[\x21\x23-\x7e]*"$/.test(etag) ? etag : undefined
}

function isGone(error: unknown): boolean {
  const status = error instanceof FetchFailure ? (error.status ?? 0) : 0
  return status >= 400 && status < 500 && status !== 429
}

export function reasonOf(error: unknown): FetchFailure['reason'] {
  return error instanceof FetchFailure ? error.reason : 'network'
}
