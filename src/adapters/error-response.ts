/**
 * @module What the adapters write to a response: the headers and the body of a refusal, and the headers that
 * an accepted token needs. Any method of a response may throw: `refuseRequest` then returns the error for the
 * framework; the other functions throw what the response threw.
 */
import { AccessTokenError, type AnyAccessTokenError, type ErrorResponseHeaders } from '../errors.ts'
import { toError } from '../internal/callback.ts'
import { createChallenges, createErrorHeaders } from '../response/challenge.ts'
import { exposeHeaders } from '../response/exposed-headers.ts'

/** The part of the responses of `node:http` and `node:http2` that is used. */
export interface NodeResponse {
  readonly headersSent: boolean
  statusCode: number
  getHeader(name: string): unknown
  setHeader(name: string, value: string | readonly string[]): unknown
  removeHeader(name: string): void
  end(body: string): unknown
}

/** Sends the body of a refusal, once status and headers are set on Node's response. */
export type SendRefusal = (response: NodeResponse, error: AccessTokenError) => void

/**
 * Responds to a request that is refused.
 *
 * @returns `undefined` if the response was sent. Otherwise the error for the framework: `thrown`, as an
 * Error, if it is not a refusal, if `passErrors` is set, or if the headers were sent before; else what the
 * response threw.
 */
export function refuseRequest(
  response: object,
  thrown: unknown,
  passErrors: boolean | undefined,
  send: SendRefusal = sendErrorResponse,
): Error | undefined {
  const error = toError(thrown)
  if (!(error instanceof AccessTokenError)) return error
  try {
    const target = response as NodeResponse
    if (target.headersSent) return error
    if (!passErrors) removeBodyHeaders(target)
    setErrorHeaders(target, error, passErrors)
    if (passErrors) return error
    send(target, error)
    return undefined
  } catch (failure) {
    return passErrors ? error : toError(failure)
  }
}

const bodyHeaders = [
  'Content-Encoding',
  'Content-Language',
  'Content-Range',
  'Content-Type',
  'Trailer',
  'Transfer-Encoding',
]

/** Removes headers that the application set for another body: they do not describe that of the refusal. */
function removeBodyHeaders(response: NodeResponse): void {
  for (const name of bodyHeaders) {
    if (response.getHeader(name) !== undefined) response.removeHeader(name)
  }
}

/**
 * Sets status and headers of a refusal on the response, and keeps challenges that other code has set. Sets
 * the same headers in the error, because some error handlers copy them from it. Sets the status because
 * error handlers that set none would respond with 200. With `passErrors`, does not set `Content-Type`, because the
 * application sends a body of its own.
 */
function setErrorHeaders(
  response: NodeResponse,
  error: AccessTokenError,
  passErrors: boolean | undefined,
): void {
  const own = ensureHeaders(error)
  response.statusCode = error.status
  const headers = mergePresentHeaders(response, own)
  setHeaders(error, headers)
  for (const [name, value] of Object.entries(headers)) {
    if (!passErrors || name !== 'Content-Type') response.setHeader(name, value)
  }
}

/**
 * Sets the new DPoP nonce. RFC 9449 §8.2: the response must not be cached. Has no effect on a response without
 * header methods, and after the headers were sent: the client gets a nonce with the next refusal.
 */
export function setDpopNonce(response: NodeResponse, nonce: string): void {
  if (response.headersSent || typeof response.setHeader !== 'function') return
  response.setHeader('DPoP-Nonce', nonce)
  response.setHeader('Cache-Control', 'no-store')
  const exposed = exposeNames(response, ['DPoP-Nonce'])
  if (exposed !== undefined) response.setHeader('Access-Control-Expose-Headers', exposed)
}

// For errors that the application created: the realm of the validator is not known.
const defaultChallenges = createChallenges({ realm: 'api' })

/** Returns the headers of an error. If it has none, because the application created it, they are added. */
export function ensureHeaders(error: AccessTokenError): ErrorResponseHeaders {
  if (Object.keys(error.headers).length > 0) return error.headers
  const headers = createErrorHeaders(error as AnyAccessTokenError, defaultChallenges)
  setHeaders(error, headers)
  return headers
}

/** Has no effect on a frozen error. Its response is still complete. */
function setHeaders(error: AccessTokenError, headers: ErrorResponseHeaders): void {
  Reflect.set(error, 'headers', headers)
}

/**
 * Maps merged headers to those that the error had before. If the application throws the error again, the
 * merge starts from these.
 */
const originals = new WeakMap<ErrorResponseHeaders, ErrorResponseHeaders>()

/**
 * Returns the headers of the error with the challenges that other code has set. If the response has
 * `Access-Control-Allow-Origin`, adds {@link exposedNames} to the names that the application exposes.
 */
function mergePresentHeaders(
  response: NodeResponse,
  headers: ErrorResponseHeaders,
): ErrorResponseHeaders {
  const original = originals.get(headers) ?? headers
  if (!Object.hasOwn(original, 'WWW-Authenticate')) return original
  const challenges = [original['WWW-Authenticate'] ?? []].flat()
  const present = [response.getHeader('WWW-Authenticate')].flat()
  const others = present.filter(
    (challenge): challenge is string =>
      typeof challenge === 'string' && !challenges.includes(challenge),
  )
  const all: ErrorResponseHeaders = { ...original, 'WWW-Authenticate': [...others, ...challenges] }
  const names = exposedNames.filter((name) => Object.hasOwn(original, name))
  const exposed = exposeNames(response, names)
  if (exposed !== undefined) all['Access-Control-Expose-Headers'] = exposed
  originals.set(all, original)
  return all
}

/** Returns `Access-Control-Expose-Headers` with these names; `undefined` if nothing has to be set. */
function exposeNames(response: NodeResponse, names: readonly string[]): string | undefined {
  return exposeHeaders(
    response.getHeader('Access-Control-Allow-Origin'),
    response.getHeader('Access-Control-Expose-Headers'),
    names,
  )
}

/** Headers that a browser client must be able to read if it may read the response. */
const exposedNames = ['WWW-Authenticate', 'DPoP-Nonce']

/** Returns the body of an error as JSON; empty if the error has none. */
export function serializeBody(error: AccessTokenError): string {
  return error.body === undefined ? '' : JSON.stringify(error.body)
}

/** Sends the body of a refusal with the response of Node. The other headers are set before. */
export function sendErrorResponse(response: NodeResponse, error: AccessTokenError): void {
  const body = serializeBody(error)
  response.setHeader('Content-Length', String(Buffer.byteLength(body)))
  response.end(body)
}

/**
 * Sets `Cache-Control: private`, because of a token in the body or the query. RFC 6750 §2.3: a shared cache
 * may store the response otherwise, unlike that to a request with `Authorization`. Has no effect if the response
 * has `private` or `no-store`, on a response without header methods, and after the headers were sent.
 */
export function setCacheControlPrivate(response: NodeResponse): void {
  if (response.headersSent || typeof response.setHeader !== 'function') return
  const present = response.getHeader('Cache-Control')
  if (typeof present === 'string' && isPrivate(present)) return
  response.setHeader('Cache-Control', 'private')
}

// RFC 9111 §5.2.2.7: `private` with a list of fields covers only these fields, so it does not count.
function isPrivate(cacheControl: string): boolean {
  const directives = cacheControl
    .replace(/"[^"]*"/g, '')
    .toLowerCase()
    .split(',')
  return directives.some((directive) => ['private', 'no-store'].includes(directive.trim()))
}
