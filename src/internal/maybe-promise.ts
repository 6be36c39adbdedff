/** @module What may be known at once, or may have to be waited for. */

/**
 * Tells a promise from what it would resolve to: by its `then`. Not by `instanceof`, for a library may
 * have put another Promise in the place of the global one, and `async` functions return the built-in.
 */
export function isPromised<T>(value: T | Promise<T>): value is Promise<T> {
  return typeof value === 'object' && value !== null && 'then' in value
}
