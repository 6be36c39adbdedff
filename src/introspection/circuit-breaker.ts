/**
 * @module Stops requests while the introspection endpoint is down, and probes with one request at a time
 * whether it is up again. A failure that no token can cause opens the circuit immediately. Failures that
 * the tokens may have caused open it after ten different tokens; one such failure of a probe keeps it open.
 */
import { createBackOff } from '../keys/back-off.ts'
import type { IntrospectionError } from './introspection-error.ts'

/** Different tokens that must fail to open the circuit, so that one client with a few bad tokens cannot. */
const minTokens = 10
/** Seconds without a success before failed tokens open it: if others succeed, the tokens are the cause. */
const minSeconds = 1
/**
 * The longest time in seconds between two attempts in an outage, unless the server asks for more. Shorter
 * than for keys, because there is no older result to use in the meantime.
 */
const maxDelay = 10
/** The longest `Retry-After` that is followed, in seconds. */
const maxRetryAfter = 60

export interface CircuitBreaker {
  /** Returns the latest failure that keeps the circuit open; `undefined` if a request may be made. */
  readonly openReason: () => IntrospectionError | undefined
  /** Seconds until the next attempt. 0 if the circuit is closed, or if an attempt is due or in flight. */
  readonly remaining: () => number
  /** Begins a request. Only allowed if {@link openReason} returns `undefined`. */
  readonly begin: () => Attempt
  /**
   * Starts the count of failed tokens anew, because a genuine token was introspected successfully, which
   * this circuit breaker does not count. Does not close the circuit.
   */
  readonly resetFailedTokens: () => void
}

interface Attempt {
  readonly succeed: () => void
  /**
   * Records a failure.
   *
   * @param token The hash of the token that may be the cause; `undefined` if no token can be.
   * @returns `false` if the failure does not count yet, because too few tokens have failed.
   */
  readonly fail: (failure: IntrospectionError, token: string | undefined) => boolean
  /** Must be called at the end of every attempt, after {@link succeed} or {@link fail}. */
  readonly end: () => void
}

/** @param now Seconds. */
export function createCircuitBreaker(now: () => number): CircuitBreaker {
  const backOff = createBackOff(now, undefined, maxDelay)
  /** Tokens that failed since the last success. */
  const failedTokens = new Set<string>()
  let succeededAt = Number.NEGATIVE_INFINITY
  let lastFailure: IntrospectionError | undefined
  /** How many failures the back-off has recorded. */
  let failureCount = 0
  let isProbing = false

  function resetFailedTokens(): void {
    failedTokens.clear()
    succeededAt = now()
  }

  /** @returns Whether enough tokens have failed, and for long enough, to open the circuit. */
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
          backOff.recordFailure(Math.min(failure.retryAfter ?? 0, maxRetryAfter))
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
