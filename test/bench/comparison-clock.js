/** @module A stopped clock, which its user advances, for libraries that have no option for it. */
import { mock } from 'node:test'

/** @typedef {ReturnType<typeof stopClock>} Clock */

/**
 * Stops `Date`, `performance.now` and `setTimeout` in this process. Timers inside Node, for example of
 * sockets, keep running.
 */
export function stopClock() {
  let elapsed = performance.now()
  performance.now = () => elapsed
  mock.timers.enable({ apis: ['Date', 'setTimeout'], now: Date.now() })
  return {
    /** Moves the clock forward and fires the timers that are due. @param {number} seconds */
    advance(seconds) {
      elapsed += seconds * 1000
      mock.timers.tick(seconds * 1000)
    },
  }
}
