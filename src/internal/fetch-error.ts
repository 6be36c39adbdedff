/**
 * @module The error of an outbound request, with a message for the operator, and the classification of
 * network errors.
 */
import { printable } from './printable.ts'

/** Why an outbound request failed. */
export type FetchFailureReason =
  | 'network'
  | 'timeout'
  | 'status'
  | 'redirect'
  | 'too_large'
  | 'not_json'
  | 'not_metadata'
  | 'issuer_mismatch'
  | 'not_a_key_set'
  | 'no_usable_key'

/** The error of one outbound request. Internal: callers use it as the `cause` of their own errors. */
export class FetchError extends Error {
  readonly reason: FetchFailureReason
  readonly url: string
  readonly status: number | undefined
  /** Seconds, from the header `Retry-After`. */
  readonly retryAfter: number | undefined
  /**
   * Whether a redirect only adds a slash to the path. The target is not kept, because a server may
   * repeat the request in it, and with that a token.
   */
  readonly leadsToSlash: boolean
  /** The error code of an OAuth error response, in printable ASCII. */
  readonly errorCode: string | undefined

  constructor(
    reason: FetchFailureReason,
    url: string,
    message: string,
    more: {
      status?: number | undefined
      retryAfter?: number | undefined
      leadsToSlash?: boolean
      errorCode?: string | undefined
      cause?: unknown
    } = {},
  ) {
    super(`${printable(url)}: ${message}`, more)
    this.reason = reason
    this.url = printable(url)
    this.status = more.status
    this.retryAfter = more.retryAfter
    this.leadsToSlash = more.leadsToSlash ?? false
    this.errorCode = more.errorCode
  }

  override get name(): string {
    return 'FetchError'
  }
}

/** The maximum number of errors that are read of a chain of causes. */
const maxDepth = 8

/** Lists an error and its causes, outermost first. Follows the first error of an `AggregateError`. */
function listCauses(error: unknown): unknown[] {
  const causes: unknown[] = []
  let next = error
  while (next !== undefined && causes.length < maxDepth) {
    causes.push(next)
    if (!(next instanceof Error)) break
    next = next.cause ?? (next as Partial<AggregateError>).errors?.[0]
  }
  return causes
}

function findInnermost(causes: readonly unknown[], read: (cause: unknown) => unknown) {
  return causes
    .map(read)
    .findLast((value): value is string => typeof value === 'string' && value !== '')
}

/**
 * Describes an error by the innermost message and the innermost code of its chain of causes, because
 * `fetch` itself only reports "fetch failed". Never throws, whatever `error` is.
 */
export function describeCause(error: unknown): string {
  try {
    const causes = listCauses(error)
    const message = printable(
      findInnermost(causes, (cause) =>
        cause instanceof Error ? cause.message : printable(cause),
      ) ?? '',
    )
    const code = findInnermost(causes, readCode)
    if (code === undefined || message.includes(code)) return message
    return message === '' ? code : `${message} (${code})`
  } catch {
    return 'an error that cannot be read'
  }
}

/** Returns the code of an error, for example ECONNREFUSED, ENOTFOUND or DEPTH_ZERO_SELF_SIGNED_CERT. */
function readCode(cause: unknown): string | undefined {
  const code = cause instanceof Error ? (cause as { code?: unknown }).code : undefined
  return typeof code === 'string' && /^[A-Z0-9_]{1,64}$/.test(code) ? code : undefined
}

// What Node and undici report when the server closed or reset the connection.
const resetCodes = new Set(['ECONNRESET', 'ECONNABORTED', 'EPIPE', 'UND_ERR_SOCKET'])

/** Returns whether the server closed or reset the connection before the response was complete. */
export function isConnectionReset(error: unknown): boolean {
  try {
    return listCauses(error).some((cause) => resetCodes.has(readCode(cause) ?? ''))
  } catch {
    return false
  }
}

// What Node and undici report when no connection could be made.
const connectCodes = new Set([
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ETIMEDOUT',
  'UND_ERR_CONNECT_TIMEOUT',
])

/** Returns whether the request failed for lack of a connection. */
export function isUnconnected(error: unknown): boolean {
  try {
    return listCauses(error).some((cause) => connectCodes.has(readCode(cause) ?? ''))
  } catch {
    return false
  }
}
