/**
 * @module How often tokens with an unknown key may cause a fetch: 4 times at once, and once more every
 * 30 seconds. A flood of made-up key names costs two fetches a minute; a real rotation is found.
 */

const capacity = 4
const secondsPerRefresh = 30

export interface RefreshBudget {
  /** Takes one refresh, if there is one. */
  readonly take: () => boolean
}

/** @param now Seconds. */
export function createRefreshBudget(now: () => number): RefreshBudget {
  let left = capacity
  let countedAt = now()
  return {
    take() {
      const time = now()
      const elapsed = Math.max(0, time - countedAt)
      countedAt = time
      left = Math.min(capacity, left + elapsed / secondsPerRefresh)
      if (left < 1) return false
      left--
      return true
    },
  }
}
