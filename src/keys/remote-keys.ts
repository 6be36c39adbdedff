/**
 * @module Keeps the key set of one issuer. Requests start fetches, and no timer does: in the
 * background before the set expires, and, within a rate limit, when a token names a key that is not
 * in the set. There is one fetch at a time. While fetches fail, an expired set is still used.
 */
import { ServiceUnavailableError } from '../errors.ts'
import type { Observer } from '../events/observer.ts'
import { FetchFailure } from '../internal/fetch-json.ts'
import { printable } from '../internal/printable.ts'
import type { ResolvedKeyPolicy } from '../options/types.ts'
import { type Arrival, recordArrival } from './arrival.ts'
import { createBackOff } from './back-off.ts'
import {
  type CachedKeySet,
  cacheKeySet,
  dropKeys,
  expireKeySet,
  servingState,
} from './cached-key-set.ts'
import { isDoneWithin, runWithTimeout } from './deadline.ts'
import { type FetchedKeySet, type JwksClient, UnusableKeySetError } from './jwks-client.ts'
import { createKeyEvents } from './key-events.ts'
import type { KeySet } from './key-set.ts'
import type { KeySource } from './key-source.ts'
import { createRateLimit } from './rate-limit.ts'

export interface RemoteKeySourceOptions {
  readonly issuer: string
  readonly client: JwksClient
  readonly policy: ResolvedKeyPolicy
  /** Milliseconds. */
  readonly now: () => number
  readonly observer: Observer
  /**
   * Reserves one fetch, and returns a function that ends the reservation. By default there is no limit.
   *
   * @throws ServiceUnavailableError if the limit is reached. That is not a failure of the issuer.
   */
  readonly reserveFetch?: (() => () => void) | undefined
}

/** The end of a reservation where there is no limit. */
export const unlimitedFetch = (): void => {}

/** How long a request waits for newer keys, in milliseconds, while an expired set may be used. */
const maxWaitWithStaleKeys = 1000

/** One fetch. Any number of requests may wait for it. */
interface Attempt {
  /** Resolves when the attempt has ended; never rejects. */
  readonly done: Promise<void>
  /** By `performance.now()`. */
  readonly startedAt: number
  /** Whether the set had expired when the fetch began. If so, requests wait for the fetch. */
  readonly setHadExpired: boolean
}

