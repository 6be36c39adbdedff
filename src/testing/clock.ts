/**
 * The clock that an issuer and the validator under test share.
 *
 * @module
 */

/** A clock that runs, and that a test can move. */
export interface TestClock {
  /** Returns the time in milliseconds since the epoch. Fits `ValidatorOptions.now`; needs no `this`. */
  now(): number
  /**
   * Moves the clock by this many seconds: forth, or back when negative. Does not fire timers.
   *
   * @throws TypeError when `seconds` is not a finite number
   */
  advance(seconds: number): void
}

/** Creates a clock that shows `now` plus whatever it was advanced by. */
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
