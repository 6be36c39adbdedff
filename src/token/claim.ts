/**
 * @module Reads single claims, and creates the errors for a missing and for a malformed one. Imports only
 * the shared errors and `internal/`.
 */
import { InvalidTokenError } from '../errors.ts'
import { printable } from '../internal/printable.ts'

/** A JSON object in a token: the claims, or the header. Untrusted until the signature is verified. */
export type Claims = Readonly<Record<string, unknown>>

/** Returns a member of the token, never an inherited property. */
export function getClaim(claims: Claims, name: string): unknown {
  return Object.hasOwn(claims, name) ? claims[name] : undefined
}

export function missingClaim(name: string, hint?: string): InvalidTokenError {
  return new InvalidTokenError('missing_claim', { name, ...(hint !== undefined && { hint }) })
}

export function invalidClaim(
  name: string,
  value: unknown,
  expected: string,
  hint?: string,
): InvalidTokenError {
  return new InvalidTokenError('invalid_claim', {
    name,
    expected,
    actual: printable(value),
    ...(hint !== undefined && { hint }),
  })
}
