/**
 * @module Limits the requests for metadata and keys of issuers without a verified token, for all of these
 * issuers together. If the application's function accepts every name, forged tokens could otherwise cause any
 * number of requests.
 */
import { ServiceUnavailableError } from '../errors.ts'
import type { Observer } from '../events/observer.ts'
import type { IssuersRateLimitedEvent } from '../events.ts'
import { printable } from '../internal/printable.ts'
import { createTokenBucket } from '../internal/token-bucket.ts'

/** The maximum number of key sets that are fetched at a time. */
const maxFetches = 50
/** The number of requests in a burst, and the number that is added each second. */
const requestLimits = { capacity: 600, perSecond: 10 }

export interface UnverifiedLimits {
  /**
   * Reserves one fetch of keys. Returns a function that ends the reservation.
   *
   * @throws ServiceUnavailableError if a limit is reached.
   */
  readonly reserveFetch: (issuer: string) => () => void
  readonly countRequest: () => void
}

/** @param now Returns the time in milliseconds. */
export function createUnverifiedLimits(now: () => number, observer: Observer): UnverifiedLimits {
  let fetches = 0
  const requests = createTokenBucket(requestLimits, () => now() / 1000)

  function exceededLimit(): IssuersRateLimitedEvent['limit'] | undefined {
    if (fetches >= maxFetches) return 'fetches_in_flight'
    return requests.isEmpty() ? 'requests_per_minute' : undefined
  }

  return {
    reserveFetch(issuer) {
      const limit = exceededLimit()
      if (limit === undefined) {
        fetches++
        return () => {
          fetches--
        }
      }
      observer.emit({ type: 'issuers.rate_limited', limit })
      const hint = 'too many issuers without a verified token need keys'
      throw new ServiceUnavailableError('keys', 1, { issuer: printable(issuer), hint })
    },
    // Counts even if the limit is reached, because a fetch that has begun is not interrupted.
    countRequest: requests.take,
  }
}
