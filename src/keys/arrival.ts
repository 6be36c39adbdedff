/**
 * @module The arrival of a token: its order among arrivals and requests for key sets, and since when the
 * token waits, from which `keys.timeout` is measured. The order is a counter, because two events may have the
 * same time. The time is read only for a token that waits.
 */

export interface Arrival {
  readonly order: number
  /** Milliseconds, by `performance.now()`; `undefined` for a token that did not have to wait yet. */
  waitingSince: number | undefined
}

let lastOrder = 0

/** Returns a number that is larger than that of every earlier arrival and request. */
export function nextOrder(): number {
  lastOrder++
  return lastOrder
}

export function recordArrival(): Arrival {
  return { order: nextOrder(), waitingSince: undefined }
}

/** Records that a token waits from now on, unless it has waited before. @returns Since when, in milliseconds. */
export function startWaiting(arrival: Arrival): number {
  arrival.waitingSince ??= performance.now()
  return arrival.waitingSince
}
