/**
 * @module Reads the error code of an OAuth error response, for the operator.
 *
 * @see {@link https://www.rfc-editor.org/rfc/rfc6749#section-5.2 | RFC 6749, section 5.2}
 */
import type { FetchLikeResponse } from './fetch-like.ts'
import { readBody, type UnlessAborted } from './response-body.ts'

/** The maximum size of an error response whose code is read, in octets. */
const maxErrorBytes = 4_096
// RFC 6749 §5.2, without the space: registered codes have none, and a sentence could contain a secret.
const errorCode = /^[\x21\x23-\x5b\x5d-\x7e]{1,64}$/

/**
 * Reads the member `error` of a JSON response. Never throws.
 *
 * @param secrets What the request contained. A code that has a part in common with one is left out.
 * @returns `undefined` where there is no such code.
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
    const code = Object.hasOwn(Object(json), 'error')
      ? (json as { error: unknown }).error
      : undefined
    if (typeof code !== 'string' || !errorCode.test(code)) return undefined
    return secrets.some((secret) => secret.includes(code) || code.includes(secret))
      ? undefined
      : code
  } catch {
    return undefined
  }
}
