/**
 * @module Calls the `next` of connect-style middleware. What it throws must not reject the promise of an
 * adapter, which connect-style servers do not await, and must not be lost.
 */
import { messageOf, toError } from '../internal/callback.ts'

/** The `next` of connect: `next()` runs the next middleware, and `next(error)` the error handlers. */
export type Next = (error?: unknown) => unknown

let warned = false

/**
 * Calls `next`, if there is one, with an Error or with nothing. If `next()` throws or its promise rejects, calls
 * `next(error)`, as connect and Express do when a later middleware throws: error handlers run, and no
 * middleware runs twice. If `next(error)` fails too, no handler is left, and a process warning reports the
 * failure, once per process.
 */
export function callNext(next: Next | undefined, error?: Error): void {
  if (next === undefined) return
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
