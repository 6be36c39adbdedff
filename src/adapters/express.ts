/**
 * @module Express 4 and 5, and other connect-style servers. Holds only what is specific to Express; the
 * rest is in `connect.ts` and `middleware.ts`.
 */
import type { AccessToken } from '../access-token.ts'
import type { ValidatorOptions } from '../options/types.ts'
import type { Validator } from '../validator.ts'
import { authenticateConnect, type ConnectMiddleware } from './connect.ts'
import { type AuthenticateOptions, createMiddlewareContext } from './middleware.ts'

export { accessToken, authorize, resourceMetadata } from './connect.ts'
export type { AuthenticateOptions } from './middleware.ts'

declare global {
  namespace Express {
    interface Request {
      /** The verified token; `undefined` for an anonymous request. */
      auth?: AccessToken | undefined
    }
  }
}

/**
 * A middleware for Express and other connect-style servers. Its type accepts any request, whatever type other
 * packages declare for `req.auth`, and any response, because an upgrade to WebSocket has none.
 */
export type ExpressMiddleware = ConnectMiddleware

/**
 * Creates a middleware that lets only requests with a valid access token pass (with the option `optional`, also
 * requests without a token), and sets `req.auth`.
 *
 * Responds to refusals itself, unless `passErrors` is set or the headers were sent before. All other errors go
 * to `next(error)`, once, as an Error.
 *
 * @throws TypeError for a wrong option.
 */
export function authenticate<C extends object>(
  validatorOrOptions: Validator<C> | ValidatorOptions,
  options: AuthenticateOptions = {},
): ExpressMiddleware {
  const context = createMiddlewareContext(validatorOrOptions, options)
  return function authenticate(request, response, next) {
    authenticateConnect(context, request, response, next)
  }
}
