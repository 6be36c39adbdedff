/**
 * @module Decides which verifications run in place, on the event loop, instead of on the thread pool. A
 * short verification in place blocks the event loop for about as long as a round trip to the thread pool
 * takes (20 to 30 µs), and needs less CPU time in all. While others are in progress on the thread pool, it
 * runs there too, because the pool works in parallel. From the ninth in one turn of the event loop on, they
 * run there because together they would block the event loop for too long. Imports no other folder.
 */
import { setImmediate } from 'node:timers'

/** How many verifications run in place in one turn of the event loop: together about 0.25 ms. */
const maxInTurn = 8

export interface InPlaceBudget {
  /**
   * Returns whether the next verification may run in place, and counts it if so. It may if none is in
   * progress on the thread pool and fewer than 8 ran in place in this turn of the event loop.
   */
  readonly tryTake: () => boolean
  /** Counts a verification on the thread pool until {@link end} is called. */
  readonly begin: () => void
  readonly end: () => void
}

export function createInPlaceBudget(): InPlaceBudget {
  let inProgress = 0
  let takenInTurn = 0
  const endTurn = () => {
    takenInTurn = 0
  }
  return {
    tryTake() {
      if (inProgress > 0 || takenInTurn >= maxInTurn) return false
      takenInTurn++
      if (takenInTurn === 1) setImmediate(endTurn)
      return true
    },
    begin() {
      inProgress++
    },
    end() {
      inProgress--
    },
  }
}
