/**
 * @module Express 4 and 5, and other connect-style servers. Holds only what is specific to Express; the
 * rest is in `connect.ts` and `middleware.ts`.
 */
import type { AccessToken, JwtClaims, Requirement } from '../access-token.ts'
import type { ValidatorOptions } from '../options/types.ts'
import { compileRequirement } from '../requirement/requirement.ts'
import type { Validator } from '../validator.ts'
import { recordedToken } from './authentication-record.ts'
import {
  authenticateConnect,
  authorizeConnect,
  type ConnectMiddleware,
  serveMetadataConnect,
} from './connect.ts'
import { type AuthenticateOptions, createMiddlewareContext } from './middleware.ts'
import { type DescribedValidator, readMetadataEntry } from './resource-metadata.ts'

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
 * A middleware for Express; also for anything else that is connect-style. It accepts any request,
 * whatever other packages declare `req.auth` to be, and any response, since socket.io has none.
 */
export type ExpressMiddleware = ConnectMiddleware

/**
 * Creates a middleware that lets only requests with a valid access token pass, and sets `req.auth`.
 *
 * Every failure goes to `next(error)`, once, as an Error.
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

/**
 * Creates a middleware that checks the token which `authenticate` verified against a requirement.
 * Where no `authenticate` ran before, an Error goes to `next`, which makes it a 500.
 *
 * @throws TypeError for a wrong requirement.
 */
export function authorize(requirement: Requirement): ExpressMiddleware {
  const required = compileRequirement(requirement, 'authorize')
  return function authorize(request, response, next) {
    authorizeConnect(required, request, response, next)
  }
}

/**
 * Creates a middleware that serves the metadata document of the API at its URL, without a token. Mount
 * it at the root of the application, before `authenticate`. Other requests go to `next()`.
 *
 * @throws TypeError for a validator without the option `resource`.
 * @see {@link https://www.rfc-editor.org/rfc/rfc9728#section-3 | RFC 9728, section 3}
 */
export function resourceMetadata(validator: DescribedValidator): ExpressMiddleware {
  const entry = readMetadataEntry(validator)
  return function resourceMetadata(request, response, next) {
    serveMetadataConnect(entry, request, response, next)
  }
}

/**
 * Returns the verified token of a request. Reads what `authenticate` recorded, not `req.auth`, which
 * other packages may set.
 *
 * @throws Error where `authenticate` did not run, or the request is anonymous.
 */
export function accessToken<C extends object = JwtClaims>(request: object): AccessToken<C> {
  return recordedToken(request) as unknown as AccessToken<C>
}
