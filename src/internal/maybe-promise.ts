/** @module Values that are available immediately or through a promise. */

/** A value, or a promise of it if it is not available yet. */
export type MaybePromise<T> = T | Promise<T>

/**
 * The type of a value whose `then` is read in place, before a call of {@link isPromise}. Only for the path
 * of every request: a function that V8 has seen with many types takes 0.05 µs longer than the same check
 * in place.
 */
export interface MaybeThenable {
  readonly then?: unknown
}

// Its `then` is read at each check, because it may be set at any time.
const prototype: MaybeThenable = Object.prototype

/**
 * Returns whether a value is a promise, by a `then` that it does not inherit from `Object.prototype`. Does
 * not use `instanceof`, because a library may have replaced the global Promise, and `async` functions
 * still return the built-in one.
 */
export function isPromise<T>(value: MaybePromise<T>): value is Promise<T> {
  const then: unknown = (value as Partial<Promise<T>> | undefined | null)?.then
  return typeof then === 'function' && then !== prototype.then
}

/**
 * Returns whether a value of unknown type is a promise, or behaves like one. A value whose `then` throws
 * counts as a promise, which rejects with what was thrown.
 */
export function isThenable(value: unknown): value is PromiseLike<unknown> {
  try {
    return isPromise(value)
  } catch {
    return true
  }
}
