/**
 * @module The form of a token, which decides how it is verified. A text that has the form of a JWT is
 * never treated as an opaque token, valid or not.
 *
 * @see {@link https://www.rfc-editor.org/rfc/rfc7516#section-9 | RFC 7516, section 9}
 */
import { Buffer } from 'node:buffer'
import { countSegments } from '../internal/compact-serialization.ts'
import { isJsonObject } from '../internal/json-object.ts'
import { maxHeaderLength, maxTokenLength } from './token-text.ts'

/** Strings sent in place of a missing token. */
const placeholders = ['undefined', 'null']

/**
 * Returns whether a token is opaque: neither five parts (a JWE) nor a first part that is a JSON object
 * (the header of a JWT or JWE), however many dots follow. Introspection endpoints accept a JWT with
 * additional dots, so that it would be accepted without the checks of a JWT. The first part is decoded
 * leniently, so that a JWT which is malformed is still a JWT.
 *
 * A text without dots is opaque unless it is empty, too long or a placeholder: it has no payload, so it is no
 * JWT.
 */
export function isOpaque(token: string): boolean {
  if (typeof token !== 'string' || token === '' || token.length > maxTokenLength) return false
  if (!token.includes('.')) return !placeholders.includes(token)
  return countSegments(token) !== 5 && !isHeader(firstPart(token))
}

/** Returns what precedes the first dot. Dots at the beginning are not counted. */
function firstPart(token: string): string {
  let start = 0
  while (token.charAt(start) === '.') start++
  const end = token.indexOf('.', start)
  return end === -1 ? token.slice(start) : token.slice(start, end)
}

function isHeader(part: string): boolean {
  if (part.length > maxHeaderLength) return true
  try {
    const value: unknown = JSON.parse(Buffer.from(part, 'base64url').toString())
    return isJsonObject(value)
  } catch {
    return false
  }
}
