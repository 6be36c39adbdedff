/**
 * @module Makes outbound requests for documents, with limits: no redirects, a maximum size, and a signal that
 * ends the request. The caller interprets the document.
 */

import { createAbortRace } from './abort-race.ts'
import { describeCause, FetchError, isConnectionReset } from './fetch-error.ts'
import type { FetchLike, FetchLikeInit, FetchLikeResponse } from './fetch-like.ts'
import { isJsonObject } from './json-object.ts'
import { readErrorCode } from './oauth-error.ts'
import { copyOwnMembers } from './own-property.ts'
import { parseUrl } from './parse-url.ts'
import { BodyTooLargeError, readBody, releaseBody } from './response-body.ts'

export { FetchError } from './fetch-error.ts'

/** The maximum size of a response body, in octets, decompressed. */
const maxBodyBytes = 256 * 1024

export interface JsonResponse {
  /** `undefined` for a 304: nothing changed. */
  readonly json: Readonly<Record<string, unknown>> | undefined
  readonly etag: string | undefined
  readonly cacheControl: string | undefined
}

export interface FetchOptions {
  readonly fetch: FetchLike
  /** Ends the request, even if the `fetch` function ignores it. */
  readonly signal: AbortSignal
  /** The time in milliseconds. Used for a `Retry-After` that is a date. */
  readonly now: () => number
}

export interface FetchJsonOptions extends FetchOptions {
  readonly etag?: string | undefined
}

/**
 * Gets a JSON object. Repeats the request once, immediately, if the connection was reset.
 *
 * @throws FetchError if the response is not 200 with a JSON object, or 304 to a request with an ETag;
 * also if there is no response.
 */
export function fetchJson(url: string, options: FetchJsonOptions): Promise<JsonResponse> {
  return repeatAfterReset(options.signal, () => requestJson(url, options))
}

/**
 * Makes a request, and repeats it once, immediately, if the connection was reset: the server may have
 * closed a connection that was kept alive. Only for requests that may be made twice.
 *
 * @see {@link https://www.rfc-editor.org/rfc/rfc9112#section-9.3.1 | RFC 9112, section 9.3.1}
 */
export async function repeatAfterReset<T>(
  signal: AbortSignal,
  request: () => Promise<T>,
): Promise<T> {
  try {
    return await request()
  } catch (error) {
    if (signal.aborted || !isConnectionReset(error)) throw error
    return await request()
  }
}

async function requestJson(url: string, options: FetchJsonOptions): Promise<JsonResponse> {
  const { etag: knownEtag } = options
  const headers: Record<string, string> = { accept: 'application/json, application/jwk-set+json' }
  if (knownEtag !== undefined) headers['if-none-match'] = knownEtag
  const { body, etag, cacheControl } = await fetchDocument(
    url,
    { headers, body: undefined },
    options,
    knownEtag,
  )
  return { json: body && parseJsonObject(url, body), etag, cacheControl }
}

/** The headers and the body of a request. A request with a body is a POST. */
export interface OutboundRequest {
  readonly headers: Record<string, string>
  /** Not optional: if the property were absent, one of `Object.prototype` would be read. */
  readonly body: string | undefined
  /**
   * The secrets in the request, which no error may repeat. Only if they are set is the error code of an
   * OAuth error response read and added to the failure.
   */
  readonly secrets?: readonly string[]
}

/** A complete response: status 200 with a body, or 304 without one. */
export interface FetchedDocument {
  readonly body: Uint8Array | undefined
  readonly contentType: string | undefined
  readonly etag: string | undefined
  readonly cacheControl: string | undefined
}

/**
 * Makes one request and reads the response.
 *
 * @param knownEtag Accepts status 304, which confirms this ETag.
 * @throws FetchError for every status other than 200, or 304 with `knownEtag`, and if there is no complete
 * response. Redirects are not followed: a GET would trust the keys of the target, and a POST would send the
 * token there.
 */
