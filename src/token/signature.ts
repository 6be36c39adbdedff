/**
 * @module One function: does this key's signature stand under these bytes? Runs on libuv's thread
 * pool, so that the event loop stays free.
 */
import { verify } from 'node:crypto'
import { type Algorithm, suiteOf, type VerificationKey } from '../algorithms.ts'

/**
 * Verifies a signature: `done` is called once, with `true` for a valid one and `false` for anything
 * else. The key must be one that the key set offers for this very algorithm: that is not checked
 * again. (A callback, for a promise more would be a cost with each new token.)
 *
 * @see {@link https://www.rfc-editor.org/rfc/rfc7515#section-5.2 | RFC 7515, section 5.2}
 */
export function verifySignature(
  algorithm: Algorithm,
  key: VerificationKey,
  signingInput: Buffer,
  signature: Buffer,
  done: (valid: boolean) => void,
): void {
  const suite = suiteOf(algorithm)
  // RFC 8017 §8.2.2, RFC 7518 §3.4: the length is fixed; OpenSSL is not asked about any other.
  if (signature.length !== (suite.signatureLength ?? key.modulusLength)) {
    done(false)
    return
  }
  const { padding, saltLength, dsaEncoding } = suite.parameters
  const how = { key: key.keyObject, padding, saltLength, dsaEncoding }
  verify(suite.hash, signingInput, how, signature, (error, valid) => done(error === null && valid))
}
