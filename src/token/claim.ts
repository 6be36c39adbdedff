/** @module The type of claims, and the errors of a claim that is missing or malformed. */
import { InvalidTokenError } from '../errors.ts'
import { printable } from '../internal/printable.ts'

/** The claims of a token, or a JSON object in them. Untrusted until the signature is verified. */
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
