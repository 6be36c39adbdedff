/**
 * @module The form of a token, which decides how it is verified. A text that has the form of a JWT is
 * never treated as an opaque token, valid or not.
 *
 * @see {@link https://www.rfc-editor.org/rfc/rfc7516#section-9 | RFC 7516, section 9}
 */
import { Buffer } from 'node:buffer'
import { maxHeaderLength, maxTokenLength } from './compact-jws.ts'

/** What clients send that have no token. */
const placeholders = ['undefined', 'null']

/**
 * Returns whether a token is opaque: neither five parts (a JWE), nor three of which the first is a JSON
 * object (a JWT). The first part is decoded leniently, so that a JWT which is malformed is still a JWT.
 */
export function isOpaque(token: string): boolean {
  if (typeof token !== 'string' || token === '' || token.length > maxTokenLength) return false
  const first = token.indexOf('.')
  if (first === -1) return !placeholders.includes(token)
  const dots = countDots(token, first)
  return dots !== 4 && !(dots === 2 && isHeader(token.slice(0, first)))
}

function countDots(token: string, first: number): number {
  let dots = 0
  for (let at = first; at !== -1 && dots < 5; at = token.indexOf('.', at + 1)) dots++
  return dots
}

function isHeader(part: string): boolean {
  if (part.length > maxHeaderLength) return true
  try {
    const value: unknown = JSON.parse(Buffer.from(part, 'base64url').toString())
    return typeof value === 'object' && value !== null && !Array.isArray(value)
  } catch {
    return false
  }
}
