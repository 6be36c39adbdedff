/**
 * @module Reports the outcome of a decision: to the operator by an event, to the client by the headers of
 * the error.
 */
import type { AccessToken, JoseHeader } from '../access-token.ts'
import { findToken68Error } from '../credentials/authorization-header.ts'
import { hintForMissingToken } from '../credentials/credentials.ts'
import {
  AccessTokenError,
  type AnyAccessTokenError,
  type ErrorDetail,
  type InvalidTokenError,
  MissingTokenError,
} from '../errors.ts'
import { toError } from '../internal/callback.ts'
import { printable } from '../internal/printable.ts'
import { challengeScopes } from '../requirement/scopes.ts'
import { createErrorHeaders } from '../response/challenge.ts'
import type { Claims } from '../token/claim.ts'
import { isOpaque } from '../token/form.ts'
import { hintForOtherKind, hintForReason, opaqueForFunctionHint } from '../token/hints.ts'
import type { ValidationContext } from './context.ts'
import type { Pipeline } from './pipeline.ts'

export function createMissingTokenError({
  request,
  requirements,
}: ValidationContext): MissingTokenError {
  const hint = request === undefined ? undefined : hintForMissingToken(request)
  return new MissingTokenError(challengeScopes(requirements), hint === undefined ? {} : { hint })
}

/** Emits the event of an accepted token. Returns the token. */
export function reportAccepted(token: AccessToken, context: ValidationContext): AccessToken {
  const { pipeline, cached, startedAt } = context
  if (pipeline.observer.listening()) {
    const { issuer, clientId, proofs } = token
    pipeline.observer.emit({
      type: 'token.accepted',
      issuer,
      clientId: clientId === undefined ? undefined : printable(clientId),
      proofs,
      cached,
      durationMs: performance.now() - startedAt,
    })
  }
  return token
}

const callbackFailures = new WeakSet<Error>()

/** Whether the event `callback.failed` has reported this error. */
export function isCallbackFailure(error: Error): boolean {
  return callbackFailures.has(error)
}

/**
 * Emits the event of a refusal, and completes its error.
 *
 * @returns The error that the caller gets.
 */
export function reportRefusal(thrown: unknown, context: ValidationContext): Error {
  const { observer } = context.pipeline
  // A text that is not a token68 gets 400, even if it was refused for another reason.
  const error = findMalformedRequest(context) ?? thrown
  if (!isRefusal(error)) {
    const cause = toError(error)
    observer.emit({ type: 'callback.failed', cause })
    callbackFailures.add(cause)
    return cause
  }
  if (error.code === 'invalid_token') completeDetail(error, context)
  if (error.code === 'missing_token') {
    observer.emit({ type: 'token.missing', hint: error.detail.hint })
  } else if (observer.listening()) {
    observer.emit({
      type: 'token.refused',
      status: error.status,
      reason: error.code === 'invalid_token' ? error.reason : error.code,
      ...(error.code === 'invalid_dpop_proof' && { proofReason: error.reason }),
      ...(error.code === 'service_unavailable' && { service: error.service }),
      issuer: error.detail.issuer ?? getIssuer(context.verified),
      clientId: getClientId(context.verified),
      detail: error.detail,
      cause: error.cause,
      durationMs: performance.now() - context.startedAt,
    })
  }
  return completeRefusal(error, context.pipeline, selectScheme(error, context))
}

/** A verification result, whose issuer is an object, or an access token, whose issuer is a name. */
type ResultOrToken = ValidationContext['verified']

function getIssuer(verified: ResultOrToken): string | undefined {
  const issuer = verified?.issuer
  return typeof issuer === 'object' ? issuer.issuer : issuer
}

function getClientId(verified: ResultOrToken): string | undefined {
  const clientId = verified?.clientId
  return clientId === undefined ? undefined : printable(clientId)
}

/**
 * Rejects with the reported error, one microtask later: a promise that rejects immediately costs 1 µs more,
 * because Node records it as unhandled.
 */
export async function refuse(error: unknown, context: ValidationContext): Promise<never> {
  await undefined
  throw reportRefusal(error, context)
}

/** Completes an error with the headers of its response, if it is a refusal. */
export function completeError(thrown: unknown, pipeline: Pipeline): Error {
  return isRefusal(thrown) ? completeRefusal(thrown, pipeline) : toError(thrown)
}

function completeRefusal(
  error: AnyAccessTokenError,
  { challenges }: Pipeline,
  scheme?: 'Bearer' | 'DPoP',
): Error {
  error.headers = createErrorHeaders(error, challenges, scheme)
  return error
}

/** Returns the scheme whose challenge carries the error; `undefined` if none was read, or several were used. */
function selectScheme(
  { code }: AnyAccessTokenError,
  { scheme, presented }: ValidationContext,
): 'Bearer' | 'DPoP' | undefined {
  // A comma separates Authorization fields that a `Headers` object or a proxy has joined.
  return code === 'invalid_request' && presented?.token.includes(',') ? undefined : scheme
}

/** Whether an error is a refusal. Any other error is due to the application: see `CallbackFailedEvent`. */
function isRefusal(error: unknown): error is AnyAccessTokenError {
  return error instanceof AccessTokenError
}

/**
 * Returns the error (400) for a text that is not a token68. Checked here, when the text is refused, because a
 * token that was parsed is always a token68.
 */
function findMalformedRequest({ presented, header }: ValidationContext) {
  return presented === undefined || header !== undefined ? undefined : findToken68Error(presented)
}

/** Adds to the error the likely mistake and, where known, the issuer, the algorithm and the key. */
function completeDetail(error: InvalidTokenError, context: ValidationContext): void {
  const { issuer, header, claims } = context
  if (header === undefined) {
    // Nothing was parsed: an opaque token, an encrypted one, or a text that is no token. Only the prefix of an
    // opaque token sets the issuer then.
    if (issuer !== undefined) error.detail = { issuer: issuer.printableName, ...error.detail }
    else if (isOpaqueForFunction(context)) error.detail = { hint: opaqueForFunctionHint }
    return
  }
  const detail = claims === undefined ? error.detail : withHint(error, header, claims)
  error.detail = detail
  if (issuer === undefined) return
  const { alg, kid } = header
  const algorithm = printable(alg)
  const { printableName: name } = issuer
  // The added members come first: adding them after a spread takes twenty times as long.
  error.detail =
    kid === undefined
      ? { issuer: name, algorithm, ...detail }
      : { issuer: name, algorithm, kid: printable(kid), ...detail }
}

function isOpaqueForFunction({ pipeline, presented }: ValidationContext): boolean {
  if (typeof pipeline.options.issuers !== 'function') return false
  return presented !== undefined && isOpaque(presented.token)
}

function withHint(error: InvalidTokenError, header: JoseHeader, claims: Claims): ErrorDetail {
  const { reason, detail } = error
  const hint = hintForOtherKind(reason, header, claims) ?? hintForReason(reason, header)
  return hint === undefined ? detail : { ...detail, hint }
}
