/**
 * @module Stops requests while the introspection endpoint is down, and finds out with one request at a time
 * whether it is back. One failure that the token may have caused does not open the circuit; one that no
 * token can cause does.
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
  /** Returns the failure that opened the circuit; `undefined` if requests may be made. */
  readonly openReason: () => IntrospectionFailure | undefined
  /** Seconds until the next attempt is due. */
  readonly remaining: () => number
  readonly begin: () => Attempt
  /**
   * Starts the count of failed tokens anew, because a token of another kind was introspected
   * successfully. Does not close the circuit.
   */
  readonly resetFailedTokens: () => void
}

interface Attempt {
  readonly succeed: () => void
  /**
   * Records a failure.
   *
   * @param token The hash of the token that may be the cause; `undefined` if no token is.
   * @returns Whether the circuit is open.
   */
  readonly fail: (failure: IntrospectionFailure, token: string | undefined) => boolean
  readonly end: () => void
}

/** @param now Seconds. */
export function createCircuitBreaker(now: () => number): CircuitBreaker {
  const backOff = createBackOff(now, undefined, maxDelay)
  /** Tokens that failed since the last success. */
  const failedTokens = new Set<string>()
  let succeededAt = Number.NEGATIVE_INFINITY
  let lastFailure: IntrospectionFailure | undefined
  /** How many failures have lengthened the back-off. */
  let failureCount = 0
  let isProbing = false

  function resetFailedTokens(): void {
    failedTokens.clear()
    succeededAt = now()
  }

  /** @returns Whether enough tokens have failed to open the circuit. */
  function recordFailedToken(token: string): boolean {
    if (failedTokens.size < minTokens) failedTokens.add(token)
    const elapsed = now() - succeededAt
    return failedTokens.size >= minTokens && !(elapsed >= 0 && elapsed < minSeconds)
  }

  function begin(): Attempt {
    const isProbe = backOff.isFailing()
    const countAtStart = failureCount
    if (isProbe) isProbing = true
    return {
      succeed() {
        resetFailedTokens()
        backOff.recordSuccess()
      },
      fail(failure, token) {
        if (token !== undefined && !isProbe && !recordFailedToken(token)) return false
        // Requests that were in flight together and fail count as one failure.
        if (failureCount === countAtStart) {
          failureCount++
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
    openReason() {
      const isOpen = backOff.remaining() > 0 || (backOff.isFailing() && isProbing)
      return isOpen ? lastFailure : undefined
    },
    remaining: backOff.remaining,
    begin,
    resetFailedTokens,
  }
}
