/**
 * @module Validates the algorithm of a token.
 *
 * @see {@link https://www.rfc-editor.org/rfc/rfc8725#section-3.1 | RFC 8725, section 3.1}
 */
import type { JoseHeader } from '../access-token.ts'
import { InvalidTokenError } from '../errors.ts'
import { printable } from '../internal/printable.ts'
import type { Algorithm } from '../signature/algorithms.ts'

/**
 * Validates the algorithm against those that the issuer may use. No option can add `none` to them.
 *
 * @throws InvalidTokenError
 */
export function validateAlgorithm({ alg }: JoseHeader, algorithms: readonly Algorithm[]): void {
  if (algorithms.includes(alg as Algorithm)) return
  throw new InvalidTokenError('wrong_algorithm', {
    name: 'alg',
    expected: algorithms.join(' '),
    actual: printable(alg),
  })
}
