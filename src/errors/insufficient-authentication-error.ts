/** @module The error for a user authentication that is too weak or too old. Imports only the base class. */
import { AccessTokenError, type ErrorDetail } from './access-token-error.ts'

/**
 * The token is valid, but the user authenticated too weakly or too long ago, or the token does not say how or
 * when: 401 `insufficient_user_authentication`.
 *
 * @see {@link https://www.rfc-editor.org/rfc/rfc9470#section-3 | RFC 9470, section 3}
 */
export class InsufficientAuthenticationError extends AccessTokenError {
  declare readonly code: 'insufficient_user_authentication'
  declare readonly status: 401
  declare readonly expose: true
  /** Accepted values of `acr`, in order of preference; empty if any value is accepted. */
  declare readonly acrValues: readonly string[]
  /** Maximum seconds since the authentication; `undefined` for no limit. */
  declare readonly maxAge: number | undefined
  /** The scopes that the route requires, those of `anyScope` and granted ones too; without `offline_access`. */
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
