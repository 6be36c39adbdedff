/**
 * @module Reads the error code of an OAuth error response, for the operator.
 *
 * @see {@link https://www.rfc-editor.org/rfc/rfc6749#section-5.2 | RFC 6749, section 5.2}
 */
import type { FetchLikeResponse } from './fetch-like.ts'
import { getOwn } from './own-property.ts'
import { readBody, type UnlessAborted } from './response-body.ts'

/** The maximum size of an error response whose code is read, in octets. */
const maxErrorBytes = 4_096
// RFC 6749 §5.2, without the space: registered codes have none, and a sentence could contain a secret.
const errorCode = /^[\x21\x23-\x5b\x5d-\x7e]{1,64}$/

/**
 * Reads the member `error` of a JSON response. Never rejects.
 *
 * @param secrets The secrets in the request. A code that contains a secret or is a part of one is left
 * out.
 * @returns `undefined` if there is no code.
 */
export async function readErrorCode(
  response: FetchLikeResponse,
  secrets: readonly string[],
  unlessAborted: UnlessAborted,
): Promise<string | undefined> {
  try {
    if (!/^application\/json\b/i.test(String(response.headers.get('content-type'))))
      return undefined
    const json: unknown = JSON.parse(
      (await readBody(response, maxErrorBytes, unlessAborted)).toString(),
    )
    const code = getOwn(Object(json), 'error')
    if (typeof code !== 'string' || !errorCode.test(code)) return undefined
    return secrets.some((secret) => secret.includes(code) || code.includes(secret))
      ? undefined
      : code
  } catch {
    return undefined
  }
}
