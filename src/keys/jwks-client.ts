/**
 * @module One attempt to fetch an issuer's key set: finds the endpoint, asks it, and notices when it
 * has moved. Remembers where the keys are and which version it has; when to ask is decided above.
 */
import type { Observer } from '../events.ts'
import { FetchFailure, type FetchJsonOptions, fetchJson } from '../internal/fetch-json.ts'
import { discover } from './discovery.ts'
import { lifetimeOf } from './freshness-lifetime.ts'
import { type KeySet, readKeySet } from './key-set.ts'

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

/** The last good answer: what it held, and how to ask for it again. */
interface Answer {
  readonly uri: string
  readonly set: KeySet
  readonly etag: string | undefined
  readonly cacheControl: string | undefined
}

export function createKeysEndpoint(options: KeysEndpointOptions): KeysEndpoint {
  const { issuer, now, observer, maxAge } = options
  let metadataExpireAt = options.jwksUri === undefined ? 0 : Number.POSITIVE_INFINITY
  let version: Answer | undefined
  let failed = false

  async function fetchKeys(signal: AbortSignal, previous: KeySet | undefined) {
    const get = (url: string, etag?: string) =>
      fetchJson(url, { fetch: options.fetch, now, signal, etag })

    async function locate(): Promise<string> {
      const metadata = await discover(issuer, options.allowInsecureHttp, get)
      metadataExpireAt = now() + lifetimeOf(metadata.cacheControl, maxAge) * 1000
      observer.emit({ type: 'metadata.refreshed', issuer, jwksUri: metadata.jwksUri })
      return metadata.jwksUri
    }

    async function ask(uri: string): Promise<Answer> {
      const known = previous !== undefined && version?.uri === uri ? version.etag : undefined
      const { json, etag, cacheControl } = await get(uri, known)
      const set = json === undefined ? (previous as KeySet) : read(uri, json, previous)
      // RFC 9111 §4.3.4: a 304 that says nothing new leaves what was said before.
      const said = json === undefined ? (cacheControl ?? version?.cacheControl) : cacheControl
      return { uri, set, etag, cacheControl: said }
    }

    const known = version?.uri ?? options.jwksUri
    // The old host may be gone, so after a failure metadata that are due are read first. That is
    // one request in place of another: an outage costs one for each attempt.
    const doubted = failed && options.jwksUri === undefined && !(now() < metadataExpireAt)
    failed = true
    if (doubted) metadataExpireAt = now() + maxAge * 1000
    let answer: Answer
    try {
      answer = await ask(doubted || known === undefined ? await locate() : known)
    } catch (error) {
      // The endpoint may have moved: a 4xx from an address that was read earlier.
      if (known === undefined || doubted || options.jwksUri !== undefined || !isGone(error))
        throw error
      const uri = await locate()
      if (uri === known) throw error
      answer = await ask(uri)
    }
    if (!(now() < metadataExpireAt)) {
      try {
        const uri = await locate()
        if (uri !== answer.uri) answer = await ask(uri)
      } catch (error) {
        // The keys came, which is what counts; the metadata are read again after another lifetime.
        metadataExpireAt = now() + maxAge * 1000
        observer.emit({ type: 'metadata.failed', issuer, reason: reasonOf(error), cause: error })
      }
    }
    version = answer
    failed = false
    return { set: answer.set, lifetime: lifetimeOf(answer.cacheControl, maxAge) }
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
