/**
 * @module Koa 2 and 3. Thin: hands the request to the validator, sets `ctx.state.auth`, or answers.
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
  authorizeRequest,
  bodyOf,
  createGuard,
  forget,
  passesErrors,
  prepare,
  type Response,
} from './middleware.ts'

export type { AuthenticateOptions } from './middleware.ts'

/** The part of Koa's context that is used. */
export interface KoaContext {
  readonly req: HttpRequest
  readonly res: Response
  readonly request: object
  readonly method: string
  readonly url: string
  state: object
  status: number
  body: unknown
}

export type KoaMiddleware = (context: KoaContext, next: () => Promise<unknown>) => Promise<void>

/**
 * Makes a middleware that lets only requests with a good access token pass, and sets
 * `ctx.state.auth`.
 *
 * @throws TypeError for a wrong option.
 */
export function authenticate<C extends object>(
  validatorOrOptions: Validator<C> | ValidatorOptions,
  options: AuthenticateOptions = {},
): KoaMiddleware {
  const guard = createGuard(validatorOrOptions as Validator<object> | ValidatorOptions, options)
  return async function authenticate(context, next) {
    const state: { auth?: AccessToken | undefined } = context.state
    const { req, request, method, url } = context
    const { headers, rawHeaders } = req
    const { body } = request as { body?: unknown }
    const offered = { method, url, headers, rawHeaders, body }
    forget(req)
    if (state.auth !== undefined) state.auth = undefined
    let token: AccessToken | undefined
    try {
      const decided = guard.decide(offered, guard.requirement)
      token = isVerified(decided) ? decided : await decided
      admit(guard, req, context.res, token)
    } catch (error) {
      if (!admitAnonymous(guard, req, error)) {
        if (state.auth !== undefined) state.auth = undefined
        return refuse(context, error, guard.passErrors)
      }
    }
    state.auth = token
    await next()
  }
}

/**
 * Makes a middleware that holds the token which `authenticate` found against a requirement. Where no
 * `authenticate` came before, it throws an Error, which makes it a 500.
 *
 * @throws TypeError for a wrong requirement.
 */
export function authorize(requirement: Requirement): KoaMiddleware {
  const required = compileRequirement(requirement, 'authorize')
  return async function authorize(context, next) {
    try {
      await authorizeRequest(required, context.req)
    } catch (error) {
      return refuse(context, error, passesErrors(context.req))
    }
    await next()
  }
}

function refuse(context: KoaContext, error: unknown, passErrors: boolean | undefined): void {
  const isRefusal = prepare(context.res, error)
  // Koa makes it 200 with the first body unless it was set here.
  if (isRefusal) context.status = error.status
  if (!isRefusal || passErrors) throw error
  context.body = bodyOf(error)
  // Koa calls an empty body text.
  if (error.body === undefined) context.res.removeHeader('Content-Type')
}
