/**
 * @module Strict base64url, which `Buffer` does not offer: it skips padding, white space and foreign
 * characters silently.
 *
 * @see {@link https://www.rfc-editor.org/rfc/rfc7515#section-2 | RFC 7515, section 2}
 */

const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'

const foreign = 64
const sextets = new Uint8Array(256).fill(foreign)
for (let value = 0; value < alphabet.length; value++) {
  sextets[alphabet.charCodeAt(value)] = value
}

/**
 * Tells whether `text` from `start` to `end` is base64url in its one canonical form: only the
 * alphabet's characters, no padding, a possible length, and unused bits of zero (RFC 4648 §3.5).
 * The empty string is canonical too.
 */
export function isBase64url(text: string, start = 0, end: number = text.length): boolean {
  const tail = (end - start) & 3
  if (tail === 1) return false
  let last = 0
  for (let index = start; index < end; index++) {
    const code = text.charCodeAt(index)
    if (code > 255) return false
    last = sextets[code] as number
    if (last === foreign) return false
  }
  // A tail of two characters carries 8 of 12 bits, one of three 16 of 18.
  return tail === 0 || (last & (tail === 2 ? 0b1111 : 0b11)) === 0
}
