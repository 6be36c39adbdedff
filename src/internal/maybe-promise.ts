/** @module Values that are available immediately or through a promise. */

/** A value, or a promise of it if it is not available yet. */
export type MaybePromise<T> = T | Promise<T>

/**
 * Returns whether a value is a promise, by its `then`. Does not use `instanceof`, because a library may
 * have replaced the global Promise, and `async` functions still return the built-in one.
 */
export function isPromise<T>(value: MaybePromise<T>): value is Promise<T> {
  return typeof value === 'object' && value !== null && 'then' in value
}

/**
 * Returns whether a value of unknown type is a promise, or behaves like one. A value whose `then` throws
 * counts as a promise, which rejects with what was thrown.
 */
export function isThenable(value: unknown): value is PromiseLike<unknown> {
  try {
    return typeof (value as Partial<PromiseLike<unknown>> | undefined | null)?.then === 'function'
  } catch {
    return true
  }
}
