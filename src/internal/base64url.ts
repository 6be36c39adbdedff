/**
 * @module Strict base64url, which `Buffer` does not offer: it skips padding, white space and foreign
 * characters silently.
 *
 * @see {@link https://www.rfc-editor.org/rfc/rfc7515#section-2 | RFC 7515, section 2}
 */
// (The global of that name is looked up by a function each time.)
import { Buffer } from 'node:buffer'

/**
 * Decodes text that is base64url in its one canonical form: only the alphabet's characters, no
 * padding, a possible length, and unused bits of zero (RFC 4648 §3.5). Anything else is `undefined`;
 * the empty string is canonical too.
 */
export function decodeBase64url(text: string): Buffer | undefined {
  return isAscii(text) ? decodeAsciiBase64url(text) : undefined
}

/** Tells whether all characters are ASCII: one octet each in UTF-8. */
export function isAscii(text: string): boolean {
  return Buffer.byteLength(text) === text.length
}

/** The same for text that is known to be ASCII. (Of others `Buffer` reads the low octet only.) */
export function decodeAsciiBase64url(text: string): Buffer | undefined {
  // `Buffer` takes these for the characters of base64url that they stand for in base64.
  if (hasUnusedBits(text) || text.includes('+') || text.includes('/')) return undefined
  const bytes = Buffer.from(text, 'base64url')
  // Whatever else is foreign it skips, so that octets are missing.
  return bytes.length === Math.floor((text.length * 3) / 4) ? bytes : undefined
}

// The characters whose last two, or last four, bits are zero.
const endOfThree = 'AEIMQUYcgkosw048'
const endOfTwo = 'AQgw'

/** Tells whether bits are left over: of a character that stands alone, or bits that are not zero. */
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
