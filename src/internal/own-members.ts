/** @module Copies an untrusted object without inherited members. */

/**
 * Copies the own enumerable members of an object into an object without a prototype, so that a property
 * of `Object.prototype` is not taken for a member. Does not copy nested objects.
 */
export function copyOwnMembers(value: object): Readonly<Record<string, unknown>> {
  return Object.assign(Object.create(null), value)
}
