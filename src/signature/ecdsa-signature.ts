/**
 * @module Converts an ECDSA signature from the form of JWS to the form of OpenSSL. Imports no other
 * folder.
 */
import { Buffer } from 'node:buffer'

/**
 * Converts R followed by S, both of the same length (RFC 7518 §3.4), to a DER-encoded Ecdsa-Sig-Value,
 * a SEQUENCE of two INTEGERs.
 *
 * @param signature At most 248 octets: the SEQUENCE has up to 6 more, and its length must fit in one octet.
 * @see {@link https://www.rfc-editor.org/rfc/rfc3279#section-2.2.3 | RFC 3279, section 2.2.3}
 */
export function encodeEcdsaSignature(signature: Buffer): Buffer {
  const half = signature.length / 2
  // At most three octets precede the SEQUENCE's content, and at most three each INTEGER's value.
  const der = Buffer.allocUnsafe(signature.length + 9)
  let end = writeInteger(der, 3, signature, 0, half)
  end = writeInteger(der, end, signature, half, signature.length)
  const length = end - 3
  der[2] = length
  // A length above 127 takes two octets, the first of them 0x81.
  const isLong = length > 0x7f
  if (isLong) der[1] = 0x81
  const start = isLong ? 0 : 1
  der[start] = 0x30
  return der.subarray(start, end)
}

/** Writes the number between `start` and `end` as an INTEGER. Returns the offset after it. */
function writeInteger(der: Buffer, at: number, bytes: Buffer, start: number, end: number): number {
  // An INTEGER has no leading zero octets, except one if its first bit would otherwise be a minus sign.
  let first = start
  while (bytes[first] === 0 && first < end - 1) first++
  const length = end - first
  const content = (bytes[first] as number) > 0x7f ? at + 3 : at + 2
  der[at + 2] = 0
  bytes.copy(der, content, first, end)
  der[at] = 0x02
  der[at + 1] = content + length - at - 2
  return content + length
}
