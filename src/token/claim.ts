/** @module The type of claims, and the errors of a claim that is missing or malformed. */
import { InvalidTokenError } from '../errors.ts'
import { printable } from '../internal/printable.ts'

/**
 * The claims of a token, the members of an introspection response, or a JSON object in one of these. The claims
 * of a JWT are untrusted until its signature is verified.
 */
export type Claims = Readonly<Record<string, unknown>>

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
