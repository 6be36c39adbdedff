/**
 * @module MCP servers on the official TypeScript SDK, versions 1 and 2, in Express. Declares no global
 * types, because the SDK declares `req.auth` with another type. Exports all functions of `./express`, so that
 * an application does not need both; only `authenticate` differs.
 */
import type { AccessToken } from '../access-token.ts'
import type { ValidatorOptions } from '../options/types.ts'
import type { Validator } from '../validator.ts'
import type { AuthHolder } from './authentication-record.ts'
import { authenticateConnect, type ConnectMiddleware } from './connect.ts'
import { convertToAuthInfo, getResource } from './mcp/auth-info.ts'
import { type AuthenticateOptions, createMiddlewareContext, toValidator } from './middleware.ts'

export { accessToken, authorize, resourceMetadata } from './connect.ts'
export { type AuthInfo, createAuthInfo } from './mcp/auth-info.ts'
export {
  type TokenVerifier,
  type TokenVerifierOptions,
  tokenVerifier,
} from './mcp/token-verifier.ts'
export { type ToolScopesOptions, toolScopes } from './mcp/tool-scopes.ts'
export type { AuthenticateOptions } from './middleware.ts'

/** A middleware for Express. */
export type McpMiddleware = ConnectMiddleware

/**
 * Creates a middleware that lets only requests with a valid access token pass (with the option `optional`, also
 * requests without a token), and sets `req.auth` to the `AuthInfo` that the transports of the MCP SDK hand to
 * tools. Its `extra.accessToken` is the verified token.
 *
 * @throws TypeError for a wrong option.
 */
export function authenticate<C extends object>(
  validatorOrOptions: Validator<C> | ValidatorOptions,
  options: AuthenticateOptions = {},
): McpMiddleware {
  const validator = toValidator(validatorOrOptions)
  const context = createMiddlewareContext(validator, options)
  const resource = getResource(validator)
  return function authenticate(request, response, next) {
    authenticateConnect(context, request, response, next, createHolder(request, resource))
  }
}

/** Creates a holder that sets `req.auth` to the `AuthInfo` of the token. */
function createHolder(request: object, resource: string | undefined): AuthHolder {
  const target: { auth?: unknown } = request
  return {
    get auth(): unknown {
      return target.auth
    },
    set auth(token: AccessToken | undefined) {
      target.auth = token && convertToAuthInfo(token, resource)
    },
  }
}
