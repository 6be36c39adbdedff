/**
 * @module The arrival of a token: the time, from which `keys.timeout` is measured, and the order among
 * arrivals and requests for key sets. The order is a counter, because two events may have the same time.
 */

export interface Arrival {
  /** Milliseconds, by `performance.now()`. */
  readonly time: number
  readonly order: number
}

let lastOrder = 0

/** Returns a number that is larger than that of every earlier arrival and request. */
export function nextOrder(): number {
  lastOrder++
  return lastOrder
}

export function recordArrival(): Arrival {
  return { time: performance.now(), order: nextOrder() }
}
