/**
 * @module The `next` of connect-style middleware. Calling it must neither throw into the promise of an
 * adapter, which nothing awaits, nor lose an error.
 */
import { messageOf, toError } from '../internal/callback.ts'

/** The `next` of connect: without an argument it runs what comes after, with one the error handlers. */
export type Next = (error?: unknown) => unknown

let warned = false

/**
 * Calls `next` once, with an Error or with nothing. Where `next()` throws or its promise rejects, the
 * error goes to `next(error)`, as connect and Express do with what a later middleware throws: that
 * runs error handlers, and no handler twice. Where `next(error)` fails too, nothing is left that could
 * handle the error, and a process warning reports it, once per process.
 */
export function callNext(next: Next, error?: Error): void {
  try {
    const returned = error === undefined ? next() : next(error)
    if (returned === undefined) return
    Promise.resolve(returned).catch((thrown: unknown) => handleFailure(next, error, thrown))
  } catch (thrown) {
    handleFailure(next, error, thrown)
  }
}

function handleFailure(next: Next, error: Error | undefined, thrown: unknown): void {
  if (error === undefined) {
    callNext(next, toError(thrown))
    return
  }
  if (warned) return
  warned = true
  process.emitWarning(`next(error) failed: ${messageOf(thrown)}`, {
    type: 'OAuthResourceServerWarning',
  })
}
