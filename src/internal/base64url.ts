/**
 * @module Strict base64url, which `Buffer` does not offer: it skips padding, white space and foreign
 * characters silently.
 *
 * @see {@link https://www.rfc-editor.org/rfc/rfc7515#section-2 | RFC 7515, section 2}
 */
// Imported, because each use of the global `Buffer` calls a getter.
import { Buffer } from 'node:buffer'

/**
 * Decodes canonical base64url: only characters of the alphabet, no padding, a possible length, and
 * unused bits of zero (RFC 4648 §3.5). The empty string is canonical.
 *
 * @returns `undefined` for any other text.
 */
export function decodeBase64url(text: string): Buffer | undefined {
  return isAscii(text) ? decodeAsciiBase64url(text) : undefined
}

/** Returns whether all characters are ASCII. In UTF-8 exactly these take one octet each. */
export function isAscii(text: string): boolean {
  return Buffer.byteLength(text) === text.length
}

/** Does the same for text that is known to be ASCII: `Buffer` reads only the low octet of a character. */
export function decodeAsciiBase64url(text: string): Buffer | undefined {
  // `Buffer` also decodes these two characters of base64, as - and _.
  if (hasUnusedBits(text) || text.includes('+') || text.includes('/')) return undefined
  const bytes = Buffer.from(text, 'base64url')
  // `Buffer` skips every other character outside the alphabet, so the result is too short.
  return bytes.length === Math.floor((text.length * 3) / 4) ? bytes : undefined
}

// The characters whose last two, or last four, bits are zero.
const endOfThree = 'AEIMQUYcgkosw048'
const endOfTwo = 'AQgw'

/** Returns whether the last character has unused bits that are not zero, or the length is impossible. */
function hasUnusedBits(text: string): boolean {
  const last = text.charAt(text.length - 1)
  switch (text.length % 4) {
    case 1:
      return true
    case 2:
      return !endOfTwo.includes(last)
    case 3:
      return !endOfThree.includes(last)
    default:
      return false
  }
}
