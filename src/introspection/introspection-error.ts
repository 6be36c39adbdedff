/** @module The error of a failed introspection, for the operator. The client gets only a 503. */
import type { IntrospectionFailureReason } from '../events.ts'
import { isUnconnected } from '../internal/fetch-error.ts'
import { FetchError } from '../internal/fetch-json.ts'

/**
 * The possible cause of a failure. Decides which tokens wait afterwards: see `outages.ts`. `load`: the
 * server asks for fewer requests. `own_load`: this API is overloaded; no token waits.
 */
type PossibleCause = 'server' | 'load' | 'own_load' | 'server_or_token' | 'token'

export interface FailureDetail {
  /** What to check first. Default: the message. */
  readonly hint?: string | undefined
  /** Seconds that the server asked for. */
  readonly retryAfter?: number | undefined
  /** Default: `server`. */
  readonly dueTo?: PossibleCause
  readonly cause?: unknown
}

/** The error of a failed introspection. Contains no part of the token and no secret. */
export class IntrospectionError extends Error {
  readonly reason: IntrospectionFailureReason
  readonly hint: string
  readonly retryAfter: number | undefined
  readonly dueTo: PossibleCause

  constructor(reason: IntrospectionFailureReason, message: string, detail: FailureDetail = {}) {
    super(message, detail.cause === undefined ? undefined : { cause: detail.cause })
    this.reason = reason
    this.hint = detail.hint ?? message
    this.retryAfter = detail.retryAfter
    this.dueTo = detail.dueTo ?? 'server'
  }

  override get name(): string {
    return 'IntrospectionError'
  }
}

/** Converts an error from before the token was sent, such as a failed metadata request. */
export function toServerError(error: unknown): IntrospectionError {
  return convertError(error, () => 'server')
}

/**
 * Converts any error of an introspection. A `FetchError` here is that of the request with the token. A status
 * such as 400 or 500, or a malformed body, may be due to the token, and an attacker must not be able to stop
 * introspection with one token.
 */
export function toIntrospectionError(error: unknown): IntrospectionError {
  return convertError(error, findPossibleCause)
}

function convertError(
  error: unknown,
  findCause: (failure: FetchError) => PossibleCause,
): IntrospectionError {
  if (error instanceof IntrospectionError) return error
  if (!(error instanceof FetchError)) {
    return new IntrospectionError('network', 'the request failed', { cause: error })
  }
  const { reason, message, retryAfter } = error
  return new IntrospectionError(reason as IntrospectionFailureReason, message, {
    retryAfter,
    dueTo: findCause(error),
    cause: error,
  })
}

/** With these statuses, the server refuses the content of this one request: the token, or its length. */
const contentRefusals = [400, 413, 414, 422, 431]

function findPossibleCause(failure: FetchError): PossibleCause {
  const { status = 0, retryAfter } = failure
  if (isUnconnected(failure)) return 'server'
  if (status === 429 || (status === 503 && retryAfter !== undefined)) return 'load'
  // A firewall in front of the server may refuse a token by a status, a redirect, a reset or silence.
  return contentRefusals.includes(status) ? 'token' : 'server_or_token'
}
