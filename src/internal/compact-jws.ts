/**
 * @module The syntax of a JWS in the compact serialization: three segments, of which two decode to
 * JSON objects. Knows no header parameter and no claim; the caller chooses the error.
 *
 * @see {@link https://www.rfc-editor.org/rfc/rfc7515#section-5.2 | RFC 7515, section 5.2}
 */
import { isUtf8 } from 'node:buffer'
import { decodeAsciiBase64url } from './base64url.ts'

export type JsonObject = Readonly<Record<string, unknown>>

/** The three segments, still encoded, and the part of the text that the signature covers. */
export interface CompactSegments {
  readonly header: string
  readonly payload: string
  readonly signature: string
  readonly signingInput: string
}

/** Splits a text at its dots. Returns `undefined` unless there are exactly two (RFC 7515 §7.1). */
export function splitCompact(text: string): CompactSegments | undefined {
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

/**
 * Decodes a segment of ASCII text to the JSON object in it (a byte order mark is refused), or returns
 * what is wrong with the segment. Of members with the same name the last one counts (RFC 7519 §4).
 */
export function decodeJsonObject(segment: string): JsonObject | string {
  const bytes = decodeAsciiBase64url(segment)
  if (bytes === undefined) return 'is not canonical base64url'
  const text = bytes.toString()
  // Octets that are not UTF-8 become U+FFFD, which the text may also contain.
  if (text.includes('\ufffd') && !isUtf8(bytes)) return 'is not UTF-8'
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return 'is not JSON'
  }
  const isObject = typeof value === 'object' && value !== null && !Array.isArray(value)
  return isObject ? (value as JsonObject) : 'is not a JSON object'
}

/** Returns a member of a JSON object, and never an inherited property. */
export function getMember(object: JsonObject, name: string): unknown {
  return Object.hasOwn(object, name) ? object[name] : undefined
}
