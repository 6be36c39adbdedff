/**
 * @module Validates claims of a JWT before its signature is verified. Pure functions.
 *
 * @see {@link https://www.rfc-editor.org/rfc/rfc9068#section-4 | RFC 9068, section 4}
 */
import { getOwn } from '../internal/own-property.ts'
import { type AudienceRules, validateAudience } from './audience.ts'
import { type Claims, invalidClaim, missingClaim } from './claim.ts'
import { validateKind } from './kind.ts'

const stringClaims = ['sub', 'client_id', 'jti']
const profileHint = "an issuer that does not follow RFC 9068 needs profile 'jwt'"

/**
 * Validates `aud`, `sub`, `client_id` and `jti`. The profile `rfc9068` requires all of them, and `iat`; the profile
 * `jwt` refuses tokens whose claims name another kind. Does not validate `iss`, `cnf` or the values of the times.
 *
 * @throws InvalidTokenError
 */
export function validateClaims(claims: Claims, rules: AudienceRules): void {
  validateAudience(claims, rules)
  for (const name of stringClaims) {
    const value = getOwn(claims, name)
    // RFC 9068 §2.2
    if (value === undefined && rules.profile === 'rfc9068') throw missingClaim(name, profileHint)
    if (value !== undefined && (typeof value !== 'string' || value === '')) {
      const hint =
        typeof value === 'number' ? `${name} is a number: the issuer must send a string` : undefined
      throw invalidClaim(name, value, 'a string that is not empty', hint)
    }
  }
  if (rules.profile === 'rfc9068' && getOwn(claims, 'iat') === undefined) {
    throw missingClaim('iat', profileHint)
  }
  // With the profile `rfc9068`, the header has named the kind.
  if (rules.profile === 'jwt') validateKind(claims)
}
