/**
 * @module Limits the introspection requests for tokens that were not accepted before. A client can
 * send any number of random strings, and each would cause a request to the issuer.
 *
 * A request takes one from a budget, and gives it back when the token turns out to be valid. So valid
 * tokens use the budget only while their request is in flight, and refused ones use it up. Tokens that
 * were accepted before do not pass through here.
 */
import type { IntrospectionLimit } from '../events.ts'

/**
 * The number of refused tokens in a burst: enough for the expired tokens of all users of a small
 * API after a weekend, and too few to load a server.
 */
const burst = 200
/**
 * The number of refused tokens that are added each second: as many requests as one busy client
 * makes.
 */
const perSecond = 10
/**
 * The maximum number of requests in flight. At a response time of 50 ms it allows 2,000 new tokens
 * a second, more than one process accepts connections for. At 5 s it bounds sockets and memory.
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
