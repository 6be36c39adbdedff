/**
 * @module The arrival of a token: which requests for key sets and which calls of `revoked` were made before it,
 * and since when the token waits, from which `keys.timeout` is measured. Requests and calls are counted, because
 * two events may have the same time. The time is read only for a token that waits.
 */

export interface Arrival {
  /** The order of the latest request before the arrival. A request with a larger order came later. */
  readonly order: number
  /** Milliseconds, by `performance.now()`; `undefined` for a token that did not have to wait yet. */
  waitingSince: number | undefined
}

let lastOrder = 0

/** Returns the order of a new request or call: larger than that of every earlier one, and of every arrival. */
export function nextOrder(): number {
  lastOrder++
  return lastOrder
}

/** Returns the order of an arrival. */
export function currentOrder(): number {
  return lastOrder
}

export function recordArrival(): Arrival {
  return { order: lastOrder, waitingSince: undefined }
}

/** Records that a token waits from now on, unless it has waited before. @returns Since when, in milliseconds. */
export function startWaiting(arrival: Arrival): number {
  arrival.waitingSince ??= performance.now()
  return arrival.waitingSince
}
