/**
 * @module Exponential back-off: the next attempt after a failure is due after 1 s, then after twice as
 * long each time, up to a maximum. Delays between 1 s and the maximum are shortened at random by up to
 * half, so that many processes do not retry at the same time. A `Retry-After` may make a delay longer.
 */

const firstDelay = 1
const defaultMaxDelay = 60
/** The longest `Retry-After` that is followed, in seconds. */
const maxRetryAfter = 600

export interface BackOff {
  /** Returns whether the last attempt failed. */
  readonly isFailing: () => boolean
  /** Returns the seconds until the next attempt is due; 0 when it is due. */
  readonly remaining: () => number
  readonly recordSuccess: () => void
  /** @param retryAfter The server's `Retry-After`, in seconds. */
  readonly recordFailure: (retryAfter?: number) => void
}

/**
 * @param now Returns the time in seconds.
 * @param maxDelay The longest delay in seconds, unless the server asks for a longer one.
 */
export function createBackOff(
  now: () => number,
  random: () => number = () => Math.random(),
  maxDelay: number = defaultMaxDelay,
): BackOff {
  let failures = 0
  let failedAt = 0
  let delay = 0
  return {
    isFailing: () => failures > 0,
    remaining() {
      if (failures === 0) return 0
      const elapsed = now() - failedAt
      // Below 0, the clock was set back. Then the delay is over, because it must not become longer.
      return elapsed < 0 ? 0 : Math.max(0, delay - elapsed)
    },
    recordSuccess() {
      failures = 0
    },
    recordFailure(retryAfter = 0) {
      const step = Math.min(maxDelay, firstDelay * 2 ** failures)
      const jittered = step < maxDelay ? Math.max(firstDelay, step * (0.5 + random() / 2)) : step
      failures++
      failedAt = now()
      delay = Math.max(jittered, Math.min(retryAfter, maxRetryAfter))
    },
  }
}
