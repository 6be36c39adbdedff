/**
 * @module One bounded outbound request for a JSON object: no redirects, a limit of bytes while
 * reading, an end in time. Whoever calls decides what the object means.
 */
import type { FetchFailureReason } from '../events.ts'

/** The most that is read of one answer, in octets, decompressed. */
const maxBodyBytes = 256 * 1024

export interface JsonAnswer {
  /** `undefined` where the server says that nothing changed (304). */
  readonly json: Readonly<Record<string, unknown>> | undefined
  readonly etag: string | undefined
  readonly cacheControl: string | undefined
}

/** Why a request failed. Internal: it becomes the `cause` of the error that the caller throws. */
export class FetchFailure extends Error {
  readonly reason: FetchFailureReason
  readonly url: string
  readonly status: number | undefined
  /** Seconds, from the header `Retry-After`. */
  readonly retryAfter: number | undefined
  /** The header `Location` of a redirect. */
  readonly location: string | undefined

  constructor(
    reason: FetchFailureReason,
    url: string,
    message: string,
    more: { status?: number; retryAfter?: number; location?: string; cause?: unknown } = {},
  ) {
    super(`${url}: ${message}`, more.cause === undefined ? undefined : { cause: more.cause })
    this.reason = reason
    this.url = url
    this.status = more.status
    this.retryAfter = more.retryAfter
    this.location = more.location
  }

  override get name(): string {
    return 'FetchFailure'
  }
}

export interface FetchJsonOptions {
  readonly fetch: typeof fetch
  /** Ends the request, also where `fetch` itself does not listen to it. */
  readonly signal: AbortSignal
  readonly etag?: string | undefined
  /** Milliseconds, to read a `Retry-After` that is a date. */
  readonly now: () => number
}

/**
 * Gets a JSON object.
 *
 * @throws FetchFailure for everything else than 200 with a JSON object, or 304 to a request with an
 * ETag. Redirects are not followed: the keys of whoever is redirected to would be trusted.
 */
export async function fetchJson(url: string, options: FetchJsonOptions): Promise<JsonAnswer> {
  const { signal, etag } = options
  const headers: Record<string, string> = { accept: 'application/json, application/jwk-set+json' }
  if (etag !== undefined) headers['if-none-match'] = etag
  const aborted = rejectionOf(signal)
  const unlessAborted = <T>(promise: Promise<T>): Promise<T> =>
    Promise.race([promise, aborted.promise])
  let response: Response | undefined
  try {
    response = await unlessAborted(
      options.fetch(url, { headers, redirect: 'manual', signal, credentials: 'omit' }),
    )
    if (response.status === 304 && etag !== undefined) {
      return { json: undefined, etag, cacheControl: cacheControlOf(response) }
    }
    refuseOtherStatus(url, response, options.now)
    const json = parse(url, await readBody(url, response, unlessAborted))
    return {
      json,
      etag: response.headers.get('etag') ?? undefined,
      cacheControl: cacheControlOf(response),
    }
  } catch (error) {
    if (error instanceof FetchFailure) throw error
    if (signal.aborted) throw new FetchFailure('timeout', url, 'no complete answer in time')
    throw new FetchFailure('network', url, `the request failed${codeOf(error)}`, { cause: error })
  } finally {
    aborted.forget()
    // Frees the connection of an answer that was not read to its end.
    if (response?.body && !response.body.locked) response.body.cancel().catch(() => {})
  }
}

/** What the innermost cause calls itself: ECONNREFUSED, ENOTFOUND, DEPTH_ZERO_SELF_SIGNED_CERT … */
function codeOf(error: unknown): string {
  let code: unknown
  let cause = error
  for (let depth = 0; depth < 5 && cause instanceof Error; depth++) {
    code = (cause as { code?: unknown }).code ?? code
    cause = cause.cause
  }
  return typeof code === 'string' && /^[A-Z_]+$/.test(code) ? ` (${code})` : ''
}

function cacheControlOf(response: Response): string | undefined {
  return response.headers.get('cache-control') ?? undefined
}

function refuseOtherStatus(url: string, response: Response, now: () => number): void {
  const { status } = response
  const location = response.headers.get('location') ?? undefined
  if (
    response.redirected ||
    response.type === 'opaqueredirect' ||
    (status >= 300 && status < 400)
  ) {
    throw new FetchFailure('redirect', url, 'redirects are not followed', {
      status,
      ...(location !== undefined && { location }),
    })
  }
  if (status !== 200) {
    const retryAfter = parseRetryAfter(response.headers.get('retry-after'), now)
    throw new FetchFailure('status', url, `the answer has status ${status}`, {
      status,
      ...(retryAfter !== undefined && { retryAfter }),
    })
  }
}

// RFC 9110 §10.2.3: seconds, or an HTTP-date.
function parseRetryAfter(value: string | null, now: () => number): number | undefined {
  if (value === null) return undefined
  const seconds = /^\d{1,9}$/.test(value) ? Number(value) : (Date.parse(value) - now()) / 1000
  return Number.isFinite(seconds) ? Math.max(0, seconds) : undefined
}

async function readBody(
  url: string,
  response: Response,
  unlessAborted: <T>(promise: Promise<T>) => Promise<T>,
): Promise<Buffer> {
  const tooLarge = () =>
    new FetchFailure('too_large', url, `the answer exceeds ${maxBodyBytes} octets`)
  if (Number(response.headers.get('content-length')) > maxBodyBytes) throw tooLarge()
  if (response.body === null) return Buffer.alloc(0)
  const reader = response.body.getReader()
  const chunks: Uint8Array[] = []
  let length = 0
  try {
    for (;;) {
      const { done, value } = await unlessAborted(reader.read())
      if (done) return Buffer.concat(chunks)
      if (!(value instanceof Uint8Array)) throw new TypeError('the body is not made of bytes')
      // An empty chunk counts too, or a stream of them would never end.
      length += Math.max(1, value.byteLength)
      if (length > maxBodyBytes) throw tooLarge()
      chunks.push(value)
    }
  } catch (error) {
    reader.cancel().catch(() => {})
    throw error
  }
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

function parse(url: string, body: Buffer): Readonly<Record<string, unknown>> {
  let json: unknown
  try {
    json = JSON.parse(utf8.decode(body))
  } catch {
    throw new FetchFailure('not_json', url, 'the answer is not JSON')
  }
  if (typeof json !== 'object' || json === null || Array.isArray(json)) {
    throw new FetchFailure('not_json', url, 'the answer is not a JSON object')
  }
  return json as Readonly<Record<string, unknown>>
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
