/** @module Values that are available immediately or through a promise. */

/** A value, or a promise of it if it is not available yet. */
export type MaybePromise<T> = T | Promise<T>

// Read at each check, because it may be set at any time.
const prototype: { readonly then?: unknown } = Object.prototype

/**
 * Returns whether a value is a promise, by a `then` that it does not inherit from `Object.prototype`. Does
 * not use `instanceof`, because a library may have replaced the global Promise, and `async` functions
 * still return the built-in one.
 */
export function isPromise<T>(value: MaybePromise<T>): value is Promise<T> {
  return (
    typeof value === 'object' &&
    value !== null &&
    'then' in value &&
    typeof value.then === 'function' &&
    value.then !== prototype.then
  )
}

/**
 * Returns whether a value of unknown type is a promise, or behaves like one. A value whose `then` throws
 * counts as a promise, which rejects with what was thrown.
 */
export function isThenable(value: unknown): value is PromiseLike<unknown> {
  try {
    const then: unknown = (value as Partial<PromiseLike<unknown>> | undefined | null)?.then
    return typeof then === 'function' && then !== prototype.then
  } catch {
    return true
  }
}
