/**
 * @module Limits how often tokens with an unknown key cause a fetch: 4 times in a burst, and once more
 * every 30 seconds. Any number of invented values of `kid` causes two fetches a minute, and a key
 * rotation is still found.
 */

const capacity = 4
const secondsPerLookup = 30

export interface RateLimit {
  /** Takes one lookup. Returns `false` if none is left. */
  readonly tryTake: () => boolean
}

/** @param now Seconds. */
export function createRateLimit(now: () => number): RateLimit {
  let left = capacity
  let countedAt = now()
  return {
    tryTake() {
      const time = now()
      const elapsed = Math.max(0, time - countedAt)
      countedAt = time
      left = Math.min(capacity, left + elapsed / secondsPerLookup)
      if (left < 1) return false
      left--
      return true
    },
  }
}
