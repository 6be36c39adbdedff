/**
 * @module A fetched key set with its ages: fresh, due for a refresh, old, and no longer usable. Pure
 * data; the clock is an argument.
 */
import type { FetchedKeySet } from './jwks-client.ts'
import type { KeySet } from './key-set.ts'

/** The part of a set's lifetime after which it is refreshed in the background. */
const refreshAhead = 0.75

/** All times in seconds since 1970, by the validator's clock. */
export interface CachedKeySet {
  readonly set: KeySet
  /** When the set was asked for, in the order of arrivals. */
  readonly requestOrder: number
  readonly fetchedAt: number
  readonly refreshAt: number
  readonly expiresAt: number
  readonly usableUntil: number
}

export function cacheKeySet(
  { set, requestOrder, lifetime }: FetchedKeySet,
  now: number,
  staleIfError: number,
): CachedKeySet {
  const expiresAt = now + lifetime
  return {
    set,
    requestOrder,
    fetchedAt: now,
    refreshAt: now + lifetime * refreshAhead,
    expiresAt,
    usableUntil: expiresAt + staleIfError,
  }
}

/** A set from the future means that the clock was set back: its age is not known, so it is old. */
export function expireKeySet(
  { set, requestOrder }: CachedKeySet,
  now: number,
  staleIfError: number,
): CachedKeySet {
  const usableUntil = now + staleIfError
  return { set, requestOrder, fetchedAt: now, refreshAt: now, expiresAt: now, usableUntil }
}

/** The same, without compromised keys; `undefined` where none is left. */
export function dropKeys(
  cached: CachedKeySet | undefined,
  fingerprints: ReadonlySet<string>,
): CachedKeySet | undefined {
  const set = cached?.set.without(fingerprints)
  return cached === undefined || set === undefined || set.keys.size === 0
    ? undefined
    : { ...cached, set }
}

/** What serves while newer keys cannot be had. */
export function servingState(
  cached: CachedKeySet | undefined,
  now: number,
): 'fresh' | 'stale' | 'nothing' {
  if (cached === undefined || !(now < cached.usableUntil)) return 'nothing'
  return now < cached.expiresAt ? 'fresh' : 'stale'
}
