/**
 * @module Error classes, one per kind of refusal: those of RFC 6750 here, the others in `errors/`. Each error
 * has what a server needs to respond, and a `detail` for the operator. No error contains a part of the token,
 * except single decoded values in {@link ErrorDetail}.
 */
import { AccessTokenError, type ErrorDetail } from './errors/access-token-error.ts'
import type { DpopNonceRequiredError, InvalidDpopProofError } from './errors/dpop-errors.ts'
import type { InsufficientAuthenticationError } from './errors/insufficient-authentication-error.ts'
import type { ServiceUnavailableError } from './errors/service-unavailable-error.ts'

export {
  AccessTokenError,
  type ErrorDetail,
  type ErrorResponseBody,
  type ErrorResponseHeaders,
} from './errors/access-token-error.ts'
export {
  DpopNonceRequiredError,
  InvalidDpopProofError,
  type InvalidDpopProofReason,
  invalidDpopProofReasons,
} from './errors/dpop-errors.ts'
export { InsufficientAuthenticationError } from './errors/insufficient-authentication-error.ts'
export {
  ServiceUnavailableError,
  type UnavailableService,
} from './errors/service-unavailable-error.ts'

/** Why a token was refused. A closed list: it can label a metric. */
export type InvalidTokenReason = keyof typeof invalidTokenSentences

// RFC 6750 §3: no quote, no backslash, ASCII only. Fixed sentences cannot reflect client input.
const invalidTokenSentences = {
  malformed: 'The access token is not a well-formed JWT',
  encrypted: 'The access token is encrypted',
  not_encrypted: 'The access token is not encrypted',
  decryption_failed: 'The access token cannot be decrypted',
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
  binding_mismatch: 'Possession of the key of the access token is not proven',
  unknown_key: 'The access token is signed with an unknown key',
  revoked: 'The access token was revoked',
  bad_signature: 'The signature of the access token is not valid',
  inactive: 'The access token is not active',
} as const

/** Every value of {@link InvalidTokenReason}. */
export const invalidTokenReasons: readonly InvalidTokenReason[] = Object.keys(
  invalidTokenSentences,
) as InvalidTokenReason[]

/**
 * The request carries no access token: 401, and a challenge without `error`.
 *
 * @see {@link https://www.rfc-editor.org/rfc/rfc6750#section-3.1 | RFC 6750, section 3.1}
 */
export class MissingTokenError extends AccessTokenError {
  declare readonly code: 'missing_token'
  declare readonly status: 401
  declare readonly expose: true
  /** The scopes that the route requires, those of `anyScope` too; without `offline_access`. */
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
 * The request presents more than one token, or a malformed header field or parameter: 400 `invalid_request`.
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
 * The token is not valid: 401 `invalid_token`. `reason` says why.
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
 * The token is valid, but does not grant what the request requires: 403 `insufficient_scope`.
 *
 * @see {@link https://www.rfc-editor.org/rfc/rfc6750#section-3.1 | RFC 6750, section 3.1}
 */
export class InsufficientScopeError extends AccessTokenError {
  declare readonly code: 'insufficient_scope'
  declare readonly status: 403
  declare readonly expose: true
  /**
   * The scopes that the route requires, those of `anyScope` and granted ones too; without `offline_access`.
   * Empty if scopes would not help.
   */
  declare readonly scopes: readonly string[]

  /**
   * @param canStepUp Whether another token could help. If not, the response has no `error`, because
   * clients would ask for a token again and again.
   */
  constructor(scopes: readonly string[], detail?: ErrorDetail, canStepUp = true) {
    const message = 'The access token does not grant what this request requires'
    const body = { error: 'insufficient_scope', error_description: message }
    super(message, canStepUp ? body : undefined, detail)
    this.code = 'insufficient_scope'
    this.status = 403
    this.expose = true
    this.scopes = scopes
  }

  override get name(): string {
    return 'InsufficientScopeError'
  }
}

/** Every refusal, as a union that `switch (error.code)` narrows. */
export type AnyAccessTokenError =
  | MissingTokenError
  | InvalidRequestError
  | InvalidTokenError
  | InvalidDpopProofError
  | DpopNonceRequiredError
  | InsufficientScopeError
  | InsufficientAuthenticationError
  | ServiceUnavailableError
