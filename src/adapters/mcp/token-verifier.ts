/**
 * @module The verifier for the MCP SDK's own middleware, `requireBearerAuth`. That middleware knows
 * only the errors of the SDK and turns all others into a 500.
 */
import type { AccessToken } from '../../access-token.ts'
import { AccessTokenError, InsufficientScopeError, ServiceUnavailableError } from '../../errors.ts'
import { checkFunction, readOwnOptions } from '../../options/checks.ts'
import type { Validator } from '../../validator.ts'
import { type AuthInfo, convertToAuthInfo, resourceOf } from './auth-info.ts'

export interface TokenVerifierOptions {
  /**
   * The class `InvalidTokenError` of the MCP SDK 1.x, which recognises only its own. SDK 2.x needs
   * none.
   */
  readonly InvalidTokenError?: (new (message: string) => Error) | undefined
}

/** Is assignable to `OAuthTokenVerifier` of the MCP SDK, in 1.x and 2.x. */
export interface TokenVerifier {
  readonly verifyAccessToken: (token: string) => Promise<AuthInfo>
}

/**
 * Creates a verifier for `requireBearerAuth` of the MCP SDK. A token that is not valid gets 401 there.
 * An outage never does: the SDK responds with 500. `authenticate` of this package responds with 503.
 *
 * The verifier gets no request, so it refuses tokens that are bound to a key.
 *
 * @throws TypeError for a wrong option.
 */
export function tokenVerifier<C extends object>(
  validator: Validator<C>,
  options: TokenVerifierOptions = {},
): TokenVerifier {
  const names = ['InvalidTokenError'] as const
  const { InvalidTokenError } = readOwnOptions<TokenVerifierOptions>(
    options,
    names,
    'tokenVerifier',
  )
  checkFunction(InvalidTokenError, 'tokenVerifier.InvalidTokenError')
  if (typeof validator?.validate !== 'function') {
    throw new TypeError('tokenVerifier takes a validator, which createValidator creates')
  }
  const resource = resourceOf(validator)
  return {
    async verifyAccessToken(token) {
      try {
        const verified = await validator.validate(token)
        return convertToAuthInfo(verified as unknown as AccessToken, resource)
      } catch (error) {
        throw toSdkError(error, InvalidTokenError)
      }
    },
  }
}

function toSdkError(error: unknown, InvalidTokenError: TokenVerifierOptions['InvalidTokenError']) {
  if (!(error instanceof AccessTokenError) || error instanceof ServiceUnavailableError) return error
  if (error instanceof InsufficientScopeError) return createOAuthError('insufficient_scope', error)
  return InvalidTokenError === undefined
    ? createOAuthError('invalid_token', error)
    : Object.assign(new InvalidTokenError(error.message), { cause: error })
}

// SDK 2.x recognises its errors by this brand, so that several copies of it work together.
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
