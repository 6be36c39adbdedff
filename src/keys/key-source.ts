/**
 * @module Where an issuer's keys come from, as one small interface; and the source that needs no
 * network.
 */
import { type KeySet, readKeySet } from './key-set.ts'

export interface KeySource {
  /**
   * The keys that may be used now. Returns at once while it has any; else the promise waits for one
   * attempt to fetch them, and rejects with ServiceUnavailableError.
   *
   * @param now Seconds since 1970, where the caller has just read the clock.
   */
  readonly current: (now?: number) => KeySet | Promise<KeySet>
  /**
   * A newer set than `known`, for a token that fits no key in it; or `known`, where there is none:
   * nothing newer, or too many such tokens in a short time. Throws or rejects with
   * ServiceUnavailableError where the issuer could not be asked.
   *
   * @param fits Whether the token may fit a key of a set.
   */
  readonly newerThan: (known: KeySet, fits: (set: KeySet) => boolean) => KeySet | Promise<KeySet>
}

/**
 * Keys given by the application.
 *
 * @throws TypeError where not one key in the set is usable.
 */
export function createStaticKeySource(jwks: unknown, option: string): KeySource {
  const set = readKeySet(jwks)
  if (set === undefined) {
    throw new TypeError(`${option} must be a JWK Set: { keys: [...] } with at most 100 keys`)
  }
  if (set.keys.size === 0) {
    const reasons = set.skipped.map(({ kid, reason }) => `${kid ?? 'a key without kid'}: ${reason}`)
    throw new TypeError(`${option} holds no usable key (${reasons.join(', ') || 'it is empty'})`)
  }
  return { current: () => set, newerThan: () => set }
}
