/**
 * @module Why an introspection failed, for the operator. The client learns only that the service is
 * unavailable.
 */
import type { IntrospectionFailureReason } from '../events.ts'
import { FetchFailure } from '../internal/fetch-json.ts'

export interface FailureDetail {
  /** What to look at first. */
  readonly hint?: string | undefined
  /** Seconds that the server asked for. */
  readonly retryAfter?: number | undefined
  /** True where another token may well succeed, so that requests go on. */
  readonly isTokenSpecific?: boolean
  readonly cause?: unknown
}

/** An introspection failed. Contains no part of the token and no secret. */
export class IntrospectionFailure extends Error {
  readonly reason: IntrospectionFailureReason
  readonly hint: string | undefined
  readonly retryAfter: number | undefined
  readonly isTokenSpecific: boolean

  constructor(reason: IntrospectionFailureReason, message: string, detail: FailureDetail = {}) {
    super(message, detail.cause === undefined ? undefined : { cause: detail.cause })
    this.reason = reason
    this.hint = detail.hint
    this.retryAfter = detail.retryAfter
    this.isTokenSpecific = detail.isTokenSpecific ?? false
  }

  override get name(): string {
    return 'IntrospectionFailure'
  }
}

/** Makes a failure of a request that failed before the token was sent, as that for the metadata. */
export function toServerFailure(error: unknown): IntrospectionFailure {
  return toFailure(error, false)
}

/**
 * Makes a failure of a request that sent a token. A status such as 400 or 500, or a nonsensical body,
 * may be due to that token: an attacker must not be able to interrupt introspection with one.
 */
export function toTokenFailure(error: unknown): IntrospectionFailure {
  return toFailure(error, isDueToToken(error))
}

function toFailure(error: unknown, isTokenSpecific: boolean): IntrospectionFailure {
  if (error instanceof IntrospectionFailure) return error
  if (!(error instanceof FetchFailure)) {
    return new IntrospectionFailure('network', 'the request failed', { cause: error })
  }
  const { reason, message, retryAfter } = error
  return new IntrospectionFailure(reason as IntrospectionFailureReason, message, {
    retryAfter,
    isTokenSpecific,
    cause: error,
  })
}

function isDueToToken(error: unknown): boolean {
  if (!(error instanceof FetchFailure)) return false
  const { reason, status = 0 } = error
  if (reason === 'status') return status !== 429 && status !== 503
  return reason === 'too_large' || reason === 'not_json'
}
