/** @module A token bucket: a budget of units, which is refilled at a constant rate up to its capacity. */

export interface TokenBucketLimits {
  /** The maximum number of units, and the number at the start. */
  readonly capacity: number
  /** The number of units that are added each second. */
  readonly perSecond: number
}

export interface TokenBucket {
  /**
   * Takes one unit. Returns `false` if none is left.
   *
   * @param time The current time in seconds, if the caller has just read it.
   */
  readonly tryTake: (time?: number) => boolean
  /** Takes one unit, even if none is left: the number may become negative. */
  readonly take: () => void
  /** Returns one unit to the bucket. */
  readonly putBack: () => void
  readonly isEmpty: () => boolean
}

/** @param now Returns the time in seconds. */
export function createTokenBucket(
  { capacity, perSecond }: TokenBucketLimits,
  now: () => number,
): TokenBucket {
  let left = capacity
  let countedAt = now()

  function refill(time = now()): number {
    // A clock that was set back adds nothing.
    const elapsed = Math.max(0, time - countedAt)
    countedAt = time
    left = Math.min(capacity, left + elapsed * perSecond)
    return left
  }

  return {
    tryTake(time) {
      if (refill(time) < 1) return false
      left--
      return true
    },
    take() {
      left = refill() - 1
    },
    putBack() {
      left = Math.min(capacity, left + 1)
    },
    isEmpty: () => refill() < 1,
  }
}
