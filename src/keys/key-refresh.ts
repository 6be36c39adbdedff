/**
 * @module Runs the fetches of one issuer's keys and metadata, and keeps the latest key set and the
 * last failure. `remote-keys.ts` decides when a fetch starts and which requests wait for it.
 */
import { FetchError } from '../internal/fetch-json.ts'
import type { ResolvedKeyPolicy } from '../options/types.ts'
import { createBackOff } from './back-off.ts'
import {
  type CachedKeySet,
  cacheKeySet,
  dropKeys,
  expireKeySet,
  servingState,
} from './cached-key-set.ts'
import { runWithDeadline } from './deadline.ts'
import { type FetchedKeySet, type JwksClient, UnusableKeySetError } from './jwks-client.ts'
import type { KeyEvents } from './key-events.ts'
import type { KeySet } from './key-set.ts'

/** One fetch. Any number of requests may wait for it. */
interface Attempt {
  /** Resolves when the attempt has ended; never rejects. */
  readonly done: Promise<void>
  /** By `performance.now()`. */
  readonly startedAt: number
  /**
   * Whether requests wait for this fetch although an expired set could still be used; they do not if the fetch
   * before it failed. False if the set was fresh when the fetch began, or if a token with an unknown key caused
   * it. Requests without a usable set, and those with an unknown key, always wait.
   */
  readonly delaysStaleUse: boolean
}

interface RefreshState {
  /** The latest set, which may have expired; `undefined` if there is none. */
  cached: CachedKeySet | undefined
  /** The fetch in progress. */
  attempt: Attempt | undefined
  /** The refresh of the metadata in progress. Never rejects. */
  metadataRefresh: Promise<void> | undefined
  /** Why the last fetch failed; `undefined` after a success. */
  failure: unknown
}

export interface KeyRefresh {
  readonly state: Readonly<RefreshState>
  /** Returns whether the last fetch failed. */
  readonly isFailing: () => boolean
  /** Returns the seconds until the next fetch is due after a failure; 0 when it is due. */
  readonly remainingDelay: () => number
  /** Returns the value for `Retry-After`, in seconds: at least 1. */
  readonly retryAfter: () => number
  /** Expires the set if the clock was set back to a time before the fetch. */
  readonly expireIfClockSetBack: (time: number) => void
  /**
   * Starts a fetch.
   *
   * @param delaysStaleUse See {@link Attempt}.
   * @param release Ends the reservation of the fetch.
   * @param isForToken Whether a token with an unknown key caused the fetch.
   */
  readonly startAttempt: (
    delaysStaleUse: boolean,
    release: () => void,
    isForToken?: boolean,
  ) => Attempt
}

export interface KeyRefreshOptions {
  readonly client: JwksClient
  readonly policy: ResolvedKeyPolicy
  readonly seconds: () => number
  readonly events: KeyEvents
}

export function createKeyRefresh(options: KeyRefreshOptions): KeyRefresh {
  const { client, policy, seconds, events } = options
  const backOff = createBackOff(seconds)
  const state: RefreshState = {
    cached: undefined,
    attempt: undefined,
    metadataRefresh: undefined,
    failure: undefined,
  }

  const retryAfter = () => Math.max(1, Math.ceil(backOff.remaining()))

  function expireIfClockSetBack(time: number): void {
    if (state.cached === undefined || time >= state.cached.fetchedAt) return
    state.cached = expireKeySet(state.cached, time, policy.staleIfError)
  }

  function startAttempt(delaysStaleUse: boolean, release: () => void, isForToken = false): Attempt {
    const startedAt = performance.now()
    const endAttempt = () => {
      state.attempt = undefined
      release()
    }
    // `refreshKeys` rejects only if something other than the fetch fails, for example the application's
    // clock. That error is dropped, because the next request meets it too.
    const done = refreshKeys(startedAt, isForToken).then(endAttempt, endAttempt)
    const attempt = { done, startedAt, delaysStaleUse }
    state.attempt = attempt
    return attempt
  }

  async function refreshKeys(startedAt: number, isForToken: boolean): Promise<void> {
    const previous = state.cached?.set
    try {
      const fetched = await runWithDeadline(policy.timeout, async (signal) => {
        // Wait one microtask, so that tokens that arrive together all precede this request in order.
        if (isForToken) await undefined
        return client.fetchKeys(signal)
      })
      store(fetched, previous, startedAt)
    } catch (error) {
      recordFailure(error, startedAt)
      return
    }
    if (state.metadataRefresh !== undefined || !client.isMetadataDue()) return
    const end = () => {
      state.metadataRefresh = undefined
    }
    state.metadataRefresh = refreshMetadata().then(end, end)
  }

  /** Runs in the background, after the keys were fetched. */
  async function refreshMetadata(): Promise<void> {
    const startedAt = performance.now()
    try {
      const fetched = await runWithDeadline(policy.timeout, client.refreshMetadata)
      if (fetched !== undefined) store(fetched, state.cached?.set, startedAt)
    } catch (error) {
      client.postponeMetadata()
      dropCompromisedKeys(error)
      events.metadataFailed(error)
    }
  }

  function store(fetched: FetchedKeySet, previous: KeySet | undefined, startedAt: number): void {
    state.cached = cacheKeySet(fetched, seconds(), policy.staleIfError)
    backOff.recordSuccess()
    state.failure = undefined
    events.refreshed(fetched.set, previous, performance.now() - startedAt)
    events.skipped(fetched.set.skipped)
  }

  function recordFailure(error: unknown, startedAt: number): void {
    state.failure = error
    backOff.recordFailure(error instanceof FetchError ? error.retryAfter : undefined)
    dropCompromisedKeys(error)
    events.failed(error, {
      serving: servingState(state.cached, seconds()),
      retryAfter: retryAfter(),
      durationMs: performance.now() - startedAt,
    })
  }

  /** If a set without a usable key contains private keys, drops their public keys. Reports the skipped JWKs. */
  function dropCompromisedKeys(error: unknown): void {
    if (!(error instanceof UnusableKeySetError)) return
    state.cached = dropKeys(state.cached, error.set.compromised)
    events.skipped(error.set.skipped)
  }

  const { isFailing, remaining: remainingDelay } = backOff
  return { state, isFailing, remainingDelay, retryAfter, expireIfClockSetBack, startAttempt }
}