export function createRemoteKeySource(options: RemoteKeySourceOptions): KeySource {
  const { client, policy, reserveFetch = () => unlimitedFetch } = options
  const seconds = () => options.now() / 1000
  const backOff = createBackOff(seconds)
  const rateLimit = createRateLimit(seconds)
  const events = createKeyEvents(options.issuer, options.observer)
  let cached: CachedKeySet | undefined
  let attempt: Attempt | undefined
  let metadataRefresh: Promise<void> | undefined
  let failure: unknown

  function current(time = seconds(), arrival?: Arrival): KeySet | Promise<KeySet> {
    if (cached !== undefined && time < cached.fetchedAt) {
      cached = expireKeySet(cached, time, policy.staleIfError)
    }
    if (cached === undefined || !(time < cached.usableUntil)) return fetchFirst(arrival)
    const isFresh = time < cached.expiresAt
    const isDue = time >= cached.refreshAt
    if (isDue && attempt === undefined && backOff.remaining() === 0) {
      const release = tryReserve(reserveFetch)
      if (release !== undefined) attempt = begin(!isFresh, release)
    }
    // Under steady load an attempt begins earlier than the set expires, and no request waits for it.
    if (isFresh || attempt?.setHadExpired !== true || backOff.isFailing()) return cached.set
    const limit = attempt.startedAt + maxWaitWithStaleKeys - performance.now()
    if (limit <= 0) return cached.set
    return isDoneWithin(attempt.done, Math.min(limit, timeLeft(policy.timeout, arrival))).then(
      usableSet,
    )
  }

  async function fetchFirst(arrival?: Arrival): Promise<KeySet> {
    if (attempt === undefined && backOff.remaining() === 0) attempt = begin(true, reserveFetch())
    if (attempt !== undefined) await waitFor(attempt.done, arrival)
    return usableSet()
  }

  function refreshForUnknownKey(
    previous: KeySet,
    fits: (set: KeySet) => boolean,
    arrival = recordArrival(),
  ): KeySet | Promise<KeySet> {
    if (cached !== undefined && cached.set !== previous && fits(cached.set)) return usableSet()
    const tryAgain = () => refreshForUnknownKey(previous, fits, arrival)
    // A response shows that a key does not exist only if it was requested after the token arrived, and
    // from the URL in the current metadata.
    if (cached !== undefined && cached.requestOrder > arrival.order) {
      if (metadataRefresh === undefined) return usableSet()
      return waitFor(metadataRefresh, arrival).then(tryAgain)
    }
    if (attempt === undefined) {
      if (backOff.remaining() > 0) throw unavailable()
      const release = reserveFetch()
      if (!rateLimit.tryTake()) {
        release()
        events.rateLimited()
        if (backOff.isFailing()) throw unavailable()
        return usableSet()
      }
      attempt = begin(false, release, true)
    }
    return waitFor(attempt.done, arrival).then(() => {
      if (backOff.isFailing()) throw unavailable()
      return tryAgain()
    })
  }

  async function waitFor(work: Promise<void>, arrival?: Arrival): Promise<void> {
    if (await isDoneWithin(work, timeLeft(policy.timeout, arrival))) return
    throw unavailable(`the keys were not fetched within ${policy.timeout} s`)
  }

  function usableSet(): KeySet {
    if (cached === undefined || !(seconds() < cached.usableUntil)) throw unavailable()
    return cached.set
  }

  const retryAfter = () => Math.max(1, Math.ceil(backOff.remaining()))

  function unavailable(hint?: string): ServiceUnavailableError {
    return createUnavailableError(options.issuer, retryAfter(), failure, hint)
  }

  function begin(setHadExpired: boolean, release: () => void, isForToken = false): Attempt {
    const startedAt = performance.now()
    const end = () => {
      attempt = undefined
      release()
    }
    // An error here, for example of the application's clock, occurs again in the next request.
    return { done: refresh(startedAt, isForToken).then(end, end), startedAt, setHadExpired }
  }

  async function refresh(startedAt: number, isForToken: boolean): Promise<void> {
    const previous = cached?.set
    try {
      const fetched = await runWithTimeout(policy.timeout, async (signal) => {
        // Wait one microtask, so that all tokens that arrive together come before this request.
        if (isForToken) await undefined
        return client.fetchKeys(signal)
      })
      store(fetched, previous, startedAt)
    } catch (error) {
      failure = error
      backOff.recordFailure(error instanceof FetchFailure ? error.retryAfter : undefined)
      applyUnusableSet(error)
      events.failed(error, {
        serving: servingState(cached, seconds()),
        retryAfter: retryAfter(),
        durationMs: performance.now() - startedAt,
      })
      return
    }
    if (metadataRefresh !== undefined || !client.isMetadataDue()) return
    const end = () => {
      metadataRefresh = undefined
    }
    metadataRefresh = refreshMetadata().then(end, end)
  }

  /** Runs in the background, after the keys were fetched. */
  async function refreshMetadata(): Promise<void> {
    const startedAt = performance.now()
    try {
      const fetched = await runWithTimeout(policy.timeout, client.refreshMetadata)
      if (fetched !== undefined) store(fetched, cached?.set, startedAt)
    } catch (error) {
      client.postponeMetadata()
      applyUnusableSet(error)
      events.metadataFailed(error)
    }
  }

  function store(fetched: FetchedKeySet, previous: KeySet | undefined, startedAt: number): void {
    cached = cacheKeySet(fetched, seconds(), policy.staleIfError)
    backOff.recordSuccess()
    failure = undefined
    events.refreshed(fetched.set, previous, performance.now() - startedAt)
    events.skipped(fetched.set.skipped)
  }

  /** Drops keys whose private key was published, even if no other key replaces them. */
  function applyUnusableSet(error: unknown): void {
    if (!(error instanceof UnusableKeySetError)) return
    cached = dropKeys(cached, error.set.compromised)
    events.skipped(error.set.skipped)
  }

  return { current, refreshForUnknownKey }
}

/** Reserves one fetch. Returns `undefined` if the limit is reached, and the old keys are used. */
function tryReserve(reserveFetch: () => () => void): (() => void) | undefined {
  try {
    return reserveFetch()
  } catch (error) {
    if (error instanceof ServiceUnavailableError) return undefined
    throw error
  }
}

/** Returns how long a request may still wait, in milliseconds. @param timeout Seconds. */
function timeLeft(timeout: number, arrival = recordArrival()): number {
  return arrival.time + timeout * 1000 - performance.now()
}

/** Creates the error of a request without keys. @param failure The last failure of the issuer. */
function createUnavailableError(
  issuer: string,
  retryAfter: number,
  failure: unknown,
  hint = failure instanceof FetchFailure ? failure.message : undefined,
): ServiceUnavailableError {
  const detail = { issuer: printable(issuer), ...(hint !== undefined && { hint }) }
  return new ServiceUnavailableError('keys', retryAfter, detail, failure)
}
