/**
 * @module Plain `node:http` (and the compatibility API of `node:http2`), and connect-style servers.
 * Thin: hands the request to the validator, sets `req.auth`, or answers.
 */
import type { AccessToken, HttpRequest, JwtClaims, Requirement } from '../access-token.ts'
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

/**
 * Resolves to the verified token. Where it has answered, or the request is anonymous, it resolves to
 * `undefined`; `response.writableEnded` tells which. With `next` it is connect-style middleware.
 */
export type HttpGuard<C extends object> = (
  request: HttpRequest & { auth?: unknown },
  response: Response,
  next?: (error?: unknown) => void,
) => Promise<AccessToken<C> | undefined>

/**
 * Makes a guard that lets only requests with a good access token pass, and sets `req.auth`.
 *
 * Without `next` there is no error handling to hand errors to: what the application's own functions
 * throw is answered with a bare 500 and told through `onEvent` as `callback.failed`. With `passErrors`
 * the promise rejects instead, with refusals too.
 *
 * @throws TypeError for a wrong option.
 */
export function authenticate<C extends object = JwtClaims>(
  validatorOrOptions: Validator<C> | ValidatorOptions,
  options: AuthenticateOptions = {},
): HttpGuard<C> {
  const guard = createGuard(validatorOrOptions as Validator<object> | ValidatorOptions, options)
  return async function authenticate(request, response, next) {
    forget(request)
    if (request.auth !== undefined) request.auth = undefined
    let token: AccessToken | undefined
    try {
      const decided = guard.decide(request, guard.requirement)
      token = isVerified(decided) ? decided : await decided
      admit(guard, request, response, token)
    } catch (error) {
      if (!admitAnonymous(guard, request, error)) {
        if (request.auth !== undefined) request.auth = undefined
        return refuse(response, error, next, guard.passErrors)
      }
    }
    request.auth = token
    next?.()
    return token as AccessToken<C> | undefined
  }
}

/**
 * Makes a guard that holds the token which `authenticate` found against a requirement.
 *
 * @throws TypeError for a wrong requirement. The guard rejects where no `authenticate` came before.
 */
export function authorize<C extends object = JwtClaims>(requirement: Requirement): HttpGuard<C> {
  const required = compileRequirement(requirement, 'authorize')
  return async function authorize(request, response, next) {
    let token: AccessToken
    try {
      token = await authorizeRequest(required, request)
    } catch (error) {
      return refuse(response, error, next, passesErrors(request))
    }
    next?.()
    return token as unknown as AccessToken<C>
  }
}

function refuse(
  response: Response,
  error: unknown,
  next: ((error?: unknown) => void) | undefined,
  passErrors: boolean | undefined,
): undefined {
  if (prepare(response, error) && !passErrors) answer(response, error)
  else if (next !== undefined) next(error)
  else {
    if (!passErrors) failed(response)
    // What the application did not ask for it hears only if it is its own mistake in mounting.
    if (passErrors !== false) throw error
  }
}

/** The application's own function threw: the client learns nothing but that. */
function failed(response: Response): void {
  if (response.headersSent) return
  response.statusCode = 500
  response.setHeader('Content-Length', '0')
  response.end()
}
