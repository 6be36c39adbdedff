/**
 * @module A fetched key set with the times at which it is due for a refresh, expires, and becomes
 * unusable. Pure functions: the time is an argument.
 */
import type { FetchedKeySet } from './jwks-client.ts'
import type { KeySet } from './key-set.ts'

/** The fraction of the lifetime after which a set is refreshed in the background. */
const refreshAhead = 0.75

/** All times in seconds since 1970, by the validator's clock. */
export interface CachedKeySet {
  readonly set: KeySet
  /** `nextOrder()` when the set was requested from the issuer; compared with `Arrival.order`. */
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

/** Expires a set whose age is unknown, because the clock was set back to a time before the fetch. */
export function expireKeySet(
  { set, requestOrder }: CachedKeySet,
  now: number,
  staleIfError: number,
): CachedKeySet {
  const usableUntil = now + staleIfError
  return { set, requestOrder, fetchedAt: now, refreshAt: now, expiresAt: now, usableUntil }
}

/** Returns the set without the compromised public keys; `undefined` if no key is left. */
export function dropKeys(
  cached: CachedKeySet | undefined,
  compromised: ReadonlySet<string>,
): CachedKeySet | undefined {
  if (cached === undefined) return undefined
  const set = cached.set.without(compromised)
  return set.keys.size === 0 ? undefined : { ...cached, set }
}

/** Returns which keys are in use while no newer keys can be fetched. */
export function servingState(
  cached: CachedKeySet | undefined,
  now: number,
): 'fresh' | 'stale' | 'nothing' {
  if (cached === undefined || !(now < cached.usableUntil)) return 'nothing'
  return now < cached.expiresAt ? 'fresh' : 'stale'
}
