/**
 * @module Decodes the numbers of the public key in a JWK. Lenient, because some issuers pad, use the
 * base64 alphabet or drop leading zero octets. For the keys of DPoP proofs, `proof/proof-keys.ts` first
 * checks that the encoding is base64url.
 *
 * @see {@link https://www.rfc-editor.org/rfc/rfc7518#section-6 | RFC 7518, section 6}
 */
import { Buffer } from 'node:buffer'
import { decodeBase64url } from '../internal/base64url.ts'
import { isJsonObject } from '../internal/json-object.ts'
import { findKeyType, type KeyType } from '../signature/algorithms.ts'

/** The numbers of a public key by their JWK member: n and e, or x, or x and y. */
export type PublicNumbers = Readonly<Record<string, Buffer>>

/**
 * Decodes the numbers of a JWK and makes them canonical: integers without leading zero octets,
 * coordinates of the length that their curve requires.
 *
 * @returns `undefined` if a number is missing, malformed or of the wrong length.
 */
export function readPublicNumbers(jwk: object, keyType: KeyType): PublicNumbers | undefined {
  const numbers: Record<string, Buffer> = Object.create(null)
  for (const member of keyType.numbers) {
    const bytes = decodeNumber((jwk as Record<string, unknown>)[member])
    const number = bytes && toCanonicalLength(bytes, keyType)
    if (number === undefined) return undefined
    numbers[member] = number
  }
  return numbers
}

/** Encodes public numbers as the members of a JWK, in base64url as RFC 7515 defines it. */
export function encodeNumbers(numbers: PublicNumbers): Record<string, string> {
  return Object.fromEntries(
    Object.entries(numbers).map(([member, bytes]) => [member, bytes.toString('base64url')]),
  )
}

/** Creates the identifier of a public key: equal for two JWKs exactly if their public keys are equal. */
export function createPublicKeyId({ kty, crv = '' }: KeyType, numbers: PublicNumbers): string {
  // Unambiguous: neither the names nor base64url contains a comma.
  return [kty, crv, ...Object.values(encodeNumbers(numbers))].join()
}

/** Returns the identifier of the public key in a JWK; `undefined` if it has none of a known type. */
export function readPublicKeyId(jwk: unknown): string | undefined {
  if (!isJsonObject(jwk)) return undefined
  const { kty, crv } = jwk
  const keyType = findKeyType(kty, crv)
  const numbers = keyType && readPublicNumbers(jwk, keyType)
  return keyType && numbers && createPublicKeyId(keyType, numbers)
}

function decodeNumber(value: unknown): Buffer | undefined {
  if (typeof value !== 'string') return undefined
  // RFC 4648 §3.2: at most two characters of padding.
  const text = value
    .replace(/={1,2}$/, '')
    .replaceAll('+', '-')
    .replaceAll('/', '_')
  return text === '' ? undefined : decodeBase64url(text)
}

function toCanonicalLength(
  bytes: Buffer,
  { coordinateLength, acceptsShortCoordinates }: KeyType,
): Buffer | undefined {
  if (coordinateLength === undefined) {
    const start = bytes.findIndex((byte) => byte !== 0)
    return start === -1 ? Buffer.alloc(0) : bytes.subarray(start)
  }
  if (bytes.length === coordinateLength) return bytes
  if (!acceptsShortCoordinates || bytes.length > coordinateLength) return undefined
  return Buffer.concat([Buffer.alloc(coordinateLength - bytes.length), bytes])
}
