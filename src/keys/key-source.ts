/** @module The interface of a source of keys, and the source of configured keys, which needs no network. */
import type { Arrival } from './arrival.ts'
import { describeSkipped, type KeySet, readKeySet } from './key-set.ts'

export interface KeySource {
  /**
   * Returns the current keys. If the set has expired, a request may wait up to 1 s for a fetch: the promise
   * resolves to the newer set, or else to the expired one. Without a usable set, the promise waits for one
   * fetch, and rejects with ServiceUnavailableError if that fails, is not due or exceeds `keys.timeout`.
   *
   * @param now Seconds since 1970, if the caller has just read the clock.
   * @param arrival The arrival of the token, from which `keys.timeout` is measured. Default: now.
   */
  readonly current: (now?: number, arrival?: Arrival) => KeySet | Promise<KeySet>
  /**
   * Fetches keys for a token that no key of `previous` fits. Returns a set with a key that fits, or a set
   * that was requested after the token arrived, or the current set if the rate limit is reached.
   *
   * @param hasCandidate Returns whether a set has a key that may have signed the token.
   * @throws ServiceUnavailableError, or rejects with it, if the fetch fails, is not due or exceeds
   * `keys.timeout`.
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
