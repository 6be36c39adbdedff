/**
 * @module Verifies one signature with one key, on libuv's thread pool, so that the event loop is not
 * blocked. Imports no other folder.
 */
import type { Buffer } from 'node:buffer'
import { verify } from 'node:crypto'
import { type Algorithm, getAlgorithm, type VerificationKey } from './algorithms.ts'

/**
 * Verifies a signature. Calls `done` once, with `true` for a valid signature and `false` for any other.
 * Does not check whether the key may be used with the algorithm: the key set does. Takes a callback,
 * because a promise would add to the cost of each new token.
 *
 * @see {@link https://www.rfc-editor.org/rfc/rfc7515#section-5.2 | RFC 7515, section 5.2}
 */
export function verifyWithKey(
  algorithm: Algorithm,
  key: VerificationKey,
  signingInput: Buffer,
  signature: Buffer,
  done: (valid: boolean) => void,
): void {
  const { hash, rsaPadding, signatureLength, encodeSignature } = getAlgorithm(algorithm)
  // RFC 8017 §8.2.2, RFC 7518 §3.4: the length is fixed. The conversion below removes leading zero
  // octets, so a signature of another length could become a valid one.
  if (signature.length !== (signatureLength ?? key.modulusLength)) {
    done(false)
    return
  }
  // A key without options where possible, and ECDSA in the form of OpenSSL: Node 24 blocks the event
  // loop for 40 µs to read a key with options, and for 80 µs more to convert R and S.
  const { keyObject } = key
  const keyInput =
    rsaPadding === undefined
      ? keyObject
      : { key: keyObject, padding: rsaPadding.padding, saltLength: rsaPadding.saltLength }
  const encoded = encodeSignature === undefined ? signature : encodeSignature(signature)
  verify(hash, signingInput, keyInput, encoded, (error, valid) => done(error === null && valid))
}
