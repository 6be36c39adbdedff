/** @module SHA-256 in the encoding of RFC 7515. */
import * as crypto from 'node:crypto'

// Node 20.12 added the one-shot form, which takes half the time; other runtimes may lack it.
const oneShot = (crypto as { hash?: typeof crypto.hash }).hash

/** Returns the base64url encoding, 43 characters, of the SHA-256 hash of bytes or of a text in UTF-8. */
export function sha256(data: string | Uint8Array): string {
  if (oneShot !== undefined) return oneShot('sha256', data, 'base64url')
  return crypto.createHash('sha256').update(data).digest('base64url')
}
