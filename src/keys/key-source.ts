/**
 * @module The interface of a source of keys, and the source of configured keys, which needs no network.
 */
import type { Arrival } from './arrival.ts'
import { describeSkipped, type KeySet, readKeySet } from './key-set.ts'

export interface KeySource {
  /**
   * Returns the current keys. With a promise if the set has expired and a fetch that requests wait for is
   * in progress: it resolves to the newer set, or after 1 s to the expired one. Without a usable set, the
   * promise waits for one attempt, and rejects with ServiceUnavailableError if that fails or is not due.
   *
   * @param now Seconds since 1970, if the caller has just read the clock.
   * @param arrival When the wait of `keys.timeout` began; by default now.
   */
  readonly current: (now?: number, arrival?: Arrival) => KeySet | Promise<KeySet>
  /**
   * Fetches keys for a token that no key of `previous` fits. Resolves to a set with a key that fits, or one
   * that was requested after the token arrived, or `previous` itself if the rate limit is reached. Rejects
   * with ServiceUnavailableError if the issuer does not respond within `keys.timeout`.
   *
   * @param hasCandidate Returns whether a set has a key that may have signed the token.
   */
  readonly refreshForUnknownKey: (
    previous: KeySet,
    hasCandidate: (set: KeySet) => boolean,
    arrival?: Arrival,
  ) => KeySet | Promise<KeySet>
}

/**
 * Creates a source of configured keys.
 *
 * @throws TypeError if no key in the set is usable.
 */
export function createStaticKeySource(jwks: unknown, option: string): KeySource {
  const set = readKeySet(jwks)
  if (set === undefined) {
    throw new TypeError(`${option} must be a JWK Set: { keys: [...] } with at most 100 keys`)
  }
  if (set.keys.size === 0) {
    throw new TypeError(`${option} has no usable key (${describeSkipped(set.skipped)})`)
  }
  return { current: () => set, refreshForUnknownKey: () => set }
}
