/**
 * @module The answers "no": every refusal is one of these errors. Each carries what a server needs
 * to answer and, apart from that, what the operator needs to understand it. No error holds a part
 * of the token beyond single decoded values in {@link ErrorDetail}.
 */
import { types } from 'node:util'

/** Why a token was refused. A closed list: it can label a metric. */
export type InvalidTokenReason = keyof typeof invalidTokenSentences

// RFC 6750 §3: no quote, no backslash, ASCII only. Fixed sentences cannot reflect anything.
const invalidTokenSentences = {
  malformed: 'The access token is not a well-formed JWT',
  encrypted: 'The access token is encrypted',
  critical_header: 'The access token uses an extension that is not supported',
  wrong_algorithm: 'The signature algorithm of the access token is not accepted',
  wrong_type: 'The token is not an access token of the expected type',
  wrong_issuer: 'The issuer of the access token is not trusted',
  wrong_audience: 'The access token is not meant for this resource',
  expired: 'The access token expired',
  not_yet_valid: 'The access token is not valid yet',
  issued_in_future: 'The access token was issued in the future',
  too_old: 'The access token was issued too long ago',
  missing_claim: 'The access token lacks a required claim',
  invalid_claim: 'A claim of the access token is malformed',
  unsupported_binding:
    'The access token is bound to a key, and the binding cannot be verified here',
  unknown_key: 'The access token is signed with an unknown key',
  bad_signature: 'The signature of the access token is not valid',
} as const

/** Every value of {@link InvalidTokenReason}. */
export const invalidTokenReasons: readonly InvalidTokenReason[] = Object.keys(
  invalidTokenSentences,
) as InvalidTokenReason[]

/**
 * What the operator needs to understand a refusal. Values from a token are single decoded claims or
 * header parameters. They are untrusted until the signature is verified, so control and formatting
 * characters are replaced and every value is cut to 200 characters.
 */
export interface ErrorDetail {
  /** The claim or header parameter in question. */
  readonly name?: string
  readonly expected?: string
  readonly actual?: string
  /** The likely mistake, in a fixed sentence. */
  readonly hint?: string
  /** The trusted issuer whose rules refused the token. */
  readonly issuer?: string
  readonly algorithm?: string
  readonly kid?: string
}

/**
 * Headers of the response, as `response.writeHead` takes them. `WWW-Authenticate` is an array with one
 * challenge, and so one header line, per entry. Where only strings are allowed, as in AWS Lambda, join
 * the entries (RFC 9110 §5.3):
 *
 * ```js
 * const headers = Object.fromEntries(
 *   Object.entries(error.headers).map(([name, value]) => [name, [value].flat().join(', ')]),
 * )
 * ```
 */
export type ErrorResponseHeaders = Record<string, string | string[]>

/** The JSON body of the answer. */
export interface ErrorResponseBody {
  readonly error: string
  readonly error_description: string
}

// In the global registry, so that another copy of the package finds it too.
const brand = Symbol.for('oauth-resource-server.error')
const isOrdinaryInstance = Function.prototype[Symbol.hasInstance]

/**
 * The common ancestor of every refusal. `message` is a fixed sentence and is what the client reads.
 *
 * Carries no stack: a refusal is an answer, not a defect, and the stack would cost more than the
 * whole check. Custom servers answer with `status`, `headers` and `body`.
 */
export abstract class AccessTokenError extends Error {
  // Declared here and set by constructors: field initializers would double the cost of an error.
  abstract readonly code: string
  abstract readonly status: number
  /** Whether `message` may be shown to the client. */
  abstract readonly expose: boolean
  /** Complete, like `headers`, once the error comes out of a validator. */
  declare detail: ErrorDetail
  declare headers: ErrorResponseHeaders
  declare readonly body: ErrorResponseBody | undefined

  constructor(
    message: string,
    body?: ErrorResponseBody,
    detail: ErrorDetail = {},
    cause?: unknown,
  ) {
    const limit = Error.stackTraceLimit
    limitStack(0)
    super(message, cause === undefined ? undefined : { cause })
    limitStack(limit)
    this.detail = detail
    this.body = body
    this.headers = {}
  }
}

