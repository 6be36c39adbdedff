/**
 * @module One function: does this key's signature stand under these bytes? Runs on libuv's thread
 * pool, so that the event loop stays free.
 */
import { verify } from 'node:crypto'
import { type Algorithm, suiteOf, type VerificationKey } from '../algorithms.ts'

/**
 * Verifies a signature. Resolves to `false` for anything but a valid one; never rejects. The key
 * must be one that the key set offers for this very algorithm: that is not checked again.
 *
 * @see {@link https://www.rfc-editor.org/rfc/rfc7515#section-5.2 | RFC 7515, section 5.2}
 */
export function verifySignature(
  algorithm: Algorithm,
  key: VerificationKey,
  signingInput: Buffer,
  signature: Buffer,
): Promise<boolean> {
  const suite = suiteOf(algorithm)
  // RFC 8017 §8.2.2, RFC 7518 §3.4: the length is fixed; OpenSSL is not asked about any other.
  if (signature.length !== (suite.signatureLength ?? key.modulusLength)) {
    return Promise.resolve(false)
  }
  const { padding, saltLength, dsaEncoding } = suite.parameters
  const how = { key: key.keyObject, padding, saltLength, dsaEncoding }
  return new Promise((resolve) => {
    verify(suite.hash, signingInput, how, signature, (error, valid) =>
      resolve(error === null && valid),
    )
  })
}
