/**
 * @module Reads the body of a response, up to a limit. The application may supply the `fetch` function,
 * so every part of the response is checked before it is used.
 */
import { Buffer } from 'node:buffer'
import type { FetchLikeResponse } from './fetch-like.ts'

/** Thrown for a body that is larger than the limit. */
export class BodyTooLargeError extends Error {}

/** The members of a WHATWG stream and of a Node stream. */
interface BodyLike {
  readonly getReader?: () => { read: ReadChunk; cancel: () => Promise<void> }
  readonly cancel?: () => Promise<void>
  readonly [Symbol.asyncIterator]?: () => { next: ReadChunk }
  readonly destroy?: () => void
  readonly on?: (event: 'error', listener: () => void) => void
}

type ReadChunk = () => Promise<{ readonly done?: boolean; readonly value?: unknown }>

/** Settles like the promise, or rejects when the request is aborted. */
export type UnlessAborted = <T>(promise: Promise<T>) => Promise<T>

/**
 * Reads a body.
 *
 * @param maxBytes The maximum size in octets, decompressed.
 * @throws BodyTooLargeError; TypeError if the size of the body cannot be limited; also rejects when the
 * request is aborted or the body fails.
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
    // An empty chunk counts as one octet, so that an endless stream of them reaches the limit.
    length += Math.max(1, value.byteLength)
    if (length > maxBytes) throw new BodyTooLargeError()
    chunks.push(value)
  }
}

/** Reads a body with `text()`. The method has no limit of its own, so there must be a `Content-Length`. */
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
  if (typeof text !== 'string')
    throw new TypeError('text() of the response of fetch is not a string')
  if (Buffer.byteLength(text) > maxBytes) throw new BodyTooLargeError()
  return Buffer.from(text)
}

/** Frees the connection of a body that was not read to its end. Never throws. */
export function releaseBody(response: FetchLikeResponse | undefined): void {
  ignoreFailure(() => {
    const body = response?.body as BodyLike | null | undefined
    if (!body) return undefined
    // node-fetch emits an error on the body of an aborted request, even if the body is not read.
    body.on?.('error', () => {})
    return typeof body.cancel === 'function' ? body.cancel() : body.destroy?.()
  })
}

/** Runs a clean-up and ignores what it throws or rejects with. */
function ignoreFailure(cleanUp: () => unknown): void {
  try {
    Promise.resolve(cleanUp()).catch(() => {})
  } catch {
    // Ignored, like a rejection.
  }
}
