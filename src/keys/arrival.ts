/**
 * @module The arrival of a token: its time, which limits how long the token waits, and its order among
 * arrivals and outbound requests. The order is a counter, because two events may have the same time.
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
