/** @module Koa 2 and 3. Holds only what is specific to Koa; the rest is in `middleware.ts`. */
import type { AccessToken, HttpRequest, JwtClaims, Requirement } from '../access-token.ts'
import { AccessTokenError } from '../errors.ts'
import { toError } from '../internal/callback.ts'
import { isPromise, type MaybePromise } from '../internal/maybe-promise.ts'
import type { ValidatorOptions } from '../options/types.ts'
import { compileRequirement } from '../requirement/requirement.ts'
import type { MetadataEntry } from '../response/metadata-response.ts'
import type { Validator } from '../validator.ts'
import {
  findAuthentication,
  getRecordedToken,
  type MiddlewareContext,
} from './authentication-record.ts'
import { refuseRequest, serializeBody } from './error-response.ts'
import {
  type AuthenticateOptions,
  authenticateRequest,
  authorizeRequest,
  createMiddlewareContext,
} from './middleware.ts'
import {
  readMetadataEntry,
  serveMetadata,
  setMetadataHeaders,
  type ValidatorWithMetadata,
} from './serve-metadata.ts'

export type { AuthenticateOptions } from './middleware.ts'

/** The part of Koa's context that is used. */
export interface KoaContext {
  readonly req: HttpRequest
  readonly res: object
  readonly request: object
  readonly method: string
  readonly url: string
  readonly originalUrl: string
  state: object
  status: number
  body: unknown
}

export type KoaMiddleware = (context: KoaContext, next: () => Promise<unknown>) => Promise<void>

/**
 * Creates a middleware that lets only requests with a valid access token pass (with the option `optional`, also
 * requests without a token), and sets `ctx.state.auth`.
 *
 * @throws TypeError for a wrong option.
 */
export function authenticate<C extends object>(
  validatorOrOptions: Validator<C> | ValidatorOptions,
  options: AuthenticateOptions = {},
): KoaMiddleware {
  const middlewareContext = createMiddlewareContext(validatorOrOptions, options)
  const { passErrors } = middlewareContext
  return function authenticate(context, next) {
    let outcome: MaybePromise<unknown>
    try {
      outcome = authenticateContext(middlewareContext, context)
    } catch (error) {
      return refuse(context, error, passErrors)
    }
    return callNextAfter(outcome, context, next, passErrors)
  }
}

// If the Koa application is mounted in Express, `ctx.originalUrl` is shortened; `req.originalUrl` is whole.
function getOriginalUrl({ req, originalUrl }: KoaContext): string | undefined {
  return req.originalUrl ?? originalUrl
}

function authenticateContext(middlewareContext: MiddlewareContext, context: KoaContext) {
  const { req, request, method, url } = context
  const originalUrl = getOriginalUrl(context)
  const { headers, rawHeaders, socket, stream } = req as HttpRequest & { stream?: unknown }
  const { body } = request as { body?: unknown }
  const httpRequest = { method, url, originalUrl, headers, rawHeaders, body, socket, stream }
  return authenticateRequest(middlewareContext, httpRequest, context.res, req, context.state)
}

/**
 * Creates a middleware that checks the token which `authenticate` verified against a requirement.
 * If no `authenticate` ran before, it throws an Error, which results in a 500.
 *
 * @throws TypeError for a wrong requirement.
 */
export function authorize(requirement: Requirement): KoaMiddleware {
  const required = compileRequirement(requirement, 'authorize')
  return function authorize(context, next) {
    let passErrors: boolean | undefined
    let outcome: MaybePromise<unknown>
    try {
      const record = findAuthentication(context.req, 'authorize()')
      passErrors = record.context.passErrors
      outcome = authorizeRequest(required, record)
    } catch (error) {
      return refuse(context, error, passErrors)
    }
    return callNextAfter(outcome, context, next, passErrors)
  }
}

/**
 * Creates a middleware that serves the metadata document of the API at its URL, without a token. Mount
 * it in the application itself, before `authenticate`. Other requests go to `next()`.
 *
 * @throws TypeError for a validator without the option `resource`.
 * @see {@link https://www.rfc-editor.org/rfc/rfc9728#section-3 | RFC 9728, section 3}
 */
export function resourceMetadata(validator: ValidatorWithMetadata): KoaMiddleware {
  const entry = readMetadataEntry(validator)
  return async function resourceMetadata(context, next) {
    let isServed: boolean
    try {
      isServed = serveMetadataInContext(entry, context)
    } catch (error) {
      throw toError(error)
    }
    if (!isServed) await next()
  }
}

function serveMetadataInContext(entry: MetadataEntry, context: KoaContext): boolean {
  const { res, method, url } = context
  const originalUrl = getOriginalUrl(context)
  return serveMetadata(entry, { method, url, originalUrl }, res, (response, found) => {
    context.status = found.status
    context.body = found.body
    // Koa sets these headers even for an empty body.
    for (const name of ['Content-Type', 'Content-Length']) response.removeHeader(name)
    setMetadataHeaders(response, found)
  })
}

/**
 * Returns the verified token of a request. Reads what `authenticate` recorded, not `ctx.state.auth`,
 * which other packages may set.
 *
 * @throws Error if `authenticate` did not run, or if the request is anonymous.
 */
export function accessToken<C extends object = JwtClaims>(context: {
  readonly req: object
}): AccessToken<C> {
  return getRecordedToken(context.req) as unknown as AccessToken<C>
}

/**
 * Calls `next` when the outcome is available. Without `async`, because each asynchronous function in the chain
 * costs every request 0.1 µs. Koa ignores the value of the promise.
 */
function callNextAfter(
  outcome: MaybePromise<unknown>,
  context: KoaContext,
  next: () => Promise<unknown>,
  passErrors: boolean,
): Promise<void> {
  if (isPromise(outcome)) {
    return outcome.then(
      () => next() as Promise<void>,
      (error) => refuse(context, error, passErrors),
    )
  }
  try {
    return Promise.resolve(next() as Promise<void>)
  } catch (error) {
    return Promise.reject(error)
  }
}

/** Responds to a refusal. Rejects with any other error, and with every error if `passErrors` is set. */
async function refuse(
  context: KoaContext,
  thrown: unknown,
  passErrors: boolean | undefined,
): Promise<void> {
  const error = respondToError(context, thrown, passErrors)
  if (error !== undefined) throw error
}

function respondToError(
  context: KoaContext,
  thrown: unknown,
  passErrors: boolean | undefined,
): Error | undefined {
  try {
    const error = refuseRequest(context.res, thrown, passErrors, (response, refusal) => {
      context.status = refusal.status
      context.body = serializeBody(refusal)
      // Koa sets `Content-Type: text/plain` even for an empty body.
      if (refusal.body === undefined) response.removeHeader('Content-Type')
    })
    if (passErrors && error instanceof AccessTokenError) setStatus(context, error.status)
    return error
  } catch (failure) {
    return toError(failure)
  }
}

/** Sets the status, because Koa would otherwise set 200 when an error handler sets a body. */
function setStatus(context: KoaContext, status: number): void {
  try {
    context.status = status
  } catch {
    // The error handler must get the refusal, not this error.
  }
}
