/**
 * @module Plain `node:http` (and the compatibility API of `node:http2`), and connect-style servers.
 * Holds only what is specific to them; the rest is in `middleware.ts`.
 */
import type { AccessToken, HttpRequest, JwtClaims, Requirement } from '../access-token.ts'
import { toError } from '../internal/callback.ts'
import { isPromise } from '../internal/maybe-promise.ts'
import type { ValidatorOptions } from '../options/types.ts'
import { compileRequirement } from '../requirement/requirement.ts'
import type { Validator } from '../validator.ts'
import { findAuthentication, getRecordedToken } from './authentication-record.ts'
import { type NodeResponse, refuseRequest } from './error-response.ts'
import {
  type AuthenticateOptions,
  authenticateRequest,
  authorizeRequest,
  createMiddlewareContext,
  isReported,
} from './middleware.ts'
import { callNext, type Next } from './next.ts'
import { readMetadataEntry, serveMetadata, type ValidatorWithMetadata } from './serve-metadata.ts'

export type { AuthenticateOptions } from './middleware.ts'

/**
 * Resolves to the verified token, to `undefined` if the request is anonymous, which only the option `optional`
 * allows, and to `null` if the request must not be handled: it was refused, a function of the application failed
 * (the response is a 500), or an error went to `next(error)`.
 *
 * With `next` it is connect-style middleware: errors that it does not respond to go to `next(error)`, and the
 * promise never rejects. What `next()` throws goes to `next(error)` too, as in connect; the promise then still
 * resolves to the token, or to `undefined`.
 */
export type HttpMiddleware<C extends object> = (
  request: HttpRequest,
  response: object,
  next?: Next,
) => Promise<AccessToken<C> | null | undefined>

/**
 * Resolves to `true` if it has responded, and to `false` for every other URL. With `next` it is connect-style
 * middleware: the promise never rejects, and is `true` too if an error went to `next(error)`.
 */
export type HttpMetadataHandler = (
  request: HttpRequest,
  response: object,
  next?: Next,
) => Promise<boolean>

/**
 * Creates a function that lets only requests with a valid access token pass (with the option `optional`, also
 * requests without a token), and sets `req.auth`.
 *
 * Without `next`, no framework handles errors: an error that is not a refusal results in a 500 without a body.
 * The promise rejects with that error too, unless the event `callback.failed` has reported it. With `passErrors`
 * and without `next`, it rejects with refusals and all other errors, and no response is sent.
 *
 * @throws TypeError for a wrong option.
 */
export function authenticate<C extends object = JwtClaims>(
  validatorOrOptions: Validator<C> | ValidatorOptions,
  options: AuthenticateOptions = {},
): HttpMiddleware<C> {
  const context = createMiddlewareContext(validatorOrOptions, options)
  return async function authenticate(request, response, next) {
    let token: AccessToken | undefined
    try {
      const outcome = authenticateRequest(context, request, response)
      token = isPromise(outcome) ? await outcome : outcome
    } catch (error) {
      return handleError(response, error, next, context.passErrors)
    }
    callNext(next)
    return token as AccessToken<C> | undefined
  }
}

/**
 * Creates a function that checks the token which `authenticate` verified against a requirement. It resolves to
 * the token, or to `null` as in {@link HttpMiddleware}.
 *
 * If no `authenticate` ran before, an Error goes to `next`. Without `next`, the response is a 500 without a
 * body, and the promise rejects.
 *
 * @throws TypeError for a wrong requirement.
 */
export function authorize<C extends object = JwtClaims>(
  requirement: Requirement,
): HttpMiddleware<C> {
  const required = compileRequirement(requirement, 'authorize')
  return async function authorize(request, response, next) {
    let token: AccessToken
    let passErrors: boolean | undefined
    try {
      const record = findAuthentication(request, 'authorize()')
      passErrors = record.context.passErrors
      const outcome = authorizeRequest(required, record)
      token = isPromise(outcome) ? await outcome : outcome
    } catch (error) {
      return handleError(response, error, next, passErrors)
    }
    callNext(next)
    return token as unknown as AccessToken<C>
  }
}

/**
 * Creates a function that serves the metadata document of the API at its URL, without a token. Call it
 * before `authenticate`. Without `next`, the promise rejects if the request or the response throws.
 *
 * @throws TypeError for a validator without the option `resource`.
 * @see {@link https://www.rfc-editor.org/rfc/rfc9728#section-3 | RFC 9728, section 3}
 */
export function resourceMetadata(validator: ValidatorWithMetadata): HttpMetadataHandler {
  const entry = readMetadataEntry(validator)
  return async function resourceMetadata(request, response, next) {
    try {
      if (serveMetadata(entry, request, response)) return true
    } catch (error) {
      if (next === undefined) throw toError(error)
      callNext(next, toError(error))
      return true
    }
    callNext(next)
    return false
  }
}

/**
 * Returns the verified token of a request. Reads what `authenticate` recorded, not `req.auth`, which
 * other packages may set.
 *
 * @throws Error if `authenticate` did not run, or if the request is anonymous.
 */
export function accessToken<C extends object = JwtClaims>(request: object): AccessToken<C> {
  return getRecordedToken(request) as unknown as AccessToken<C>
}

function handleError(
  response: object,
  thrown: unknown,
  next: Next | undefined,
  passErrors: boolean | undefined,
): null {
  const error = refuseRequest(response, thrown, passErrors)
  if (error === undefined) return null
  if (next !== undefined) {
    callNext(next, error)
    return null
  }
  if (passErrors) throw error
  const failure = sendInternalServerError(response as NodeResponse)
  // Throws only errors that no event has reported, so that the caller does not report them again.
  if (error !== thrown || !isReported(error)) throw error
  if (failure !== undefined) throw failure
  return null
}

/** Responds with 500 and no body, unless the headers were sent. Returns what the response threw. */
function sendInternalServerError(response: NodeResponse): Error | undefined {
  try {
    if (response.headersSent) return undefined
    response.statusCode = 500
    response.setHeader('Content-Length', '0')
    response.end('')
    return undefined
  } catch (failure) {
    return toError(failure)
  }
}
