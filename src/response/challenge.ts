/**
 * @module The challenges of `WWW-Authenticate`, and the other headers that an error has before an adapter adds
 * its own. The values in a challenge come from configuration and from fixed sentences, never from a request.
 *
 * @see {@link https://www.rfc-editor.org/rfc/rfc6750#section-3 | RFC 6750, section 3}
 * @see {@link https://www.rfc-editor.org/rfc/rfc9449#section-7.1 | RFC 9449, section 7.1}
 */
import type { AnyAccessTokenError, ErrorResponseHeaders } from '../errors.ts'

export interface ChallengeSettings {
  readonly realm: string
  /** Named in every challenge (RFC 9728, section 5.1). */
  readonly resourceMetadataUrl?: string | undefined
  /** Absent: the DPoP scheme is not offered. */
  readonly dpop?:
    | {
        /** The algorithms that proofs may have, separated by spaces. */
        readonly algs: string
        /** Whether only the DPoP scheme is offered. */
        readonly required: boolean
      }
    | undefined
}

/**
 * The challenges that a validator offers, without an error. At least one is set. Created once for each
 * validator.
 */
export interface Challenges {
  readonly bearer: string | undefined
  readonly dpop: string | undefined
}

export function createChallenges(settings: ChallengeSettings): Challenges {
  const { realm, resourceMetadataUrl, dpop } = settings
  let parameters = `realm=${quoted(realm)}`
  if (resourceMetadataUrl !== undefined) {
    parameters += `, resource_metadata=${quoted(resourceMetadataUrl)}`
  }
  return Object.freeze({
    bearer: dpop?.required ? undefined : `Bearer ${parameters}`,
    dpop: dpop === undefined ? undefined : `DPoP ${parameters}, algs=${quoted(dpop.algs)}`,
  })
}

// RFC 9110 §5.6.4: within a quoted-string, a quote and a backslash are escaped by a backslash.
function quoted(text: string): string {
  return `"${text.replace(/["\\]/g, '\\$&')}"`
}

/**
 * Creates the headers of an error response.
 *
 * @param scheme The scheme that the request used. If two challenges are offered, only that of this scheme
 * contains the error; a single challenge always contains it. `undefined` if none was read, or the request used
 * several: then every challenge contains the error.
 */
export function createErrorHeaders(
  error: AnyAccessTokenError,
  challenges: Challenges,
  scheme?: 'Bearer' | 'DPoP',
): ErrorResponseHeaders {
  if (error.code === 'service_unavailable') {
    return { 'Retry-After': String(error.retryAfter), 'Cache-Control': 'no-store' }
  }
  const headers: ErrorResponseHeaders = {
    'WWW-Authenticate': createChallengeLines(error, challenges, scheme),
    'Cache-Control': 'no-store',
  }
  if (error.body !== undefined) headers['Content-Type'] = 'application/json'
  // RFC 9449 §9
  if (error.code === 'use_dpop_nonce') headers['DPoP-Nonce'] = error.nonce
  return headers
}

/** Creates the challenges. Each becomes a header line of its own. */
function createChallengeLines(
  error: AnyAccessTokenError,
  { bearer, dpop }: Challenges,
  scheme: 'Bearer' | 'DPoP' | undefined,
): string[] {
  const parameters = createErrorParameters(error)
  if (bearer === undefined) return [`${dpop}${parameters}`]
  if (dpop === undefined) return [bearer + parameters]
  // RFC 9449 §7.2: the error belongs in the challenge of the scheme that was used. Without a token there is
  // no error, and the scopes belong in both challenges.
  const isForBoth = error.code === 'missing_token' || scheme === undefined
  return [
    isForBoth || scheme === 'Bearer' ? bearer + parameters : bearer,
    isForBoth || scheme === 'DPoP' ? dpop + parameters : dpop,
  ]
}

function createErrorParameters(error: AnyAccessTokenError): string {
  let parameters = ''
  if (error.body !== undefined) {
    parameters = `, error="${error.body.error}", error_description="${error.body.error_description}"`
  }
  if (error.code === 'insufficient_user_authentication') {
    const { acrValues, maxAge } = error
    if (acrValues.length > 0) parameters += `, acr_values="${acrValues.join(' ')}"`
    if (maxAge !== undefined) parameters += `, max_age="${maxAge}"`
  }
  const scopes = getScopes(error)
  return scopes.length === 0 ? parameters : `${parameters}, scope="${scopes.join(' ')}"`
}

const none: readonly string[] = []

function getScopes(error: AnyAccessTokenError): readonly string[] {
  switch (error.code) {
    case 'missing_token':
    case 'insufficient_scope':
    case 'insufficient_user_authentication':
      return error.scopes
    default:
      return none
  }
}
