/** @module Reading members of an object without those that it inherits. */

/** Returns an own member of an object, and never what somebody added to `Object.prototype`. */
export function getOwn(object: object, name: string): unknown {
  return Object.hasOwn(object, name) ? object[name as keyof typeof object] : undefined
}

/** Copies the own members of an options object into one that inherits nothing. */
export function copyOwn<T extends object>(object: T): T {
  return Object.assign(Object.create(null), object)
}
