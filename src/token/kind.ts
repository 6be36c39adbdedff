/**
 * @module Validates the claims that name the kind of a token. Keycloak names it in `typ`, Amazon Cognito and Ory
 * Hydra in `token_use`, others in `token_type`. An ID token, a refresh token or a logout token is not an access token,
 * even if its audience is this API.
 *
 * @see {@link https://www.rfc-editor.org/rfc/rfc9068#section-5 | RFC 9068, section 5}
 */
import { InvalidTokenError } from '../errors.ts'
import { getOwn } from '../internal/own-property.ts'
import { printable } from '../internal/printable.ts'
import type { Claims } from './claim.ts'

const kindClaims = ['token_type', 'token_use', 'typ']
const otherKind = /(?:^|[:_-])(?:refresh|offline|id|logout)(?:[_-]?token)?$/i

/** @throws InvalidTokenError */
export function validateKind(claims: Claims): void {
  for (const name of kindClaims) {
    const value = getOwn(claims, name)
    if (typeof value !== 'string' || !otherKind.test(value)) continue
    throw new InvalidTokenError('wrong_type', {
      name,
      expected: 'an access token',
      actual: printable(value),
      hint: 'the client must send its access token instead',
    })
  }
}
