/**
 * @module The verifier for the MCP SDK's own middleware, `requireBearerAuth`. That middleware recognises only
 * the errors of the SDK, and responds to all others with 500.
 */
import type { AccessToken } from '../../access-token.ts'
import { AccessTokenError, InsufficientScopeError, ServiceUnavailableError } from '../../errors.ts'
import { checkFunction, readOwnOptions } from '../../options/checks.ts'
import type { Validator } from '../../validator.ts'
import { type AuthInfo, convertToAuthInfo, getResource } from './auth-info.ts'

type ErrorClass = new (message: string) => Error

export interface TokenVerifierOptions {
  /**
   * The class `InvalidTokenError` of the MCP SDK 1.x, which recognises only instances of its own classes.
   * Without this option, SDK 1.x responds with 500 to a token that is not valid. Not needed for SDK 2.x.
   */
  readonly InvalidTokenError?: ErrorClass | undefined
  /**
   * The class `InsufficientScopeError` of the MCP SDK 1.x. Without this option, SDK 1.x responds with 500
   * if the token lacks a scope that the validator requires.
   */
  readonly InsufficientScopeError?: ErrorClass | undefined
}

/** Is assignable to `OAuthTokenVerifier` of the MCP SDK, in 1.x and 2.x. */
export interface TokenVerifier {
  readonly verifyAccessToken: (token: string) => Promise<AuthInfo>
}

/**
 * Creates a verifier for `requireBearerAuth` of the MCP SDK. The SDK responds with 401 to a token that is not
 * valid, with 403 to one that lacks a scope that the validator requires, and with 500 in an outage.
 * (`authenticate` of this package responds with 503 in an outage.)
 *
 * The verifier gets no request, so it refuses tokens that are bound to a key.
 *
 * @throws TypeError for a wrong option.
 */
export function tokenVerifier<C extends object>(
  validator: Validator<C>,
  options: TokenVerifierOptions = {},
): TokenVerifier {
  const names = ['InvalidTokenError', 'InsufficientScopeError'] as const
  const classes = readOwnOptions<TokenVerifierOptions>(options, names, 'tokenVerifier')
  for (const name of names) checkFunction(classes[name], `tokenVerifier.${name}`)
  if (typeof validator?.validate !== 'function') {
    throw new TypeError('tokenVerifier takes a validator, which createValidator creates')
  }
  const resource = getResource(validator)
  return {
    async verifyAccessToken(token) {
      try {
        const verified = await validator.validate(token)
        return convertToAuthInfo(verified as unknown as AccessToken, resource)
      } catch (error) {
        throw toSdkError(error, classes)
      }
    },
  }
}

function toSdkError(error: unknown, classes: TokenVerifierOptions): unknown {
  if (!(error instanceof AccessTokenError) || error instanceof ServiceUnavailableError) return error
  return error instanceof InsufficientScopeError
    ? createSdkError('insufficient_scope', classes.InsufficientScopeError, error)
    : createSdkError('invalid_token', classes.InvalidTokenError, error)
}

function createSdkError(code: string, SdkError: ErrorClass | undefined, cause: AccessTokenError) {
  return SdkError === undefined
    ? createOAuthError(code, cause)
    : Object.assign(new SdkError(cause.message), { cause })
}

// SDK 2.x recognises its errors by this brand, so that several copies of the SDK work together.
const brands = Symbol.for('mcp.sdk.errorBrands')
const oauthErrorBrand = 'mcp.OAuthError'

/** Creates what SDK 2.x recognises as its `OAuthError`. */
function createOAuthError(code: string, cause: AccessTokenError): Error {
  const { message } = cause
  const error = Object.assign(new Error(message, { cause }), {
    name: 'OAuthError',
    code,
    toResponseObject: () => ({ error: code, error_description: message }),
  })
  return Object.defineProperty(error, brands, { value: new Set([oauthErrorBrand]) })
}
