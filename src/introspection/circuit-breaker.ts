/**
 * @module Stops requests while the introspection endpoint is down, and finds out with one request at a time
 * whether it is back. A token may be the cause of a failure, so that one failed request is not an outage:
 * one client could stop the introspection of all others with it.
 */
import { createBackOff } from '../keys/back-off.ts'
import type { IntrospectionFailure } from './failure.ts'

/** Different tokens that have to fail: one client with a few tokens does not cause an outage. */
const minTokens = 10
/** Seconds without a success: where other tokens succeed, the failed ones are the cause. */
const minSeconds = 1
/**
 * Seconds between two attempts in an outage. Shorter than for keys, because no older result serves
 * meanwhile: the API is unavailable until the next attempt.
 */
const maxDelay = 10
/** Seconds. The longest `Retry-After` that is followed. */
const maxPause = 60

export interface CircuitBreaker {
  /**
   * Returns the failure for which no request may be made: the next attempt is not due, or it is in progress.
   */
  readonly openedBy: () => IntrospectionFailure | undefined
  /** Seconds until the next attempt is due. */
  readonly remaining: () => number
  readonly begin: () => Attempt
  /** Records a success outside this circuit breaker. */
  readonly recordOtherSuccess: () => void
}

interface Attempt {
  readonly succeed: () => void
  /**
   * Records a failure.
   *
   * @param token The hash of the token that may be the cause; `undefined` where none is.
   * @returns Whether requests stop.
   */
  readonly fail: (failure: IntrospectionFailure, token: string | undefined) => boolean
  readonly end: () => void
}

/** @param now Seconds. */
export function createCircuitBreaker(now: () => number): CircuitBreaker {
  const backOff = createBackOff(now, undefined, maxDelay)
  /** Tokens that failed since the last success. */
  const failed = new Set<string>()
  let succeededAt = Number.NEGATIVE_INFINITY
  let lastFailure: IntrospectionFailure | undefined
  /** How many failures have lengthened the back-off. */
  let outages = 0
  let isProbing = false

  function recordOtherSuccess(): void {
    failed.clear()
    succeededAt = now()
  }

  function isOutage(token: string): boolean {
    if (failed.size < minTokens) failed.add(token)
    const elapsed = now() - succeededAt
    return failed.size >= minTokens && !(elapsed >= 0 && elapsed < minSeconds)
  }

  function begin(): Attempt {
    const isProbe = backOff.isFailing()
    const outagesBefore = outages
    if (isProbe) isProbing = true
    return {
      succeed() {
        recordOtherSuccess()
        backOff.recordSuccess()
      },
      fail(failure, token) {
        if (token !== undefined && !isProbe && !isOutage(token)) return false
        // Requests that were in flight together fail together, which is one outage.
        if (outages === outagesBefore) {
          outages++
          backOff.recordFailure(Math.min(failure.retryAfter ?? 0, maxPause))
          lastFailure = failure
        }
        return true
      },
      end() {
        if (isProbe) isProbing = false
      },
    }
  }

  return {
    openedBy() {
      const isOpen = backOff.remaining() > 0 || (backOff.isFailing() && isProbing)
      return isOpen ? lastFailure : undefined
    },
    remaining: backOff.remaining,
    begin,
    recordOtherSuccess,
  }
}
