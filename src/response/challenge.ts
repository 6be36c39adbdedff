/**
 * @module What `WWW-Authenticate` says, and with it all headers of a refusal. Knows the errors and
 * the grammar; the values come from configuration and from fixed sentences, never from a request.
 *
 * @see {@link https://www.rfc-editor.org/rfc/rfc6750#section-3 | RFC 6750, section 3}
 */
import {
  type AccessTokenError,
  InsufficientScopeError,
  MissingTokenError,
  ServiceUnavailableError,
} from '../errors.ts'

/** What every challenge of one validator begins with. Made once. */
export function challengeStart(realm: string): string {
  return `Bearer realm=${quoted(realm)}`
}

/** Tells whether text may stand in a realm: printable ASCII. */
export function isRealm(text: string): boolean {
  return /^[\x20-\x7e]+$/.test(text)
}

// RFC 9110 §5.6.4: within a quoted-string, a quote and a backslash are escaped by a backslash.
function quoted(text: string): string {
  return `"${text.replace(/["\\]/g, '\\$&')}"`
}

/** Completes an error with the headers of its answer. */
export function completeHeaders(error: AccessTokenError, start: string): void {
  if (error instanceof ServiceUnavailableError) {
    error.headers = { 'Retry-After': String(error.retryAfter), 'Cache-Control': 'no-store' }
    return
  }
  error.headers = {
    'WWW-Authenticate': [bearerChallenge(error, start)],
    'Cache-Control': 'no-store',
  }
  if (error.body !== undefined) error.headers['Content-Type'] = 'application/json'
}

// RFC 6750 §3: at least one parameter always stands there, and each only once.
function bearerChallenge(error: AccessTokenError, start: string): string {
  let challenge = start
  if (error.body !== undefined) {
    challenge += `, error="${error.body.error}", error_description="${error.body.error_description}"`
  }
  if (error instanceof MissingTokenError || error instanceof InsufficientScopeError) {
    if (error.scopes.length > 0) challenge += `, scope="${error.scopes.join(' ')}"`
  }
  return challenge
}
