/**
 * @module Verifies one signature with one key. A verification runs on libuv's thread pool, so that it does not
 * block the event loop, except a short one that `scheduler.ts` allows. Imports only this folder and
 * `internal/`.
 */
import type { Buffer } from 'node:buffer'
import { verify } from 'node:crypto'
import type { MaybePromise } from '../internal/maybe-promise.ts'
import { type Algorithm, getAlgorithm, type VerificationKey } from './algorithms.ts'
import { createScheduler } from './scheduler.ts'

// All validators share one scheduler, because they share the event loop and the thread pool.
const scheduler = createScheduler()

/**
 * Verifies a signature. The caller must have checked with `mayVerify` that the key may be used with the
 * algorithm.
 *
 * @returns Whether the signature is valid: a promise if the verification runs on the thread pool.
 * @see {@link https://www.rfc-editor.org/rfc/rfc7515#section-5.2 | RFC 7515, section 5.2}
 */
export function verifyWithKey(
  algorithm: Algorithm,
  key: VerificationKey,
  signingInput: Buffer,
  signature: Buffer,
): MaybePromise<boolean> {
  const { hash, rsaPadding, signatureLength, encodeSignature, maxModulusInPlace } =
    getAlgorithm(algorithm)
  // RFC 8017 §8.2.2, RFC 7518 §3.4: the length is fixed. The conversion of an ECDSA signature removes
  // leading zero octets, so one of another length could become a valid one.
  if (signature.length !== (signatureLength ?? key.modulusLength)) return false
  // Uses a key without options if possible, and ECDSA signatures in the form of OpenSSL, because Node 24
  // blocks the event loop for 40 µs to read a key with options, and for 80 µs more to convert R and S.
  const { keyObject } = key
  const keyInput =
    rsaPadding === undefined
      ? keyObject
      : { key: keyObject, padding: rsaPadding.padding, saltLength: rsaPadding.saltLength }
  const encoded = encodeSignature === undefined ? signature : encodeSignature(signature)
  if (key.modulusLength <= maxModulusInPlace && scheduler.tryTakeInPlace()) {
    try {
      return verify(hash, signingInput, keyInput, encoded)
    } catch {
      return false
    }
  }
  return new Promise((resolve) => {
    const settle = (isValid: boolean) => {
      scheduler.end()
      resolve(isValid)
    }
    scheduler.begin(() => {
      try {
        verify(hash, signingInput, keyInput, encoded, (error, valid) => {
          settle(error === null && valid)
        })
      } catch {
        settle(false)
      }
    })
  })
}
