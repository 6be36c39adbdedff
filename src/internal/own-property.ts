/** @module Reads own members of objects, and ignores properties of `Object.prototype`. */

/** Returns an own member of an object; `undefined` if the object only inherits it. */
export function getOwn(object: object, name: string): unknown {
  return Object.hasOwn(object, name) ? object[name as keyof typeof object] : undefined
}

/**
 * Copies the own enumerable members of an object into an object without a prototype, so that a property
 * of `Object.prototype` is not taken for a member. Does not copy nested objects.
 */
export function copyOwnMembers(value: object): Readonly<Record<string, unknown>> {
  return Object.assign(Object.create(null), value)
}