Object.defineProperty(AccessTokenError.prototype, brand, { value: true })
Object.defineProperty(AccessTokenError, Symbol.hasInstance, { value: hasInstance })

/** `instanceof` also recognises the errors of another copy of the package, by their names. */
function hasInstance(this: typeof AccessTokenError, value: unknown): boolean {
  if (isOrdinaryInstance.call(this, value)) return true
  if (!types.isNativeError(value) || !(brand in value)) return false
  if (this === AccessTokenError) return true
  // A subclass of the application's that has no name of its own has no instances elsewhere.
  return Object.hasOwn(this.prototype, 'name') && value.name === this.prototype.name
}

function limitStack(limit: number): void {
  try {
    Error.stackTraceLimit = limit
  } catch {
    // The runtime's own objects are frozen. (Reflect.set throws nothing, but takes longer.)
  }
}

/**
 * The request carries no access token: 401, and a challenge without `error`.
 *
 * @see {@link https://www.rfc-editor.org/rfc/rfc6750#section-3.1 | RFC 6750, section 3.1}
 */
export class MissingTokenError extends AccessTokenError {
  declare readonly code: 'missing_token'
  declare readonly status: 401
  declare readonly expose: true
  /** The scopes that the route needs. */
  declare readonly scopes: readonly string[]

  constructor(scopes: readonly string[] = [], detail?: ErrorDetail) {
    super('An access token is required', undefined, detail)
    this.code = 'missing_token'
    this.status = 401
    this.expose = true
    this.scopes = scopes
  }

  override get name(): string {
    return 'MissingTokenError'
  }
}

/**
 * The request does not offer exactly one well-formed token: 400 `invalid_request`.
 *
 * @see {@link https://www.rfc-editor.org/rfc/rfc6750#section-3.1 | RFC 6750, section 3.1}
 */
export class InvalidRequestError extends AccessTokenError {
  declare readonly code: 'invalid_request'
  declare readonly status: 400
  declare readonly expose: true

  constructor(message: string) {
    super(message, { error: 'invalid_request', error_description: message }, { hint: message })
    this.code = 'invalid_request'
    this.status = 400
    this.expose = true
  }

  override get name(): string {
    return 'InvalidRequestError'
  }
}

/**
 * The token is not good: 401 `invalid_token`. `reason` says why.
 *
 * @see {@link https://www.rfc-editor.org/rfc/rfc6750#section-3.1 | RFC 6750, section 3.1}
 */
export class InvalidTokenError extends AccessTokenError {
  declare readonly code: 'invalid_token'
  declare readonly status: 401
  declare readonly expose: true
  declare readonly reason: InvalidTokenReason

  constructor(reason: InvalidTokenReason, detail?: ErrorDetail, cause?: unknown) {
    const message = invalidTokenSentences[reason]
    super(message, { error: 'invalid_token', error_description: message }, detail, cause)
    this.code = 'invalid_token'
    this.status = 401
    this.expose = true
    this.reason = reason
  }

  override get name(): string {
    return 'InvalidTokenError'
  }
}

/**
 * The token is good, but grants too little: 403 `insufficient_scope`.
 *
 * @see {@link https://www.rfc-editor.org/rfc/rfc6750#section-3.1 | RFC 6750, section 3.1}
 */
export class InsufficientScopeError extends AccessTokenError {
  declare readonly code: 'insufficient_scope'
  declare readonly status: 403
  declare readonly expose: true
  /** The scopes that the route requires: all of them, not only the missing ones. */
  declare readonly scopes: readonly string[]

  constructor(scopes: readonly string[], detail?: ErrorDetail) {
    const message = 'The access token does not grant what this request requires'
    super(message, { error: 'insufficient_scope', error_description: message }, detail)
    this.code = 'insufficient_scope'
    this.status = 403
    this.expose = true
    this.scopes = scopes
  }

  override get name(): string {
    return 'InsufficientScopeError'
  }
}

/** What is unavailable. A closed list: it can label a metric. */
export type UnavailableService =
  | 'keys'
  | 'introspection'
  | 'replay_store'
  | 'issuer_resolver'
  | 'revocation'

