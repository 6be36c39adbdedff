/**
 * @module Decides which tokens must wait after a failed introspection. There are two kinds of tokens:
 * genuine (accepted before, or a JWT that was verified locally) and unknown (all others, which any client
 * can invent). What waits depends on what the failure is due to:
 *
 * - `server`: all tokens.
 * - `load` (the server asks for fewer requests): the unknown tokens; all tokens if the failed one was genuine.
 * - `server_or_token`: the failed token. If ten different tokens of its kind have failed since the last
 *   success, which is at least 1 s ago, the same tokens as with `load`.
 * - `token`: the failed token.
 * - `own_load` (this API is overloaded): none.
 *
 * Reasons: docs/explanation/decisions.md.
 */
import { createGenerationMap } from '../internal/generation-map.ts'
import { type CircuitBreaker, createCircuitBreaker } from './circuit-breaker.ts'
import type { IntrospectionError } from './introspection-error.ts'

/** Why and for how long no request may be made about a token. */
export interface Pause {
  readonly failure: IntrospectionError
  /**
   * Seconds until the next attempt with this token; 0 if it may be made now, or as soon as the one in
   * flight has ended.
   */
  readonly delay: number
}

export interface Outages {
  /**
   * @param token The hash of the token.
   * @param isGenuine Whether the token was accepted before, or is a JWT that was verified locally.
   */
  readonly findPause: (token: string, isGenuine: boolean) => Pause | undefined
  readonly begin: (token: string, isGenuine: boolean) => IntrospectionAttempt
}

export interface IntrospectionAttempt {
  readonly succeed: () => void
  readonly fail: (failure: IntrospectionError) => FailedAttempt
  /** Must be called at the end of every attempt, after {@link succeed} or {@link fail}. */
  readonly end: () => void
}

interface FailedAttempt extends Pause {
  /** Seconds for which all tokens, or all unknown ones, wait because of this failure; 0 if no other token waits. */
  readonly delayOfOtherTokens: number
}

/** How many tokens that may have caused their last failure are remembered, with 150 octets each. */
const maxFailedTokens = 1_000
/** The longest time in seconds between two attempts with the same token. */
const maxTokenDelay = 10

interface FailedToken {
  /** In a row. */
  readonly failures: number
  readonly failedAt: number
  readonly failure: IntrospectionError
}

/** @param now Seconds. */
export function createOutages(now: () => number): Outages {
  const globalBreaker = createCircuitBreaker(now)
  const unknownTokensBreaker = createCircuitBreaker(now)
  const failedTokens = createGenerationMap<FailedToken>(maxFailedTokens)

  /** The first repetition is immediate, the next after 1 s, then after twice as long each time, up to 10 s. */
  function calculateTokenDelay({ failures, failedAt }: FailedToken): number {
    const elapsed = now() - failedAt
    if (failures < 2 || elapsed < 0) return 0
    return Math.max(0, Math.min(maxTokenDelay, 2 ** (failures - 2)) - elapsed)
  }

  function recordFailedToken(token: string, failure: IntrospectionError): void {
    const failures = (failedTokens.get(token)?.failures ?? 0) + 1
    failedTokens.set(token, { failures, failedAt: now(), failure })
  }

  function listBreakers(isGenuine: boolean): readonly CircuitBreaker[] {
    return isGenuine ? [globalBreaker] : [globalBreaker, unknownTokensBreaker]
  }

  function calculateDelay(token: string, isGenuine: boolean): number {
    const failed = failedTokens.get(token)
    const ownDelay = failed === undefined ? 0 : calculateTokenDelay(failed)
    return Math.max(ownDelay, ...listBreakers(isGenuine).map(({ remaining }) => remaining()))
  }

  function findFailure(token: string, isGenuine: boolean): IntrospectionError | undefined {
    for (const breaker of listBreakers(isGenuine)) {
      const failure = breaker.openReason()
      if (failure !== undefined) return failure
    }
    const failed = failedTokens.get(token)
    return failed !== undefined && calculateTokenDelay(failed) > 0 ? failed.failure : undefined
  }

  function begin(token: string, isGenuine: boolean): IntrospectionAttempt {
    const globalAttempt = globalBreaker.begin()
    const unknownTokensAttempt = isGenuine ? undefined : unknownTokensBreaker.begin()

    /** @returns The value of `delayOfOtherTokens`. */
    function recordFailure(failure: IntrospectionError): number {
      const { dueTo } = failure
      if (dueTo === 'server') {
        globalAttempt.fail(failure, undefined)
        return globalBreaker.remaining()
      }
      if (dueTo === 'own_load') return 0
      if (dueTo === 'token' || dueTo === 'server_or_token') recordFailedToken(token, failure)
      if (dueTo === 'token') return 0
      // Genuine tokens have no breaker of their own: they use that of all tokens.
      const attempt = unknownTokensAttempt ?? globalAttempt
      const isOpen = attempt.fail(failure, dueTo === 'load' ? undefined : token)
      return isOpen ? (isGenuine ? globalBreaker : unknownTokensBreaker).remaining() : 0
    }

    return {
      succeed() {
        failedTokens.delete(token)
        globalAttempt.succeed()
        if (unknownTokensAttempt === undefined) unknownTokensBreaker.resetFailedTokens()
        else unknownTokensAttempt.succeed()
      },
      fail(failure) {
        const delayOfOtherTokens = recordFailure(failure)
        return { failure, delay: calculateDelay(token, isGenuine), delayOfOtherTokens }
      },
      end() {
        globalAttempt.end()
        unknownTokensAttempt?.end()
      },
    }
  }

  return {
    findPause(token, isGenuine) {
      const failure = findFailure(token, isGenuine)
      return failure && { failure, delay: calculateDelay(token, isGenuine) }
    },
    begin,
  }
}
