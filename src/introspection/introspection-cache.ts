/**
 * @module Caches results of introspection for a short time. Accepted and refused tokens have separate
 * limits, so that refused ones cannot evict accepted ones. Also remembers the hashes of tokens that were
 * accepted before. Does not keep the tokens. Separate from the cache of JWTs.
 *
 * @see {@link https://www.rfc-editor.org/rfc/rfc7662#section-4 | RFC 7662, section 4}
 */
import type { ErrorDetail, InvalidTokenReason } from '../errors.ts'
import { createGenerationMap } from '../internal/generation-map.ts'
import { sha256 } from '../internal/sha256.ts'

/** Why a token was refused. Each request gets a new error with this reason and detail. */
interface Refusal {
  readonly reason: InvalidTokenReason
  readonly detail: ErrorDetail
}

/**
 * The result for one token: what was accepted, or why it was refused. Code that distinguishes them looks for
 * `refusal`, because a look for `value` would also find one of `Object.prototype`.
 */
export type IntrospectionResult<V> = { readonly value: V } | { readonly refusal: Refusal }

/** The time in which a result may be used, in seconds since 1970. */
interface Validity {
  readonly from: number
  readonly until: number
}

export interface IntrospectionCache<V> {
  readonly get: (key: string, now: number) => IntrospectionResult<V> | undefined
  /** @param size Octets of the response. */
  readonly set: (
    key: string,
    result: IntrospectionResult<V>,
    validity: Validity,
    size: number,
  ) => void
  /**
   * Whether the token was accepted when it was introspected last. Does not depend on how long ago that was, but
   * the number of hashes that are remembered is limited.
   */
  readonly wasAccepted: (key: string) => boolean
}

/** The maximum number of refused tokens. Any client can add some. An entry takes about 500 octets. */
const maxRefused = 5_000
/** The maximum number of hashes of accepted tokens: 100 octets each. */
const maxAcceptedBefore = 20_000
/** Octets of a typical response. A larger one of an accepted token counts as several entries. */
const typicalSize = 1_024

interface Entry<V> extends Validity {
  readonly result: IntrospectionResult<V>
}

/**
 * Returns the key of a token: a SHA-256.
 *
 * @param cacheScope Separates the introspectors that share a cache. Contains no NUL.
 */
export function createCacheKey(cacheScope: string, token: string): string {
  return sha256(`${cacheScope}\0${token}`)
}

/** @param maxEntries The maximum number of accepted tokens with a response of typical size. */
export function createIntrospectionCache<V>(maxEntries: number): IntrospectionCache<V> {
  const accepted = createGenerationMap<Entry<V>>(maxEntries)
  const refused = createGenerationMap<Entry<V>>(maxRefused)
  const acceptedBefore = createGenerationMap<true>(maxAcceptedBefore)

  return {
    get(key, now) {
      const entry = accepted.get(key) ?? refused.get(key)
      // If `from` is in the future, the clock was set back, and the age of the result is unknown.
      if (entry === undefined || !(now >= entry.from && now < entry.until)) return undefined
      return entry.result
    },
    set(key, result, { from, until }, size) {
      const isAccepted = !('refusal' in result)
      if (isAccepted) acceptedBefore.set(key, true)
      else acceptedBefore.delete(key)
      accepted.delete(key)
      refused.delete(key)
      if (!(until > from)) return
      const weight = Math.max(1, Math.ceil(size / typicalSize))
      const entry = { result, from, until }
      if (isAccepted) accepted.set(key, entry, weight)
      else refused.set(key, entry)
    },
    wasAccepted: (key) => acceptedBefore.get(key) === true,
  }
}
