/**
 * @module Connect-style middleware, as Express takes it: what `./express` and `./mcp` have in common.
 * Declares no global types.
 */
import type { HttpRequest } from '../access-token.ts'
import { toError } from '../internal/callback.ts'
import { isPromise } from '../internal/maybe-promise.ts'
import type { CompiledRequirement } from '../requirement/requirement.ts'
import type { MetadataEntry } from '../response/metadata-response.ts'
import { type AuthHolder, type MiddlewareContext, passesErrors } from './authentication-record.ts'
import { refuseRequest, type SendRefusal } from './error-response.ts'
import { authenticateRequest, authorizeRequest } from './middleware.ts'
import { callNext, type Next } from './next.ts'
import { serveMetadata } from './resource-metadata.ts'

/** Accepts any request, whatever other packages declare `req.auth` to be, and any response. */
export type ConnectMiddleware = (request: HttpRequest, response: object, next: Next) => void

/** Authenticates a request. Every failure goes to `next(error)`, once, as an Error. */
export function authenticateConnect(
  context: MiddlewareContext,
  request: HttpRequest,
  response: object,
  next: Next,
  holder?: AuthHolder,
): void {
  try {
    const outcome = authenticateRequest(context, request, response, request, holder)
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

/** Checks what `authenticate` verified against a requirement. */
export function authorizeConnect(
  required: CompiledRequirement,
  request: HttpRequest,
  response: object,
  next: Next,
  send?: SendRefusal,
): void {
  try {
    const outcome = authorizeRequest(required, request)
    if (isPromise(outcome)) {
      outcome.then(
        () => callNext(next),
        (error) => refuse(response, error, next, passesErrors(request), send),
      )
      return
    }
  } catch (error) {
    refuse(response, error, next, passesErrors(request), send)
    return
  }
  callNext(next)
}

/** Serves the metadata document at its URL. Other requests go to `next()`. */
export function serveMetadataConnect(
  entry: MetadataEntry,
  request: HttpRequest,
  response: object,
  next: Next,
): void {
  try {
    if (serveMetadata(entry, request, response)) return
  } catch (error) {
    callNext(next, toError(error))
    return
  }
  callNext(next)
}

function refuse(
  response: object,
  thrown: unknown,
  next: Next,
  passErrors: boolean | undefined,
  send?: SendRefusal,
): void {
  const error = refuseRequest(response, thrown, passErrors, send)
  if (error !== undefined) callNext(next, error)
}
