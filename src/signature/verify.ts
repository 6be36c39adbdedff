/**
 * @module One function: does this key's signature stand under these bytes? Runs on libuv's thread
 * pool, so that the event loop stays free. Encodes ECDSA signatures as OpenSSL takes them.
 */
import { Buffer } from 'node:buffer'
import { verify } from 'node:crypto'
import { type Algorithm, suiteOf, type VerificationKey } from './algorithms.ts'

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
  // RFC 8017 §8.2.2, RFC 7518 §3.4: the length is fixed. What follows relies on it: of R and S with
  // zeros before them OpenSSL would see nothing.
  if (signature.length !== (suite.signatureLength ?? key.modulusLength)) {
    done(false)
    return
  }
  // The bare key wherever that will do, and ECDSA in OpenSSL's own form: of the event loop, Node 24
  // takes 40 µs for a key with options, and 80 more to bring R and S into that form.
  const { keyObject } = key
  const { pss } = suite
  const how =
    pss === undefined
      ? keyObject
      : { key: keyObject, padding: pss.padding, saltLength: pss.saltLength }
  const encoded = suite.kty === 'EC' ? toDer(signature) : signature
  verify(suite.hash, signingInput, how, encoded, (error, valid) => done(error === null && valid))
}

/** From R and S side by side (RFC 7518 §3.4) to the Ecdsa-Sig-Value of RFC 3279 §2.2.3. */
function toDer(signature: Buffer): Buffer {
  const half = signature.length / 2
  // At most: three octets before the numbers, and before each of them three.
  const der = Buffer.allocUnsafe(signature.length + 9)
  let end = writeInteger(der, 3, signature, 0, half)
  end = writeInteger(der, end, signature, half, signature.length)
  const length = end - 3
  der[2] = length
  const isLong = length > 0x7f
  if (isLong) der[1] = 0x81
  const start = isLong ? 0 : 1
  der[start] = 0x30
  return der.subarray(start, end)
}

/** Writes the number between `start` and `end` as an INTEGER. Returns where that ends. */
function writeInteger(der: Buffer, at: number, bytes: Buffer, start: number, end: number): number {
  let first = start
  while (bytes[first] === 0 && first < end - 1) first++
  const length = end - first
  // With its first bit set it would be a negative one, but for a zero before it.
  const content = (bytes[first] as number) > 0x7f ? at + 3 : at + 2
  der[at + 2] = 0
  bytes.copy(der, content, first, end)
  der[at] = 0x02
  der[at + 1] = content + length - at - 2
  return content + length
}
