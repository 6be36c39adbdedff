/** @module A token bucket: a budget of units, which is refilled at a constant rate up to its capacity. */

export interface TokenBucketLimits {
  /** The maximum number of units, and the number at the start. */
  readonly capacity: number
  /** The number of units that are added each second. */
  readonly perSecond: number
}

export interface TokenBucket {
  /** Takes one unit. Returns `false` if none is left. */
  readonly tryTake: () => boolean
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

  function refill(): number {
    const time = now()
    // A clock that was set back adds nothing.
    const elapsed = Math.max(0, time - countedAt)
    countedAt = time
    left = Math.min(capacity, left + elapsed * perSecond)
    return left
  }

  return {
    tryTake() {
      if (refill() < 1) return false
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
