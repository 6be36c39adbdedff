/**
 * @module Decides by the form of a token whether it is opaque. A token in the form of a JWT is never treated as
 * opaque, even if it is malformed.
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
 * Returns whether a token is opaque. A token with dots is not opaque if it has five parts (a JWE), or if its
 * first part is a JSON object (the header of a JWT or JWE) or too long for a header. The number of dots after
 * that part does not matter: some introspection endpoints accept a JWT with additional dots, which would then
 * be accepted without the checks of a JWT. The first part is decoded leniently, so that a malformed JWT is
 * still a JWT.
 *
 * A text without dots is opaque, because without a payload it is no JWT. A placeholder, an empty text and a
 * text that is too long are not opaque.
 */
export function isOpaque(token: string): boolean {
  if (typeof token !== 'string' || token === '' || token.length > maxTokenLength) return false
  if (!token.includes('.')) return !placeholders.includes(token)
  return countSegments(token) !== 5 && !isHeader(firstPart(token))
}

/** Returns the text before the first dot. Skips dots at the beginning. */
function firstPart(token: string): string {
  let start = 0
  while (token.charAt(start) === '.') start++
  const end = token.indexOf('.', start)
  return end === -1 ? token.slice(start) : token.slice(start, end)
}

function isHeader(part: string): boolean {
  // Too long to decode: treated as a JWT, which is then refused.
  if (part.length > maxHeaderLength) return true
  try {
    const value: unknown = JSON.parse(Buffer.from(part, 'base64url').toString())
    return isJsonObject(value)
  } catch {
    return false
  }
}
