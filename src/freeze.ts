/**
 * @module Freezing a JSON value all the way down, whatever its depth: without recursion, for a
 * token may nest deeper than the stack.
 */

export function freezeDeep<T>(value: T): T {
  const pending: unknown[] = [value]
  for (let item = pending.pop(); item !== undefined; item = pending.pop()) {
    if (typeof item !== 'object' || item === null) continue
    for (const member of Array.isArray(item) ? item : Object.values(item)) {
      if (typeof member === 'object' && member !== null) pending.push(member)
    }
    Object.freeze(item)
  }
  return value
}
