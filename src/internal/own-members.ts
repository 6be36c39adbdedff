/** @module Reading an object of unknown origin without what every object inherits. */

/**
 * Copies the enumerable members of the object itself into an object without a prototype, so that a
 * property that is added to `Object.prototype` is not taken for a member. Does not copy nested objects.
 */
export function copyOwnMembers(value: object): Readonly<Record<string, unknown>> {
  return Object.assign(Object.create(null), value)
}
