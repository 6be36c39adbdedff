/** @module Reads own members of objects. */

/** Returns an own member of an object, never a property of `Object.prototype`. */
export function getOwn(object: object, name: string): unknown {
  return Object.hasOwn(object, name) ? object[name as keyof typeof object] : undefined
}