const unavailableSentences: Readonly<Record<UnavailableService, string>> = {
  keys: 'The keys of the authorization server are unavailable',
  introspection: 'The introspection endpoint of the authorization server is unavailable',
  replay_store: 'The store of used DPoP proofs is unavailable',
  issuer_resolver: 'The configuration of the issuer is unavailable',
  revocation: 'The revocation status of the access token is unavailable',
}

/**
 * A service that the decision needs is unavailable: 503 with `Retry-After`, without a challenge. The
 * token may be valid; the response says nothing about it.
 */
export class ServiceUnavailableError extends AccessTokenError {
  declare readonly code: 'service_unavailable'
  declare readonly status: 503
  declare readonly expose: false
  declare readonly service: UnavailableService
  /** Seconds until a request makes the next attempt. */
  declare readonly retryAfter: number

  constructor(
    service: UnavailableService,
    retryAfter: number,
    detail?: ErrorDetail,
    cause?: unknown,
  ) {
    super(unavailableSentences[service], undefined, detail, cause)
    this.code = 'service_unavailable'
    this.status = 503
    this.expose = false
    this.service = service
    this.retryAfter = retryAfter
  }

  override get name(): string {
    return 'ServiceUnavailableError'
  }
}

/**
 * The token is valid, but the user authenticated too weakly or too long ago: 401
 * `insufficient_user_authentication`.
 *
 * @see {@link https://www.rfc-editor.org/rfc/rfc9470#section-3 | RFC 9470, section 3}
 */
export class InsufficientAuthenticationError extends AccessTokenError {
  declare readonly code: 'insufficient_user_authentication'
  declare readonly status: 401
  declare readonly expose: true
  /** Accepted values of `acr`, in order of preference; empty if any is. */
  declare readonly acrValues: readonly string[]
  /** Seconds since the authentication; `undefined` for no limit. */
  declare readonly maxAge: number | undefined
  /** The scopes that the route requires: all of them, granted or not. */
  declare readonly scopes: readonly string[]

  constructor(
    required: {
      readonly acrValues?: readonly string[]
      readonly maxAge?: number | undefined
      readonly scopes?: readonly string[]
    },
    detail?: ErrorDetail,
  ) {
    const message = 'A stronger or more recent authentication of the user is required'
    const error = 'insufficient_user_authentication'
    super(message, { error, error_description: message }, detail)
    this.code = error
    this.status = 401
    this.expose = true
    this.acrValues = required.acrValues ?? []
    this.maxAge = required.maxAge
    this.scopes = required.scopes ?? []
  }

  override get name(): string {
    return 'InsufficientAuthenticationError'
  }
}

/** Every refusal, as a union that `switch (error.code)` narrows. */
export type AnyAccessTokenError =
  | MissingTokenError
  | InvalidRequestError
  | InvalidTokenError
  | InsufficientScopeError
  | InsufficientAuthenticationError
  | ServiceUnavailableError

const maxPrinted = 200
// Control characters, bidirectional marks, lone surrogates, line and paragraph separators.
const unprintable = /[\p{C}\p{Zl}\p{Zp}]/gu

const clean = /^[\x20-\x7e]{0,200}$/

/** Converts an untrusted value to text that is safe in a log line: one line, 200 characters at most. */
export function printable(value: unknown): string {
  if (typeof value === 'string') {
    return clean.test(value) ? value : value.slice(0, maxPrinted).replace(unprintable, '?')
  }
  if (Array.isArray(value)) {
    const items = value.slice(0, 10).map((item) => (typeof item === 'string' ? item : typeof item))
    return printable(items.join(' '))
  }
  if (typeof value === 'number' || typeof value === 'boolean') return String(value)
  return value === null ? 'null' : typeof value
}

/** Returns a hint for two identifiers that differ only in one slash at the end. */
export function slashHint(expected: string, actual: string): string | undefined {
  if (expected !== `${actual}/` && actual !== `${expected}/`) return undefined
  return 'expected and actual differ only by the slash at the end: configure exactly what the issuer sends'
}
