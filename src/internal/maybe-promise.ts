/** @module What may be known at once, or may have to be waited for. */

/**
 * Tells a promise from what it would resolve to: by its `then`. Not by `instanceof`, for a library may
 * have put another Promise in the place of the global one, and `async` functions return the built-in.
 */
export function isPromised<T>(value: T | Promise<T>): value is Promise<T> {
  return typeof value === 'object' && value !== null && 'then' in value
}

/** Whether a value of unknown type is a promise, or behaves like one. */
export function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof (value as Partial<PromiseLike<unknown>> | undefined | null)?.then === 'function'
}
