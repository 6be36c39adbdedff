/**
 * @module Limits the introspection requests for unknown tokens: those that were not accepted before and are
 * not JWTs that were verified locally. A client can send any number of random strings, and each would
 * cause a request to the issuer.
 *
 * A request takes one unit from a budget, and puts it back if the token is accepted. So valid tokens use
 * the budget only while their request is in flight. A token that is refused, and a request that fails, use
 * up one unit.
 */
import type { IntrospectionLimit } from '../events.ts'
import { createTokenBucket } from '../internal/token-bucket.ts'

/**
 * A capacity of 200 units: enough for the expired tokens of all users of a small API after a weekend, and
 * too few to load a server. 10 units are added each second: as many requests as one busy client makes.
 */
const budget = { capacity: 200, perSecond: 10 }
/**
 * The maximum number of requests in flight. With responses after 50 ms it allows 2,000 new valid tokens a
 * second. With slow responses it bounds sockets and memory.
 */
const maxInFlight = 100

export interface IntrospectionRateLimit {
  /** Begins a request. Returns the limit that is reached, or `undefined` if the request may be made. */
  readonly begin: () => IntrospectionLimit | undefined
  /** @param isAccepted Whether the token was accepted. */
  readonly end: (isAccepted: boolean) => void
  /** Returns true at most once a second, so that a flood of tokens does not cause a flood of events. */
  readonly tryReport: () => boolean
}

/** @param now Seconds. */
export function createIntrospectionRateLimit(now: () => number): IntrospectionRateLimit {
  let inFlight = 0
  const units = createTokenBucket(budget, now)
  let reportedAt = Number.NEGATIVE_INFINITY

  return {
    begin() {
      if (inFlight >= maxInFlight) return 'requests_in_flight'
      if (!units.tryTake()) return 'inactive_tokens'
      inFlight++
      return undefined
    },
    end(isAccepted) {
      inFlight--
      if (isAccepted) units.putBack()
    },
    tryReport() {
      const time = now()
      if (time >= reportedAt && time < reportedAt + 1) return false
      reportedAt = time
      return true
    },
  }
}
