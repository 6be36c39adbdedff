/**
 * @module When a token arrived, and which requests were sent after that. The time limits how long the
 * token waits. The order is a counter, because two events may have the same time.
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
