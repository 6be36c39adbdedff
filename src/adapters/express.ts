/**
 * @module Express 4 and 5, and other connect-style servers. Holds only what is specific to Express; the
 * rest is in `middleware.ts`.
 */
import type { AccessToken, HttpRequest, JwtClaims, Requirement } from '../access-token.ts'
import { toError } from '../internal/callback.ts'
import { isPromise } from '../internal/maybe-promise.ts'
import type { ValidatorOptions } from '../options/types.ts'
import { compileRequirement } from '../requirement/requirement.ts'
import type { Validator } from '../validator.ts'
import { passesErrors, recordedToken } from './authentication-record.ts'
import { refuseRequest } from './error-response.ts'
import {
  type AuthenticateOptions,
  authenticateRequest,
  authorizeRequest,
  createMiddlewareContext,
} from './middleware.ts'
import { callNext, type Next } from './next.ts'
import { type DescribedValidator, readMetadataEntry, serveMetadata } from './resource-metadata.ts'

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
export type ExpressMiddleware = (request: HttpRequest, response: object, next: Next) => void

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
    try {
      const outcome = authenticateRequest(context, request, response)
      if (isPromise(outcome)) {
        outcome.then(
          () => callNext(next),
          (error) => refuse(response, error, next, context.passErrors),
        )
        return
      }
    } catch (error) {
      refuse(response, error, next, context.passErrors)
      return
    }
    callNext(next)
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
    try {
      const outcome = authorizeRequest(required, request)
      if (isPromise(outcome)) {
        outcome.then(
          () => callNext(next),
          (error) => refuse(response, error, next, passesErrors(request)),
        )
        return
      }
    } catch (error) {
      refuse(response, error, next, passesErrors(request))
      return
    }
    callNext(next)
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
    try {
      if (serveMetadata(entry, request, response)) return
    } catch (error) {
      callNext(next, toError(error))
      return
    }
    callNext(next)
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

function refuse(
  response: object,
  thrown: unknown,
  next: Next,
  passErrors: boolean | undefined,
): void {
  const error = refuseRequest(response, thrown, passErrors)
  if (error !== undefined) callNext(next, error)
}
