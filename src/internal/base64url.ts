/**
 * @module Decodes base64url strictly. `Buffer` silently skips padding, white space and characters outside
 * the alphabet.
 *
 * @see {@link https://www.rfc-editor.org/rfc/rfc7515#section-2 | RFC 7515, section 2}
 */
// Imported, because each use of the global `Buffer` calls a getter.
import { Buffer } from 'node:buffer'

/**
 * Decodes canonical base64url: only characters of the alphabet, no padding, a length that whole octets
 * can have, and unused bits of zero (RFC 4648 §3.5). The empty string is canonical.
 *
 * @returns `undefined` for any other text.
 */
export function decodeBase64url(text: string): Buffer | undefined {
  return isAscii(text) ? decodeAsciiBase64url(text) : undefined
}

/** Returns whether all characters are ASCII: in UTF-8, every other character takes more than one octet. */
export function isAscii(text: string): boolean {
  return Buffer.byteLength(text) === text.length
}

/**
 * Does the same as {@link decodeBase64url} for text that is known to be ASCII. Accepts some text that is not,
 * because `Buffer` reads only the low octet of a character.
 */
export function decodeAsciiBase64url(text: string): Buffer | undefined {
  if (!mayBeCanonical(text)) return undefined
  const bytes = Buffer.from(text, 'base64url')
  return bytes.length === decodedLength(text) ? bytes : undefined
}

/**
 * Does the same as {@link decodeAsciiBase64url}, into a buffer that has space for all octets.
 *
 * @returns Whether the text is canonical. If not, the content of the buffer is undefined.
 */
export function decodeAsciiBase64urlInto(target: Buffer, text: string): boolean {
  return mayBeCanonical(text) && target.write(text, 'base64url') === decodedLength(text)
}

/**
 * Returns the number of octets that canonical base64url decodes to. Text with characters that `Buffer` skips
 * decodes to fewer.
 */
export function decodedLength(text: string): number {
  return Math.floor((text.length * 3) / 4)
}

/** Returns `false` for what is not canonical, but decodes to as many octets as if it was. */
function mayBeCanonical(text: string): boolean {
  // `Buffer` also decodes these two characters of base64, as - and _.
  return !hasInvalidEnd(text) && !text.includes('+') && !text.includes('/')
}

// The characters whose last two bits are zero, and those whose last four bits are zero.
const lastOfThree = 'AEIMQUYcgkosw048'
const lastOfTwo = 'AQgw'

/** Returns whether the last character has an unused bit that is not zero, or one character is left over. */
function hasInvalidEnd(text: string): boolean {
  const last = text.charAt(text.length - 1)
  switch (text.length % 4) {
    case 1:
      return true
    case 2:
      return !lastOfTwo.includes(last)
    case 3:
      return !lastOfThree.includes(last)
    default:
      return false
  }
}
