/**
 * @module One bounded outbound request for a JSON object: no redirects, a limit of octets while
 * reading, an end in time. The caller decides what the object means.
 */
import { describeCause, FetchFailure, isConnectionReset } from './fetch-failure.ts'
import type { FetchLike, FetchLikeInit, FetchLikeResponse } from './fetch-like.ts'
import { copyOwnMembers } from './own-members.ts'
import { BodyTooLargeError, readBody, releaseBody, type UnlessAborted } from './response-body.ts'

export { FetchFailure } from './fetch-failure.ts'

/** The most that is read of one answer, in octets, decompressed. */
const maxBodyBytes = 256 * 1024

export interface JsonAnswer {
  /** `undefined` where the server says that nothing changed (304). */
  readonly json: Readonly<Record<string, unknown>> | undefined
  readonly etag: string | undefined
  readonly cacheControl: string | undefined
}

export interface FetchJsonOptions {
  readonly fetch: FetchLike
  /** Ends the request, also where `fetch` itself does not listen to it. */
  readonly signal: AbortSignal
  readonly etag?: string | undefined
  /** Milliseconds, to read a `Retry-After` that is a date. */
  readonly now: () => number
}

/**
 * Gets a JSON object. Repeats the request once, at once, when the connection was reset: the server may
 * have closed a connection that was kept alive.
 *
 * @throws FetchFailure for everything else than 200 with a JSON object, or 304 to a request with an
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
    refuseOtherStatus(url, response, options.now)
    const json = parseObject(url, await readBody(response, maxBodyBytes, unlessAborted))
    return {
      json,
      etag: getHeader(response, 'etag'),
      cacheControl: getHeader(response, 'cache-control'),
    }
  } catch (error) {
    throw toFetchFailure(error, url, signal)
  } finally {
    aborted.forget()
    releaseBody(response)
  }
}

/** Without a prototype, because `fetch` reads inherited members: another method, a body, a dispatcher. */
function createInit(headers: Record<string, string>, signal: AbortSignal): FetchLikeInit {
  const init: FetchLikeInit = { headers, redirect: 'manual', signal, credentials: 'omit' }
  return copyOwnMembers(init) as unknown as FetchLikeInit
}

/** The `fetch` may be the application's own, and a test's may return anything. */
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
    return new FetchFailure('too_large', url, `the answer exceeds ${maxBodyBytes} octets`)
  }
  if (signal.aborted) return new FetchFailure('timeout', url, 'no complete answer in time')
  const what = describeCause(error)
  const message = what === '' ? 'the request failed' : `the request failed: ${what}`
  return new FetchFailure('network', url, message, { cause: error })
}

function getHeader(response: FetchLikeResponse, name: string): string | undefined {
  const value: unknown = response.headers.get(name)
  return typeof value === 'string' ? value : undefined
}

function refuseOtherStatus(url: string, response: FetchLikeResponse, now: () => number): void {
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
    throw new FetchFailure('status', url, `the answer has status ${status}`, {
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

// RFC 8259 §8.1: a parser may ignore a byte order mark, and the decoder removes one.
const utf8 = new TextDecoder('utf-8', { fatal: true })

function parseObject(url: string, body: Uint8Array): Readonly<Record<string, unknown>> {
  let json: unknown
  try {
    json = JSON.parse(utf8.decode(body))
  } catch {
    throw new FetchFailure('not_json', url, 'the answer is not JSON')
  }
  if (typeof json !== 'object' || json === null || Array.isArray(json)) {
    throw new FetchFailure('not_json', url, 'the answer is not a JSON object')
  }
  return copyOwnMembers(json)
}

/** A promise that rejects when the signal fires, and the way to stop listening. */
function rejectionOf(signal: AbortSignal): { promise: Promise<never>; forget: () => void } {
  let listener = (): void => {}
  const promise = new Promise<never>((_, reject) => {
    listener = () => reject(new Error('aborted'))
    if (signal.aborted) listener()
    else signal.addEventListener('abort', listener)
  })
  promise.catch(() => {})
  return { promise, forget: () => signal.removeEventListener('abort', listener) }
}
