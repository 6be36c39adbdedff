/** @module The interface of a source of keys, and the source of configured keys, which needs no network. */
import type { Arrival } from './arrival.ts'
import { describeSkipped, type KeySet, readKeySet } from './key-set.ts'

export interface KeySource {
  /**
   * Returns the current keys. If the set has expired, a request may wait up to 1 s for a fetch: the promise
   * resolves to the newer set, or else to the expired one while that is usable. Without a usable set, it waits
   * for one fetch. It rejects with ServiceUnavailableError if the fetch fails or exceeds `keys.timeout`, and if
   * none may start: because of the back-off after a failure, or a limit on issuers without a verified token.
   *
   * @param now Seconds since 1970, if the caller has just read the clock.
   * @param arrival The arrival of the token. `keys.timeout` is measured from its first wait. Default: now.
   */
  readonly current: (now?: number, arrival?: Arrival) => KeySet | Promise<KeySet>
  /**
   * Fetches keys for a token with an unknown key: no key of `previous` fits the token, or the token has no
   * `kid` and the keys that fit did not verify it. Returns a set that `isNewEnough` accepts, or a set that
   * was requested after the token arrived, or the current set if the rate limit is reached.
   *
   * @param isNewEnough Returns whether a set may be used although it was requested before the token arrived.
   * @param now Seconds since 1970, if the caller has just read the clock.
   * @throws ServiceUnavailableError, or rejects with it, for the same reasons.
   */
  readonly refreshForUnknownKey: (
    previous: KeySet,
    isNewEnough: (set: KeySet) => boolean,
    arrival?: Arrival,
    now?: number,
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
