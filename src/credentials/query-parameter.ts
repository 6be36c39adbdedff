/**
 * @module Reads `access_token` from the query of the request target.
 *
 * @see {@link https://www.rfc-editor.org/rfc/rfc6750#section-2.3 | RFC 6750, section 2.3}
 */
import type { HttpRequest } from '../access-token.ts'
import { InvalidRequestError } from '../errors.ts'

export const repeatedParameter = 'The parameter access_token occurs more than once'

/** @throws InvalidRequestError for a repeated parameter. */
export function readQueryParameter({ url = '' }: HttpRequest): string | undefined {
  const [target = ''] = url.split('#', 1)
  const query = target.indexOf('?')
  return query === -1 ? undefined : readSingleParameter(new URLSearchParams(target.slice(query)))
}

/** @throws InvalidRequestError for a repeated parameter. */
export function readSingleParameter(parameters: URLSearchParams): string | undefined {
  const values = parameters.getAll('access_token')
  // RFC 6750 §3.1: a repeated parameter is a malformed request.
  if (values.length > 1) throw new InvalidRequestError(repeatedParameter)
  // Not by index: for an empty list, that reads `Object.prototype[0]`.
  const value = values.at(0)
  return value === '' ? undefined : value
}

/** Returns whether a query has the parameter. For a hint only: does not decode percent-encoded names. */
export function hasQueryParameter({ url }: HttpRequest): boolean {
  // Not with a regular expression: the runtime would keep the URL, and the token in it, as RegExp.$_.
  return url !== undefined && (url.includes('?access_token=') || url.includes('&access_token='))
}
