/** @module Emits the events about the introspection endpoint of one issuer. */
import type { Observer } from '../events/observer.ts'
import type { IntrospectionLimit } from '../events.ts'
import { printable } from '../internal/printable.ts'
import type { ResolvedClientAuthentication } from '../options/introspection.ts'
import { createInactiveStreakDetector } from './inactive-streak.ts'
import type { IntrospectionError } from './introspection-error.ts'

export interface IntrospectionReportOptions {
  readonly issuer: string
  readonly authentication: ResolvedClientAuthentication
  readonly observer: Observer
}

export interface IntrospectionReports {
  /**
   * @param delayOfOtherTokens See `outages.ts`.
   * @param startedAt When the request began, by `performance.now()`.
   */
  readonly reportFailure: (
    failure: IntrospectionError,
    delayOfOtherTokens: number,
    startedAt: number,
  ) => void
  readonly reportRateLimit: (limit: IntrospectionLimit) => void
  /**
   * Records a response, and reports a long series of inactive tokens.
   *
   * @param now Seconds.
   */
  readonly recordResponse: (isActive: boolean, now: number) => void
}

const onlyInactiveHint =
  'no token is active: the issuer may require this client in the aud of the token, the tokens are of ' +
  'another environment, or clients send made-up strings only'

export function createIntrospectionReports({
  issuer,
  authentication,
  observer,
}: IntrospectionReportOptions): IntrospectionReports {
  const { method } = authentication
  const clientId =
    authentication.clientId === undefined ? undefined : printable(authentication.clientId)
  const detector = createInactiveStreakDetector()

  return {
    reportFailure(failure, delayOfOtherTokens, startedAt) {
      observer.emit({
        type: 'introspection.failed',
        issuer,
        reason: failure.reason,
        method,
        clientId,
        hint: failure.hint,
        cause: failure,
        retryAfter: Math.ceil(delayOfOtherTokens),
        durationMs: performance.now() - startedAt,
      })
    },
    reportRateLimit(limit) {
      observer.emit({ type: 'introspection.rate_limited', issuer, limit })
    },
    recordResponse(isActive, now) {
      const streak = detector.record(isActive, now)
      if (streak === undefined) return
      const hint = onlyInactiveHint
      observer.emit({ type: 'introspection.only_inactive', issuer, clientId, ...streak, hint })
    },
  }
}
