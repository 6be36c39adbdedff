/** @module Reads the claim `iss`, and creates the error for an issuer that is not trusted. */
import { InvalidTokenError } from '../errors.ts'
import { printable, slashHint } from '../internal/printable.ts'

/** @throws InvalidTokenError unless the claim is a string that is not empty. */
export function readIss(iss: unknown): string {
  if (iss === undefined) throw new InvalidTokenError('missing_claim', { name: 'iss' })
  if (typeof iss === 'string' && iss !== '') return iss
  throw new InvalidTokenError('invalid_claim', {
    name: 'iss',
    expected: 'a string that is not empty',
    actual: printable(iss),
  })
}

/**
 * @param names The trusted issuers, as far as they are known.
 * @param hint Default: a hint if `iss` and a trusted issuer differ only by a slash at the end.
 */
export function createUntrustedIssuerError(
  iss: string,
  names: readonly string[],
  hint: string | undefined = names
    .map((name) => slashHint(name, iss))
    .find((text) => text !== undefined),
): InvalidTokenError {
  return new InvalidTokenError('wrong_issuer', {
    name: 'iss',
    expected: printable(names),
    actual: printable(iss),
    ...(hint !== undefined && { hint }),
  })
}
