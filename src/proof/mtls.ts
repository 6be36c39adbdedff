/**
 * @module Proof of possession by mutual TLS: the client certificate of the request is the one that the
 * token is bound to. TLS itself has proven that the client has the key of the certificate.
 *
 * @see {@link https://www.rfc-editor.org/rfc/rfc8705#section-3 | RFC 8705, section 3}
 */
import { Buffer } from 'node:buffer'
import { timingSafeEqual } from 'node:crypto'
import { InvalidTokenError } from '../errors.ts'
import { decodeBase64url } from '../internal/base64url.ts'
import { printable } from '../internal/printable.ts'

const name = 'cnf.x5t#S256'
const bytesOfSha256 = 32

/**
 * Validates that a token is bound to the client certificate of its request.
 *
 * @param x5tS256 The member `x5t#S256` of the claim `cnf`; `undefined` where there is none.
 * @param thumbprint That of the request's certificate; `undefined` where there is none.
 * @param hintForMissing Explains why there is none.
 * @throws InvalidTokenError with `missing_claim`, `invalid_claim` or `binding_mismatch`
 */
export function validateCertificateBinding(
  x5tS256: unknown,
  thumbprint: string | undefined,
  hintForMissing = 'the request has no client certificate',
): void {
  if (x5tS256 === undefined) {
    const hint = 'the token is not bound to a client certificate'
    throw new InvalidTokenError('missing_claim', { name, hint })
  }
  // RFC 8705 §3.1: base64url of a SHA-256 hash, in its canonical form.
  if (typeof x5tS256 !== 'string' || decodeBase64url(x5tS256)?.length !== bytesOfSha256) {
    const expected = 'a SHA-256 thumbprint: 43 characters of base64url'
    throw new InvalidTokenError('invalid_claim', { name, expected, actual: printable(x5tS256) })
  }
  if (thumbprint === undefined) {
    const detail = { name, expected: x5tS256, hint: hintForMissing }
    throw new InvalidTokenError('binding_mismatch', detail)
  }
  if (!isEqual(x5tS256, thumbprint)) {
    const hint = 'the request has another client certificate'
    const detail = { name, expected: x5tS256, actual: thumbprint, hint }
    throw new InvalidTokenError('binding_mismatch', detail)
  }
}

function isEqual(expected: string, actual: string): boolean {
  const [a, b] = [Buffer.from(expected), Buffer.from(actual)]
  return a.length === b.length && timingSafeEqual(a, b)
}
