/**
 * @module Where an issuer's keys come from, as one small interface; and the source that needs no
 * network.
 */
import type { Arrival } from './arrival.ts'
import { describeSkipped, type KeySet, readKeySet } from './key-set.ts'

export interface KeySource {
  /**
   * Returns the keys that may be used now, without a promise while there are any that are not too old.
   * Otherwise the promise waits for one attempt to fetch them, and rejects with ServiceUnavailableError.
   *
   * @param now Seconds since 1970, where the caller has just read the clock.
   * @param arrival From when on a request waits `keys.timeout`; by default from the call.
   */
  readonly current: (now?: number, arrival?: Arrival) => KeySet | Promise<KeySet>
  /**
   * Finds a set for a token that fits no key of `known`: one that fits, or one that was requested after
   * the token arrived, or `known` itself when there were too many such tokens in a short time. Rejects
   * with ServiceUnavailableError where the issuer did not answer within `keys.timeout`.
   *
   * @param fits Whether the token may fit a key of a set.
   */
  readonly refreshForUnknownKey: (
    known: KeySet,
    fits: (set: KeySet) => boolean,
    arrival?: Arrival,
  ) => KeySet | Promise<KeySet>
}

/**
 * Creates a source of keys that the application gives.
 *
 * @throws TypeError where not one key in the set is usable.
 */
export function createStaticKeySource(jwks: unknown, option: string): KeySource {
  const set = readKeySet(jwks)
  if (set === undefined) {
    throw new TypeError(`${option} must be a JWK Set: { keys: [...] } with at most 100 keys`)
  }
  if (set.keys.size === 0) {
    throw new TypeError(`${option} holds no usable key (${describeSkipped(set.skipped)})`)
  }
  return { current: () => set, refreshForUnknownKey: () => set }
}
