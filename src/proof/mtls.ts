/**
 * @module Proof of possession by mutual TLS: the client certificate of the request must be the one that the
 * token is bound to. TLS has proven that the client has the key of the certificate.
 *
 * @see {@link https://www.rfc-editor.org/rfc/rfc8705#section-3 | RFC 8705, section 3}
 */
import { Buffer } from 'node:buffer'
import { timingSafeEqual } from 'node:crypto'
import { InvalidTokenError } from '../errors.ts'

const claimName = 'cnf.x5t#S256'

/**
 * Validates that a token is bound to the client certificate of its request.
 *
 * @param x5tS256 The member `x5t#S256` of the claim `cnf`.
 * @param thumbprint The thumbprint of the request's certificate; `undefined` if there is none.
 * @param hintForMissing Explains to the operator why there is none.
 * @throws InvalidTokenError with `binding_mismatch`
 */
export function validateCertificateBinding(
  x5tS256: string,
  thumbprint: string | undefined,
  hintForMissing = 'the request has no client certificate',
): void {
  if (thumbprint === undefined) {
    const detail = { name: claimName, expected: x5tS256, hint: hintForMissing }
    throw new InvalidTokenError('binding_mismatch', detail)
  }
  if (!isEqual(x5tS256, thumbprint)) {
    const hint = 'the request has another client certificate'
    const detail = { name: claimName, expected: x5tS256, actual: thumbprint, hint }
    throw new InvalidTokenError('binding_mismatch', detail)
  }
}

function isEqual(expected: string, actual: string): boolean {
  const [a, b] = [Buffer.from(expected), Buffer.from(actual)]
  return a.length === b.length && timingSafeEqual(a, b)
}
