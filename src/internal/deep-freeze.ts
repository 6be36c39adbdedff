/** @module Freezes a JSON value and everything in it. */

/** Freezes a value deeply. Does not recurse, because a token may nest deeper than the call stack allows. */
export function freezeDeep<T extends object>(value: T): T {
  const pending: object[] = [value]
  for (let item = pending.pop(); item !== undefined; item = pending.pop()) {
    if (Array.isArray(item)) for (const member of item) pushObject(member, pending)
    else pushMembers(item, pending)
    Object.freeze(item)
  }
  return value
}

const isOwn = Object.prototype.hasOwnProperty

// Object.values takes longer, and so does Object.hasOwn in this loop.
function pushMembers(item: object, pending: object[]): void {
  for (const name in item) {
    if (isOwn.call(item, name)) pushObject(item[name as keyof typeof item], pending)
  }
}

function pushObject(value: unknown, pending: object[]): void {
  if (typeof value === 'object' && value !== null) pending.push(value)
}
