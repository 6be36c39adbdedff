/**
 * @module Keeps the key set of one issuer. Only requests and `ready()` start fetches, never a timer. A
 * fetch starts (1) when a request needs keys and there are none that may be used; (2) in the background, at
 * the first request after three quarters of the set's lifetime; (3) within a rate limit, when no key of the
 * set fits a token, or the token has no `kid` and the keys that fit did not verify it. If a fetch of kind (2)
 * starts only after the set has expired, and the last fetch did not fail, requests wait for it for up to 1 s.
 * At most one fetch of these three kinds runs at a time. A refresh of the metadata may fetch keys beside it.
 * While fetches fail, an expired set is still used for `staleIfError`.
 */
import { ServiceUnavailableError } from '../errors.ts'
import type { Observer } from '../events/observer.ts'
import { FetchError } from '../internal/fetch-json.ts'
import { printable } from '../internal/printable.ts'
import type { ResolvedKeyPolicy } from '../options/types.ts'
import { type Arrival, recordArrival, startWaiting } from './arrival.ts'
import { settlesWithin } from './deadline.ts'
import type { JwksClient } from './jwks-client.ts'
import { createKeyEvents } from './key-events.ts'
import { createKeyRefresh } from './key-refresh.ts'
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
   * Reserves one fetch. Returns a function that ends the reservation. By default there is no limit.
   *
   * @throws ServiceUnavailableError if the limit is reached, which is not a failure of the issuer.
   */
  readonly reserveFetch?: (() => () => void) | undefined
}

/** The end of a reservation if there is no limit. */
export const releaseNothing = (): void => {}

/** How long after its start a fetch delays requests that could use an expired set, in milliseconds. */
const maxWaitWithStaleKeys = 1000

export function createRemoteKeySource(options: RemoteKeySourceOptions): KeySource {
  const { client, policy, reserveFetch = () => releaseNothing } = options
  const seconds = () => options.now() / 1000
  const rateLimit = createRateLimit(seconds)
  const events = createKeyEvents(options.issuer, options.observer)
  const refresh = createKeyRefresh({ client, policy, seconds, events })
  const { state } = refresh

  function current(time = seconds(), arrival?: Arrival): KeySet | Promise<KeySet> {
    refresh.expireIfClockSetBack(time)
    const { cached } = state
    if (cached === undefined || !(time < cached.usableUntil)) return fetchFirst(arrival)
    const isFresh = time < cached.expiresAt
    const isDue = time >= cached.refreshAt
    if (isDue && state.attempt === undefined && refresh.remainingDelay() === 0) {
      const release = tryReserve(reserveFetch)
      if (release !== undefined) refresh.startAttempt(!isFresh, release)
    }
    const { attempt } = state
    // Under steady load an attempt begins before the set expires, and no request waits for it.
    if (isFresh || attempt?.delaysStaleUse !== true || refresh.isFailing()) return cached.set
    const limit = attempt.startedAt + maxWaitWithStaleKeys - performance.now()
    if (limit <= 0) return cached.set
    return settlesWithin(attempt.done, Math.min(limit, timeLeft(policy.timeout, arrival))).then(
      () => usableSet(),
    )
  }

  async function fetchFirst(arrival?: Arrival): Promise<KeySet> {
    const mayStart = state.attempt === undefined && refresh.remainingDelay() === 0
    const attempt = mayStart ? refresh.startAttempt(true, reserveFetch()) : state.attempt
    if (attempt !== undefined) await waitFor(attempt.done, arrival)
    return usableSet()
  }

  function refreshForUnknownKey(
    previous: KeySet,
    isNewEnough: (set: KeySet) => boolean,
    arrival = recordArrival(),
    // Not read again and again: reading a clock takes 2 % of the time of a refusal.
    time = seconds(),
  ): KeySet | Promise<KeySet> {
    const { cached, metadataRefresh } = state
    if (cached !== undefined && cached.set !== previous && isNewEnough(cached.set)) {
      return usableSet(time)
    }
    // A set shows that a key does not exist only if it was requested after the token arrived, and from the
    // URL in the current metadata.
    if (cached !== undefined && cached.requestOrder > arrival.order) {
      if (metadataRefresh === undefined) return usableSet(time)
      return retryWhenDone(waitFor(metadataRefresh, arrival), previous, isNewEnough, arrival)
    }
    const attempt = state.attempt ?? startForUnknownKey(time)
    if (attempt === undefined) return usableSet(time)
    return retryWhenDone(waitForAttempt(attempt.done, arrival), previous, isNewEnough, arrival)
  }

  // A function of its own, so that a token that does not wait creates no closure.
  async function retryWhenDone(
    work: Promise<void>,
    previous: KeySet,
    isNewEnough: (set: KeySet) => boolean,
    arrival: Arrival,
  ): Promise<KeySet> {
    await work
    return refreshForUnknownKey(previous, isNewEnough, arrival)
  }

  /**
   * Starts a fetch. Returns `undefined` if the rate limit is reached; the caller then uses the known keys.
   *
   * @throws ServiceUnavailableError if the last fetch failed and the next one is not due or is over the
   * rate limit; and from `reserveFetch`.
   */
  function startForUnknownKey(time: number) {
    if (refresh.remainingDelay() > 0) throw unavailable()
    const release = reserveFetch()
    if (rateLimit.tryTake(time)) return refresh.startAttempt(false, release, true)
    release()
    events.rateLimited()
    if (refresh.isFailing()) throw unavailable()
    return undefined
  }

  async function waitFor(work: Promise<void>, arrival?: Arrival): Promise<void> {
    if (await settlesWithin(work, timeLeft(policy.timeout, arrival))) return
    throw unavailable(`the keys were not fetched within ${policy.timeout} s`)
  }

  async function waitForAttempt(done: Promise<void>, arrival: Arrival): Promise<void> {
    await waitFor(done, arrival)
    if (refresh.isFailing()) throw unavailable()
  }

  function usableSet(time = seconds()): KeySet {
    const { cached } = state
    if (cached === undefined || !(time < cached.usableUntil)) throw unavailable()
    return cached.set
  }

  function unavailable(hint?: string): ServiceUnavailableError {
    return createUnavailableError(options.issuer, refresh.retryAfter(), state.failure, hint)
  }

  return { current, refreshForUnknownKey }
}

/** Reserves one fetch. Returns `undefined` if the limit is reached; the caller then uses the old keys. */
function tryReserve(reserveFetch: () => () => void): (() => void) | undefined {
  try {
    return reserveFetch()
  } catch (error) {
    if (error instanceof ServiceUnavailableError) return undefined
    throw error
  }
}

/**
 * Returns how many milliseconds a request may still wait.
 *
 * @param timeout Seconds.
 */
function timeLeft(timeout: number, arrival = recordArrival()): number {
  return startWaiting(arrival) + timeout * 1000 - performance.now()
}

/**
 * Creates the error of a request that does not get the keys that it needs.
 *
 * @param failure Why the last fetch failed; `undefined` after a success.
 */
function createUnavailableError(
  issuer: string,
  retryAfter: number,
  failure: unknown,
  hint = failure instanceof FetchError ? failure.message : undefined,
): ServiceUnavailableError {
  const detail = { issuer: printable(issuer), ...(hint !== undefined && { hint }) }
  return new ServiceUnavailableError('keys', retryAfter, detail, failure)
}
