/** @module The clock that a test issuer and the validator under test share. Imports nothing. */

/** A running clock that a test can move. */
export interface TestClock {
  /** Returns the time in milliseconds since the epoch. Fits `ValidatorOptions.now`; needs no `this`. */
  now(): number
  /**
   * Moves the clock forward by this many seconds, or back if the number is negative. Does not fire
   * timers.
   *
   * @throws TypeError if `seconds` is not a finite number.
   */
  advance(seconds: number): void
}

/** Creates a clock that returns `now` plus the time by which it was advanced. */
export function createTestClock(now: () => number): TestClock {
  let offset = 0
  return {
    now: () => now() + offset,
    advance(seconds) {
      if (!Number.isFinite(seconds)) {
        throw new TypeError(`clock.advance takes a finite number of seconds, not ${seconds}`)
      }
      offset += seconds * 1000
    },
  }
}
