/** @module Validates the header and the claims of a JWT whose signature is not verified yet. */
import type { TrustedIssuer } from '../issuer/trusted-issuer.ts'
import { validateAlgorithm } from '../token/algorithm.ts'
import { validateClaims } from '../token/claims.ts'
import type { DecryptedToken } from '../token/jwe.ts'
import type { ParsedJwt } from '../token/jws.ts'
import { readTimeClaims, type TimeClaims, validateTime } from '../token/time.ts'
import { validateType } from '../token/token-type.ts'
import { validateEncryption } from './decryption.ts'
import { selectRules } from './introspection-verifier.ts'

/**
 * @returns The claims that are compared with the clock.
 * @throws InvalidTokenError
 * @see {@link https://www.rfc-editor.org/rfc/rfc9068#section-4 | RFC 9068, section 4}
 */
export function validateJwt(
  { header, claims }: ParsedJwt,
  decrypted: DecryptedToken | undefined,
  issuer: TrustedIssuer,
  now: number,
): TimeClaims {
  validateAlgorithm(header, issuer.algorithms)
  validateType(header, issuer.profile)
  validateEncryption(decrypted, claims, issuer)
  const times = readTimeClaims(claims)
  validateTime(times, issuer, now)
  validateClaims(claims, selectRules(issuer, claims))
  return times
}
