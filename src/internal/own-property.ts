/** @module Reading members of an object without those that it inherits. */

/** Returns an own member of an object, and never what somebody added to `Object.prototype`. */
export function getOwn(object: object, name: string): unknown {
  return Object.hasOwn(object, name) ? object[name as keyof typeof object] : undefined
}
