/** @module The checks of text that a JWS and a JWE have in common, with their limits and their error. */
import { InvalidTokenError } from '../errors.ts'
import { isAscii } from '../internal/base64url.ts'

/** The longest token that is parsed, in characters: Node's default limit for all headers of a request. */
export const maxTokenLength = 16_384
/** The longest header that is parsed, in characters. */
export const maxHeaderLength = 4_096

/** @throws InvalidTokenError with `malformed` */
export function validateTokenText(token: string): void {
  if (typeof token !== 'string') throw malformed('the token is not a string')
  if (token.length > maxTokenLength) throw malformed(`longer than ${maxTokenLength} characters`)
  if (!isAscii(token)) throw malformed('not ASCII')
}

/**
 * @param length The number of characters of the encoded header.
 * @throws InvalidTokenError with `malformed`
 */
export function validateHeaderLength(length: number): void {
  if (length > maxHeaderLength) throw malformed(`header longer than ${maxHeaderLength} characters`)
}

export function malformed(hint: string): InvalidTokenError {
  return new InvalidTokenError('malformed', { hint })
}
