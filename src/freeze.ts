/**
 * @module Freezing a JSON value all the way down, whatever its depth: without recursion, for a
 * token may nest deeper than the stack.
 */

export function freezeDeep<T extends object>(value: T): T {
  const pending: object[] = [value]
  for (let item = pending.pop(); item !== undefined; item = pending.pop()) {
    if (Array.isArray(item)) for (const member of item) pushObject(member, pending)
    else pushMembers(item, pending)
    Object.freeze(item)
  }
  return value
}

/** (Object.values would take several times as long.) */
function pushMembers(item: object, pending: object[]): void {
  for (const name in item) {
    const member: unknown = item[name as keyof typeof item]
    if (typeof member === 'object' && Object.hasOwn(item, name)) pushObject(member, pending)
  }
}

function pushObject(value: unknown, pending: object[]): void {
  if (typeof value === 'object' && value !== null) pending.push(value)
}
