/**
 * @module How many introspection requests tokens may cause that were not accepted before: a client can
 * send any number of random strings, and each would be a request to the issuer.
 *
 * A request takes one from a budget, and gives it back when the token turns out to be valid. So valid
 * tokens use the budget only while their request is in flight, and refused ones use it up. Tokens that
 * were accepted before do not pass through here.
 */
import type { IntrospectionLimit } from '../events.ts'

/**
 * Refused tokens in a burst: expired tokens of all users of a small API after a weekend, and small
 * enough that a server notices nothing.
 */
const burst = 200
/** Refused tokens that are added to it each second: as many requests as one busy client makes. */
const perSecond = 10
/**
 * Requests in flight: at a response time of 50 ms, 2,000 new tokens a second, more than one process
 * accepts connections for; at a response time of 5 s it keeps sockets and memory bounded.
 */
const maxInFlight = 100

export interface IntrospectionRateLimit {
  /** Begins a request. Returns the limit that was reached, or `undefined` where it may be made. */
  readonly begin: () => IntrospectionLimit | undefined
  readonly end: (isAccepted: boolean) => void
  /** Returns true at most once a second: a flood must not become a flood of events. */
  readonly isReportDue: () => boolean
}

/** @param now Seconds. */
export function createIntrospectionRateLimit(now: () => number): IntrospectionRateLimit {
  let inFlight = 0
  let left = burst
  let countedAt = now()
  let reportedAt = Number.NEGATIVE_INFINITY

  function refill(): void {
    const time = now()
    const elapsed = Math.max(0, time - countedAt)
    countedAt = time
    left = Math.min(burst, left + elapsed * perSecond)
  }

  return {
    begin() {
      if (inFlight >= maxInFlight) return 'requests_in_flight'
      refill()
      if (left < 1) return 'inactive_tokens'
      left--
      inFlight++
      return undefined
    },
    end(isAccepted) {
      inFlight--
      if (isAccepted) left = Math.min(burst, left + 1)
    },
    isReportDue() {
      const time = now()
      if (time >= reportedAt && time < reportedAt + 1) return false
      reportedAt = time
      return true
    },
  }
}
