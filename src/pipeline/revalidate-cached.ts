/**
 * @module Validates the cached result for a JWT again, on every request.
 *
 * Checks what time can change: whether the issuer is trusted, with the same options; `exp`, `nbf`, `iat` and
 * `maxTokenAge`; whether the issuer still publishes the key. A key that the issuer removed may be
 * compromised, so its tokens are refused, although their signatures were verified.
 *
 * Does not repeat what depends only on the token and on the options of its issuer: parsing, the other claims,
 * the signature. The cache identifies the token by the SHA-256 of its whole text.
 *
 * Proof, revocation and requirement are not part of the result and are checked later.
 */
import { isPromise, type MaybePromise } from '../internal/maybe-promise.ts'
import type { TrustedIssuer } from '../issuer/trusted-issuer.ts'
import { currentOrder, recordArrival, startWaiting } from '../keys/arrival.ts'
import type { KeySet } from '../keys/key-set.ts'
import { validateTime } from '../token/time.ts'
import type { ValidationContext } from './context.ts'
import type { VerificationResult } from './verification-result.ts'

/**
 * @returns `true`: the result is still valid. `false`: it is not, and the token must be verified anew.
 * @throws AccessTokenError if the token is not valid now, or if its issuer or keys are not available. Also
 * by rejecting.
 */
export function revalidateCached(
  result: VerificationResult,
  context: ValidationContext,
): MaybePromise<boolean> {
  const found = context.pipeline.issuers.findIssuer(result.issuer.issuer)
  if (!isPromise(found)) return revalidateWith(found, result, context)
  context.arrival = recordArrival()
  startWaiting(context.arrival)
  return found.then((issuer) => revalidateWith(issuer, result, context))
}

function revalidateWith(
  issuer: TrustedIssuer,
  result: VerificationResult,
  context: ValidationContext,
): MaybePromise<boolean> {
  // The options of the issuer have changed, or it was looked up anew after its removal from the store of
  // issuers: verify the token anew.
  if (issuer !== result.issuer) return false
  context.header = result.header
  context.issuer = issuer
  const { seconds } = context.pipeline
  const now = seconds()
  validateTime(result, issuer, now)
  // The order of the token's arrival, in case it waits and is then verified anew. Read before `current()`: a
  // fetch that `current()` starts was then requested after the arrival, so its set can show that a key does
  // not exist.
  const order = currentOrder()
  const keys = issuer.keys.current(now, context.arrival)
  if (!isPromise(keys)) return isPublished(result, keys)
  context.arrival ??= { order, waitingSince: performance.now() }
  return keys.then((set) => {
    validateTime(result, issuer, seconds())
    return isPublished(result, set)
  })
}

function isPublished({ key }: VerificationResult, keys: KeySet): boolean {
  return key !== undefined && keys.has(key)
}
