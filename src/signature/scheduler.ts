/**
 * @module Decides when a verification runs, and whether in place (on the event loop) or on libuv's thread pool.
 * Imports no other folder.
 *
 * A short verification in place blocks the event loop for about as long as a round trip to the thread pool
 * takes (20 to 30 µs), and needs less CPU time in all. So it runs in place while the thread pool has nothing
 * to verify. How many do so in one turn of the event loop is limited, because together they block it.
 *
 * To wake a thread of the pool takes the event loop up to 20 µs. So while one verification runs, the others of
 * the same turn start together: then few threads are woken, and each verifies several signatures.
 */
import { setImmediate } from 'node:timers'

/** How many verifications run in place, at most, in one turn of the event loop: about 0.25 ms. */
const maxInPlace = 8

/** When so many are collected, they start before the end of the turn. Larger numbers were not faster. */
const maxCollected = 16

export interface Scheduler {
  /** Returns whether the next verification may run in place, and counts it if so. */
  readonly tryTakeInPlace: () => boolean
  /**
   * Starts a verification on the thread pool: immediately if none is running, otherwise at the end of the turn
   * at the latest. The caller calls {@link end} once when it has ended.
   */
  readonly begin: (start: () => void) => void
  readonly end: () => void
}

export function createScheduler(): Scheduler {
  let running = 0
  let takenInTurn = 0
  let collected: (() => void)[] = []

  function endTurn(): void {
    takenInTurn = 0
  }

  function startCollected(): void {
    const starts = collected
    collected = []
    for (const start of starts) {
      start()
      // Not counted if it throws, for example because the caller's stack overflows.
      running++
    }
  }

  return {
    tryTakeInPlace() {
      if (running > 0 || takenInTurn >= maxInPlace) return false
      takenInTurn++
      if (takenInTurn === 1) setImmediate(endTurn)
      return true
    },
    begin(start) {
      collected.push(start)
      if (running === 0) startCollected()
      else if (collected.length === 1) setImmediate(startCollected)
      // Not in the stack of this call, because its overflow would fail the verifications of other requests.
      else if (collected.length === maxCollected) queueMicrotask(startCollected)
    },
    end() {
      running--
      // So that none waits if `setImmediate` was replaced, as test frameworks do.
      if (running === 0) startCollected()
    },
  }
}
