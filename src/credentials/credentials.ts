/**
 * @module Finds the one access token that a request presents. Implements HTTP syntax only; does not parse the
 * token.
 *
 * @see {@link https://www.rfc-editor.org/rfc/rfc6750#section-2 | RFC 6750, section 2}
 */
import type { HttpRequest } from '../access-token.ts'
import { InvalidRequestError } from '../errors.ts'
import type { TokenLocation } from '../options/types.ts'
import { hasAuthorization, readAuthorizationToken } from './authorization-header.ts'
import { readFormParameter } from './form-parameter.ts'
import type { Credentials } from './presented-token.ts'
import { hasQueryParameter, readQueryParameter } from './query-parameter.ts'

const severalMethods = 'The request has an access token in more than one place'
const otherSchemeHint =
  'the Authorization header field does not begin with the scheme Bearer (or DPoP, if the option dpop is set)'
const queryHint =
  'the query has access_token, but tokenLocations does not list query, or the parameter is empty'

/** The options of a validator that decide where a token is read. */
export interface CredentialsOptions {
  readonly tokenLocations: readonly TokenLocation[]
  /** If it is `undefined`, only Bearer is read: a token in the scheme DPoP is ignored, as in any unknown scheme. */
  readonly dpop?: object | undefined
}

/**
 * Finds the access token of a request. Returns `undefined` if there is none, for other authentication schemes
 * (RFC 6750 §3.1), and for a token in a form or a query that `tokenLocations` does not list. Does not validate
 * the text in the header: see `findToken68Error`.
 *
 * @throws InvalidRequestError for repeated fields or parameters, for tokens in several locations, for a value
 * that is not a string, and if no space and token follow the scheme.
 */
export function readCredentials(
  request: HttpRequest,
  { tokenLocations, dpop }: CredentialsOptions,
): Credentials | undefined {
  let credentials = readAuthorizationToken(request, dpop !== undefined)
  for (const location of tokenLocations) {
    if (location === 'header') continue
    const token = location === 'body' ? readFormParameter(request) : readQueryParameter(request)
    if (token === undefined) continue
    // RFC 6750 §2: clients MUST NOT use more than one method.
    if (credentials !== undefined) throw new InvalidRequestError(severalMethods)
    credentials = { scheme: 'Bearer', token, location }
  }
  return credentials
}

/** Returns a fixed hint for a request without a token; `undefined` if it has nothing similar to one. */
export function hintForMissingToken(request: HttpRequest): string | undefined {
  if (hasAuthorization(request)) return otherSchemeHint
  return hasQueryParameter(request) ? queryHint : undefined
}
