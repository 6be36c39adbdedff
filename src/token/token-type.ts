/**
 * @module Validates the header member `typ`. With the profile `rfc9068` it separates access tokens from other
 * JWTs; the profile `jwt` accepts the general type too.
 *
 * @see {@link https://www.rfc-editor.org/rfc/rfc9068#section-4 | RFC 9068, section 4}
 * @see {@link https://www.rfc-editor.org/rfc/rfc8725#section-3.11 | RFC 8725, section 3.11}
 */
import type { JoseHeader } from '../access-token.ts'
import { InvalidTokenError } from '../errors.ts'
import { printable } from '../internal/printable.ts'
import type { Profile } from '../options/types.ts'

// RFC 9068 §2.1, RFC 7515 §4.1.9: a media type. It is case-insensitive, and the prefix may be omitted.
const accessTokenType = /^(?:application\/)?at\+jwt$/i
const jwtOrAccessTokenType = /^(?:application\/)?(?:at\+)?jwt$/i

/** @throws InvalidTokenError */
export function validateType(header: JoseHeader, profile: Profile): void {
  const typ = Object.hasOwn(header, 'typ') ? header.typ : undefined
  const isAccepted =
    typ === undefined
      ? profile === 'jwt'
      : (profile === 'jwt' ? jwtOrAccessTokenType : accessTokenType).test(typ)
  if (isAccepted) return
  throw new InvalidTokenError('wrong_type', {
    name: 'typ',
    expected: profile === 'jwt' ? 'JWT or at+jwt' : 'at+jwt',
    actual: printable(typ),
    ...(profile === 'rfc9068' && { hint: "an issuer that sends typ JWT needs profile 'jwt'" }),
  })
}
