/**
 * @module Connect-style middleware, as Express takes it: what `./express` and `./mcp` have in common.
 * Declares no global types.
 */
import type { AccessToken, HttpRequest, JwtClaims, Requirement } from '../access-token.ts'
import { toError } from '../internal/callback.ts'
import { isPromise, type MaybePromise } from '../internal/maybe-promise.ts'
import { type CompiledRequirement, compileRequirement } from '../requirement/requirement.ts'
import {
  type AuthHolder,
  findAuthentication,
  getRecordedToken,
  type MiddlewareContext,
} from './authentication-record.ts'
import { refuseRequest, type SendRefusal } from './error-response.ts'
import { authenticateRequest, authorizeRequest } from './middleware.ts'
import { callNext, type Next } from './next.ts'
import { readMetadataEntry, serveMetadata, type ValidatorWithMetadata } from './serve-metadata.ts'

/** Accepts any request, whatever type other packages declare for `req.auth`, and any response. */
export type ConnectMiddleware = (request: HttpRequest, response: object, next: Next) => void

/**
 * Authenticates a request. Responds to refusals itself, unless `passErrors` is set or the headers were sent
 * before. All other errors go to `next(error)`, once, as an Error.
 */
export function authenticateConnect(
  context: MiddlewareContext,
  request: HttpRequest,
  response: object,
  next: Next,
  holder?: AuthHolder,
): void {
  const { passErrors } = context
  let outcome: MaybePromise<unknown>
  try {
    outcome = authenticateRequest(context, request, response, request, holder)
  } catch (error) {
    handleError(response, error, next, passErrors)
    return
  }
  callNextAfter(outcome, response, next, passErrors)
}

/** Checks the recorded token against a requirement. Handles errors as {@link authenticateConnect} does. */
export function authorizeConnect(
  required: CompiledRequirement,
  request: HttpRequest,
  response: object,
  next: Next,
  send?: SendRefusal,
): void {
  let passErrors: boolean | undefined
  let outcome: MaybePromise<unknown>
  try {
    const record = findAuthentication(request, 'authorize()')
    passErrors = record.context.passErrors
    outcome = authorizeRequest(required, record)
  } catch (error) {
    handleError(response, error, next, passErrors, send)
    return
  }
  callNextAfter(outcome, response, next, passErrors, send)
}

function callNextAfter(
  outcome: MaybePromise<unknown>,
  response: object,
  next: Next,
  passErrors: boolean,
  send?: SendRefusal,
): void {
  if (!isPromise(outcome)) {
    callNext(next)
    return
  }
  outcome.then(
    () => callNext(next),
    (error) => handleError(response, error, next, passErrors, send),
  )
}

/**
 * Creates a middleware that checks the token which `authenticate` verified against a requirement.
 * If no `authenticate` ran before, an Error goes to `next`, which results in a 500.
 *
 * @throws TypeError for a wrong requirement.
 */
export function authorize(requirement: Requirement): ConnectMiddleware {
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
export function resourceMetadata(validator: ValidatorWithMetadata): ConnectMiddleware {
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
 * @throws Error if `authenticate` did not run, or if the request is anonymous.
 */
export function accessToken<C extends object = JwtClaims>(request: object): AccessToken<C> {
  return getRecordedToken(request) as unknown as AccessToken<C>
}

function handleError(
  response: object,
  thrown: unknown,
  next: Next,
  passErrors: boolean | undefined,
  send?: SendRefusal,
): void {
  const error = refuseRequest(response, thrown, passErrors, send)
  if (error !== undefined) callNext(next, error)
}
