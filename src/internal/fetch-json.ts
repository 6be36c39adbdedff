/**
 * @module One outbound request for a JSON object, with limits: no redirects, a maximum size and a
 * timeout. The caller interprets the object.
 */
import { describeCause, FetchFailure, isConnectionReset } from './fetch-failure.ts'
import type { FetchLike, FetchLikeInit, FetchLikeResponse } from './fetch-like.ts'
import { copyOwnMembers } from './own-members.ts'
import { BodyTooLargeError, readBody, releaseBody, type UnlessAborted } from './response-body.ts'

export { FetchFailure } from './fetch-failure.ts'

/** The maximum size of a response body, in octets, decompressed. */
const maxBodyBytes = 256 * 1024

export interface JsonAnswer {
  /** `undefined` for a 304: nothing changed. */
  readonly json: Readonly<Record<string, unknown>> | undefined
  readonly etag: string | undefined
  readonly cacheControl: string | undefined
}

export interface FetchJsonOptions {
  readonly fetch: FetchLike
  /** Ends the request, even if the `fetch` function ignores it. */
  readonly signal: AbortSignal
  readonly etag?: string | undefined
  /** Milliseconds. Used for a `Retry-After` that is a date. */
  readonly now: () => number
}

/**
 * Gets a JSON object. Repeats the request once, immediately, if the connection was reset, because the
 * server may have closed a connection that was kept alive.
 *
 * @throws FetchFailure for every response except 200 with a JSON object, and 304 to a request with an
 * ETag. Redirects are not followed, because the keys of their target would be trusted.
 * @see {@link https://www.rfc-editor.org/rfc/rfc9112#section-9.3.1 | RFC 9112, section 9.3.1}
 */
export async function fetchJson(url: string, options: FetchJsonOptions): Promise<JsonAnswer> {
  try {
    return await requestJson(url, options)
  } catch (error) {
    if (options.signal.aborted || !isConnectionReset(error)) throw error
    return await requestJson(url, options)
  }
}

async function requestJson(url: string, options: FetchJsonOptions): Promise<JsonAnswer> {
  const { signal, etag } = options
  const headers: Record<string, string> = { accept: 'application/json, application/jwk-set+json' }
  if (etag !== undefined) headers['if-none-match'] = etag
  const aborted = rejectionOf(signal)
  const unlessAborted: UnlessAborted = (promise) => Promise.race([promise, aborted.promise])
  let response: FetchLikeResponse | undefined
  try {
    response = await unlessAborted(options.fetch(url, createInit(headers, signal)))
    checkResponse(response)
    if (response.status === 304 && etag !== undefined) {
      return { json: undefined, etag, cacheControl: getHeader(response, 'cache-control') }
    }
    requireStatus200(url, response, options.now)
    const json = parseObject(url, await readBody(response, maxBodyBytes, unlessAborted))
    return {
      json,
      etag: getHeader(response, 'etag'),
      cacheControl: getHeader(response, 'cache-control'),
    }
  } catch (error) {
    throw toFetchFailure(error, url, signal)
  } finally {
    aborted.stopListening()
    releaseBody(response)
  }
}

/** Creates an object without a prototype, because `fetch` reads inherited members such as `method`. */
function createInit(headers: Record<string, string>, signal: AbortSignal): FetchLikeInit {
  const init: FetchLikeInit = { headers, redirect: 'manual', signal, credentials: 'omit' }
  return copyOwnMembers(init) as unknown as FetchLikeInit
}

/** Checks what the `fetch` function returned. The application may have supplied it. */
function checkResponse(response: Partial<FetchLikeResponse> | null | undefined): void {
  if (typeof response?.status !== 'number') {
    throw new TypeError('the response of fetch has no status')
  }
  if (typeof response.headers?.get !== 'function') {
    throw new TypeError('the response of fetch has no headers.get()')
  }
}

function toFetchFailure(error: unknown, url: string, signal: AbortSignal): FetchFailure {
  if (error instanceof FetchFailure) return error
  if (error instanceof BodyTooLargeError) {
    return new FetchFailure('too_large', url, `the response exceeds ${maxBodyBytes} octets`)
  }
  if (signal.aborted) return new FetchFailure('timeout', url, 'no complete response in time')
  const what = describeCause(error)
  const message = what === '' ? 'the request failed' : `the request failed: ${what}`
  return new FetchFailure('network', url, message, { cause: error })
}

function getHeader(response: FetchLikeResponse, name: string): string | undefined {
  const value: unknown = response.headers.get(name)
  return typeof value === 'string' ? value : undefined
}

function requireStatus200(url: string, response: FetchLikeResponse, now: () => number): void {
  const { status } = response
  const { redirected, type } = response as { readonly redirected?: boolean; readonly type?: string }
  if (redirected || type === 'opaqueredirect' || (status >= 300 && status < 400)) {
    const location = getHeader(response, 'location')
    throw new FetchFailure('redirect', url, 'redirects are not followed', {
      status,
      ...(location !== undefined && { location }),
    })
  }
  if (status !== 200) {
    const retryAfter = parseRetryAfter(getHeader(response, 'retry-after'), now)
    throw new FetchFailure('status', url, `the response has status ${status}`, {
      status,
      ...(retryAfter !== undefined && { retryAfter }),
    })
  }
}

// RFC 9110 §10.2.3: seconds, or an HTTP-date.
function parseRetryAfter(value: string | undefined, now: () => number): number | undefined {
  if (value === undefined) return undefined
  const seconds = /^\d{1,9}$/.test(value) ? Number(value) : (Date.parse(value) - now()) / 1000
  return Number.isFinite(seconds) ? Math.max(0, seconds) : undefined
}

// RFC 8259 §8.1: a parser may ignore a byte order mark. This decoder removes it.
const utf8 = new TextDecoder('utf-8', { fatal: true })

function parseObject(url: string, body: Uint8Array): Readonly<Record<string, unknown>> {
  let json: unknown
  try {
    json = JSON.parse(utf8.decode(body))
  } catch {
    throw new FetchFailure('not_json', url, 'the response is not JSON')
  }
  if (typeof json !== 'object' || json === null || Array.isArray(json)) {
    throw new FetchFailure('not_json', url, 'the response is not a JSON object')
  }
  return copyOwnMembers(json)
}

/** Returns a promise that rejects when the signal is aborted, and a function that stops listening. */
function rejectionOf(signal: AbortSignal): { promise: Promise<never>; stopListening: () => void } {
  let listener = (): void => {}
  const promise = new Promise<never>((_, reject) => {
    listener = () => reject(new Error('aborted'))
    if (signal.aborted) listener()
    else signal.addEventListener('abort', listener)
  })
  promise.catch(() => {})
  return { promise, stopListening: () => signal.removeEventListener('abort', listener) }
}
