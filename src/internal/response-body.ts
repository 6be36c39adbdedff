/**
 * @module Reads the body of a response, up to a limit. The `fetch` may be the application's: its
 * response need not be a WHATWG one, so everything about it is checked before it is used.
 */
import { Buffer } from 'node:buffer'
import type { FetchLikeResponse } from './fetch-like.ts'

/** Thrown for a body of more octets than the limit. */
export class BodyTooLargeError extends Error {}

/** What a body may offer: that of a WHATWG stream, or that of a Node stream. */
interface BodyLike {
  readonly locked?: boolean
  readonly getReader?: () => { read: ReadChunk; cancel: () => Promise<void> }
  readonly cancel?: () => Promise<void>
  readonly [Symbol.asyncIterator]?: () => { next: ReadChunk }
  readonly destroy?: () => void
  readonly on?: (event: 'error', listener: () => void) => void
}

type ReadChunk = () => Promise<{ readonly done?: boolean; readonly value?: unknown }>

/** Waits for a promise, unless the time for the whole request is over. */
export type UnlessAborted = <T>(promise: Promise<T>) => Promise<T>

/**
 * Reads a body.
 *
 * @param maxBytes The most octets, decompressed.
 * @throws BodyTooLargeError; TypeError where the body cannot be read within a limit.
 */
export async function readBody(
  response: FetchLikeResponse,
  maxBytes: number,
  unlessAborted: UnlessAborted,
): Promise<Buffer> {
  if (Number(response.headers.get('content-length')) > maxBytes) throw new BodyTooLargeError()
  if (response.body === null) return Buffer.alloc(0)
  const body = (response.body ?? {}) as BodyLike
  if (typeof body.getReader === 'function') {
    const reader = body.getReader()
    try {
      return await readChunks(() => reader.read(), maxBytes, unlessAborted)
    } catch (error) {
      ignoreFailure(() => reader.cancel())
      throw error
    }
  }
  const iterate = body[Symbol.asyncIterator]
  if (typeof iterate === 'function') {
    const iterator = iterate.call(body)
    return readChunks(() => iterator.next(), maxBytes, unlessAborted)
  }
  return readText(response, maxBytes, unlessAborted)
}

async function readChunks(
  read: ReadChunk,
  maxBytes: number,
  unlessAborted: UnlessAborted,
): Promise<Buffer> {
  const chunks: Uint8Array[] = []
  let length = 0
  for (;;) {
    const { done, value } = await unlessAborted(read())
    if (done) return Buffer.concat(chunks)
    if (!(value instanceof Uint8Array)) throw new TypeError('the body is not made of bytes')
    // An empty chunk counts too, or a stream of them would never end.
    length += Math.max(1, value.byteLength)
    if (length > maxBytes) throw new BodyTooLargeError()
    chunks.push(value)
  }
}

/** `text()` reads everything that comes, so the limit must be known to hold before. */
async function readText(
  response: FetchLikeResponse,
  maxBytes: number,
  unlessAborted: UnlessAborted,
): Promise<Buffer> {
  if (typeof response.text !== 'function') {
    throw new TypeError('the response of fetch has neither a stream as body nor text()')
  }
  const { headers } = response
  if (!/^\d+$/.test(headers.get('content-length') ?? '') || headers.get('content-encoding')) {
    throw new TypeError(
      `the response of fetch has no stream as body: its text() is read only with a Content-Length of at most ${maxBytes} octets and without Content-Encoding`,
    )
  }
  const text: unknown = await unlessAborted(response.text())
  if (typeof text !== 'string') throw new TypeError('text() of the response of fetch is no string')
  if (Buffer.byteLength(text) > maxBytes) throw new BodyTooLargeError()
  return Buffer.from(text)
}

/** Frees the connection of a body that was not read to its end. Never throws. */
export function releaseBody(response: FetchLikeResponse | undefined): void {
  ignoreFailure(() => {
    const body = response?.body as BodyLike | null | undefined
    // node-fetch emits an error on a body whose request is aborted, also when it is not read.
    body?.on?.('error', () => {})
    if (body?.locked) return undefined
    return typeof body?.cancel === 'function' ? body.cancel() : body?.destroy?.()
  })
}

/** Runs a clean-up whose failure changes nothing. */
function ignoreFailure(cleanUp: () => unknown): void {
  try {
    Promise.resolve(cleanUp()).catch(() => {})
  } catch {
    // As above.
  }
}