export async function fetchDocument(
  url: string,
  request: OutboundRequest,
  { fetch, signal, now }: FetchOptions,
  knownEtag?: string,
): Promise<FetchedDocument> {
  const race = createAbortRace(signal)
  let response: FetchLikeResponse | undefined
  try {
    response = await race.unlessAborted(fetch(url, createInit(request, signal)))
    checkResponse(response)
    const contentType = getHeader(response, 'content-type')
    const cacheControl = getHeader(response, 'cache-control')
    if (response.status === 304 && knownEtag !== undefined) {
      return { body: undefined, contentType, etag: knownEtag, cacheControl }
    }
    requireNoRedirect(url, response)
    if (response.status !== 200) {
      const { secrets } = request
      const code = secrets && (await readErrorCode(response, secrets, race.unlessAborted))
      throw createStatusError(url, response, now, code)
    }
    const bytes = await readBody(response, maxBodyBytes, race.unlessAborted)
    return { body: bytes, contentType, etag: getHeader(response, 'etag'), cacheControl }
  } catch (error) {
    throw toFetchError(error, url, signal)
  } finally {
    race.end()
    releaseBody(response)
  }
}

/** Creates an object without a prototype, because `fetch` reads inherited members such as `method`. */
function createInit({ headers, body }: OutboundRequest, signal: AbortSignal): FetchLikeInit {
  const post = body === undefined ? {} : { method: 'POST' as const, body }
  const init: FetchLikeInit = { ...post, headers, redirect: 'manual', signal, credentials: 'omit' }
  return copyOwnMembers(init) as unknown as FetchLikeInit
}

/** Checks what `fetch` returned, which may be a function of the application. */
function checkResponse(response: Partial<FetchLikeResponse> | null | undefined): void {
  if (typeof response?.status !== 'number') {
    throw new TypeError('the response of fetch has no status')
  }
  if (typeof response.headers?.get !== 'function') {
    throw new TypeError('the response of fetch has no headers.get()')
  }
}

function toFetchError(error: unknown, url: string, signal: AbortSignal): FetchError {
  if (error instanceof FetchError) return error
  if (error instanceof BodyTooLargeError) {
    return new FetchError('too_large', url, `the response exceeds ${maxBodyBytes} octets`)
  }
  if (signal.aborted) return new FetchError('timeout', url, 'no complete response in time')
  const what = describeCause(error)
  const message = what === '' ? 'the request failed' : `the request failed: ${what}`
  return new FetchError('network', url, message, { cause: error })
}

function getHeader(response: FetchLikeResponse, name: string): string | undefined {
  const value: unknown = response.headers.get(name)
  return typeof value === 'string' ? value : undefined
}

function requireNoRedirect(url: string, response: FetchLikeResponse): void {
  const { status } = response
  const { redirected, type } = response as { readonly redirected?: boolean; readonly type?: string }
  if (!redirected && type !== 'opaqueredirect' && !(status >= 300 && status < 400)) return
  throw new FetchError('redirect', url, 'redirects are not followed', {
    status,
    leadsToSlash: leadsToSlash(getHeader(response, 'location'), url),
  })
}

function leadsToSlash(location: string | undefined, url: string): boolean {
  if (location === undefined || url.endsWith('/')) return false
  return parseUrl(location, url)?.href === new URL(`${url}/`).href
}

function createStatusError(
  url: string,
  response: FetchLikeResponse,
  now: () => number,
  errorCode: string | undefined,
): FetchError {
  const { status } = response
  const retryAfter = parseRetryAfter(getHeader(response, 'retry-after'), now)
  const error = errorCode === undefined ? '' : `, error ${errorCode}`
  return new FetchError('status', url, `the response has status ${status}${error}`, {
    status,
    retryAfter,
    errorCode,
  })
}

// RFC 9110 §10.2.3: seconds, or an HTTP-date.
function parseRetryAfter(value: string | undefined, now: () => number): number | undefined {
  if (value === undefined) return undefined
  const seconds = /^\d{1,9}$/.test(value) ? Number(value) : (Date.parse(value) - now()) / 1000
  return Number.isFinite(seconds) ? Math.max(0, seconds) : undefined
}

// RFC 8259 §8.1: a parser may ignore a byte order mark, which this decoder removes.
const utf8 = new TextDecoder('utf-8', { fatal: true })

/** @throws FetchError if the body is not a JSON object in UTF-8. */
export function parseJsonObject(url: string, body: Uint8Array): Readonly<Record<string, unknown>> {
  let json: unknown
  try {
    json = JSON.parse(utf8.decode(body))
  } catch {
    throw new FetchError('not_json', url, 'the response is not JSON')
  }
  if (!isJsonObject(json)) {
    throw new FetchError('not_json', url, 'the response is not a JSON object')
  }
  return copyOwnMembers(json)
}
