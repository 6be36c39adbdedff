/**
 * @module The syntax of the compact serialization of access tokens, DPoP proofs and introspection
 * responses: segments between dots. Decodes the segments that contain JSON. Validates no claim. The caller
 * creates the errors.
 *
 * @see {@link https://www.rfc-editor.org/rfc/rfc7515#section-7.1 | RFC 7515, section 7.1}
 * @see {@link https://www.rfc-editor.org/rfc/rfc7516#section-7.1 | RFC 7516, section 7.1}
 */
import { Buffer, isUtf8 } from 'node:buffer'
import { decodeAsciiBase64urlInto, decodedLength } from './base64url.ts'
import { isJsonObject, type JsonObject } from './json-object.ts'

/** The three segments of a JWS, still encoded, and the part of the text that the signature covers. */
export interface JwsSegments {
  readonly header: string
  readonly payload: string
  readonly signature: string
  readonly signingInput: string
}

/** Returns the number of segments, but not more than 6: a JWS has three, a JWE has five. */
export function countSegments(text: string): number {
  let count = 1
  for (let at = text.indexOf('.'); at !== -1 && count < 6; at = text.indexOf('.', at + 1)) count++
  return count
}

/** Splits a JWS at its dots. Returns `undefined` unless there are exactly two (RFC 7515 §7.1). */
export function splitJws(text: string): JwsSegments | undefined {
  const first = text.indexOf('.')
  const second = text.indexOf('.', first + 1)
  if (first === -1 || second === -1 || text.indexOf('.', second + 1) !== -1) return undefined
  return {
    header: text.slice(0, first),
    payload: text.slice(first + 1, second),
    signature: text.slice(second + 1),
    signingInput: text.slice(0, second),
  }
}

export const notBase64url = 'is not canonical base64url'

/** Receives the octets of a segment until they are converted to text. Reused, to save an allocation. */
const scratch = Buffer.alloc(16_384)

/**
 * Decodes a segment of ASCII text to the JSON object that it contains in UTF-8. Refuses a byte order mark.
 * Uses the last of several members with the same name, as RFC 7519 §4 allows and `JSON.parse` does.
 *
 * @returns The object, or a text that says what is wrong with the segment.
 */
export function decodeJsonObject(segment: string): JsonObject | string {
  const length = decodedLength(segment)
  const octets = length <= scratch.length ? scratch : Buffer.alloc(length)
  if (!decodeAsciiBase64urlInto(octets, segment)) return notBase64url
  const text = octets.toString('utf8', 0, length)
  // Octets that are not UTF-8 become U+FFFD, which valid JSON may contain too.
  if (text.includes('\ufffd') && !isUtf8(octets.subarray(0, length))) return 'is not UTF-8'
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return 'is not JSON'
  }
  return isJsonObject(value) ? value : 'is not a JSON object'
}

/**
 * Finds a header parameter that requires an extension of JWS. This package implements no extension, so
 * the caller must refuse such a JWS.
 */
export function findExtension(header: JsonObject): 'crit' | 'b64' | undefined {
  // RFC 7515 §4.1.11
  if (Object.hasOwn(header, 'crit')) return 'crit'
  // RFC 7797 §7: a JWT is always base64url.
  return Object.hasOwn(header, 'b64') && header.b64 !== true ? 'b64' : undefined
}
