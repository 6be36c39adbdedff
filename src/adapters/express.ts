/**
 * @module Express 4 and 5. Thin: hands the request to the validator, sets `req.auth`, or answers.
 */
import type { AccessToken, HttpRequest, Requirement } from '../access-token.ts'
import type { ValidatorOptions } from '../options/types.ts'
import { isVerified } from '../pipeline/verified-token.ts'
import { compileRequirement } from '../requirement/requirement.ts'
import type { Validator } from '../validator.ts'
import {
  type AuthenticateOptions,
  admit,
  admitAnonymous,
  answer,
  authorizeRequest,
  createGuard,
  forget,
  passesErrors,
  prepare,
  type Response,
} from './middleware.ts'

export type { AuthenticateOptions } from './middleware.ts'

declare global {
  namespace Express {
    interface Request {
      /** The verified token; `undefined` for an anonymous request. */
      auth?: AccessToken | undefined
    }
  }
}

/** The part of Express's request that is used. */
export interface ExpressRequest extends HttpRequest {
  auth?: AccessToken | undefined
}

/** A middleware for Express; also for anything else that is connect-style. */
export type ExpressMiddleware = (
  request: ExpressRequest,
  response: Response,
  next: (error?: unknown) => void,
) => void

/**
 * Makes a middleware that lets only requests with a good access token pass, and sets `req.auth`.
 *
 * @throws TypeError for a wrong option.
 */
export function authenticate<C extends object>(
  validatorOrOptions: Validator<C> | ValidatorOptions,
  options: AuthenticateOptions = {},
): ExpressMiddleware {
  const guard = createGuard(validatorOrOptions as Validator<object> | ValidatorOptions, options)
  return function authenticate(request, response, next) {
    forget(request)
    if (request.auth !== undefined) request.auth = undefined
    const pass = (token: AccessToken) => {
      try {
        request.auth = token
        admit(guard, request, response, token)
      } catch (error) {
        next(error)
        return
      }
      next()
    }
    const fail = (error: unknown) => {
      if (request.auth !== undefined) request.auth = undefined
      if (admitAnonymous(guard, request, error)) next()
      else refuse(response, error, next, guard.passErrors)
    }
    const decided = guard.decide(request, guard.requirement)
    if (isVerified(decided)) pass(decided)
    else decided.then(pass, fail)
  }
}

/**
 * Makes a middleware that holds the token which `authenticate` found against a requirement. Where no
 * `authenticate` came before, an Error goes to `next`, which makes it a 500.
 *
 * @throws TypeError for a wrong requirement.
 */
export function authorize(requirement: Requirement): ExpressMiddleware {
  const required = compileRequirement(requirement, 'authorize')
  return function authorize(request, response, next) {
    authorizeRequest(required, request).then(
      () => next(),
      (error) => refuse(response, error, next, passesErrors(request)),
    )
  }
}

function refuse(
  response: Response,
  error: unknown,
  next: (error?: unknown) => void,
  passErrors: boolean | undefined,
): void {
  if (prepare(response, error) && !passErrors) answer(response, error)
  else next(error)
}
