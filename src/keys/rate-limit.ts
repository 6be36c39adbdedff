/**
 * @module How often tokens with an unknown key may cause a fetch: 4 times at once, and once more every
 * 30 seconds. Many made-up key names cost two fetches a minute, and a real rotation is still found.
 */

const capacity = 4
const secondsPerLookup = 30

export interface RateLimit {
  /** Takes one lookup, if there is one. */
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
