/**
 * @module The record that `authenticate` sets on a request, and `authorize` reads. Another copy of the
 * package may read it, so its format has a version.
 */
import type { AccessToken, HttpRequest } from '../access-token.ts'
import type { MaybePromise } from '../internal/maybe-promise.ts'
import { getNextNonce, getTokenLocation } from '../pipeline/verified-token.ts'
import type { CompiledRequirement } from '../requirement/requirement.ts'
import { type NodeResponse, setCacheControlPrivate, setDpopNonce } from './error-response.ts'

/**
 * The version of the format that two copies of the package share: {@link Authentication}, and the members of
 * {@link MiddlewareContext} that another copy's `findAuthentication` and `authorize` read. Increment it with a
 * change that breaks them.
 */
export const recordVersion = 1

/** The settings and functions of one mounted `authenticate`. */
export interface MiddlewareContext {
  readonly recordVersion: number
  /**
   * Whether an event reports every error that `authenticate` and `authorize` throw; false for a wrapper (see
   * `middleware.ts`).
   */
  readonly reportsErrors: boolean
  readonly passErrors: boolean
  readonly optional: boolean
  /** @param previousToken The token of an earlier authentication of the same request. */
  readonly authenticate: (
    request: HttpRequest,
    previousToken: AccessToken | undefined,
  ) => MaybePromise<AccessToken>
  /**
   * Checks a requirement. Without a token, throws `MissingTokenError`.
   *
   * @param authorized The requirements of earlier `authorize` calls for the same request.
   * @throws AccessTokenError, or another Error, synchronously or by rejecting.
   */
  readonly authorize: (
    token: AccessToken | undefined,
    requirement: CompiledRequirement,
    authorized: readonly CompiledRequirement[],
  ) => MaybePromise<unknown>
}

/** The outcome of `authenticate` for one request. */
export interface Authentication {
  readonly context: MiddlewareContext
  /** `undefined`: the request is anonymous. */
  readonly token: AccessToken | undefined
  /** The requirements that the token has passed in `authorize` since. */
  authorized: readonly CompiledRequirement[]
}

const noRequirements: readonly CompiledRequirement[] = Object.freeze([])

// A body parser cannot create a property under a symbol. All copies of the package share this symbol. (A
// WeakMap would keep every request alive until a full garbage collection.)
const authentication: unique symbol = Symbol.for('oauth-resource-server.authentication')

/** The request that carries the record. */
interface Carrier {
  [authentication]?: Authentication | undefined
}

function setRecord(carrier: object, record: Authentication | undefined): void {
  const target: Carrier = carrier
  target[authentication] = record
}

/** The object whose `auth` is set: the request, Koa's `ctx.state`, or an object of the adapter. */
export interface AuthHolder {
  auth?: unknown
}

/**
 * Removes what an earlier `authenticate` recorded, and what another middleware left in `auth`.
 *
 * @returns The token of the earlier `authenticate`, if it recorded one.
 */
export function clearAuthentication(carrier: object, holder: AuthHolder): AccessToken | undefined {
  const previous = (carrier as Carrier)[authentication]
  // Only if there is something to remove, because setting a property of Express's request is slow.
  if (previous !== undefined) setRecord(carrier, undefined)
  if (holder.auth !== undefined) holder.auth = undefined
  return previous?.token
}

/**
 * Records a verified token on the request, and sets the headers that the response needs for this token. If
 * anything throws, nothing is recorded.
 */
export function recordAuthentication(
  context: MiddlewareContext,
  carrier: object,
  holder: AuthHolder,
  response: object,
  token: AccessToken,
): void {
  const location = getTokenLocation(token)
  if (location === 'body' || location === 'query') setCacheControlPrivate(response as NodeResponse)
  const nonce = getNextNonce(token)
  if (nonce !== undefined) setDpopNonce(response as NodeResponse, nonce)
  try {
    holder.auth = token
    setRecord(carrier, { context, token, authorized: noRequirements })
  } catch (error) {
    clearAuthentication(carrier, holder)
    throw error
  }
}

/** Records that a request is anonymous. */
export function recordAnonymous(context: MiddlewareContext, carrier: object): void {
  setRecord(carrier, { context, token: undefined, authorized: noRequirements })
}

// The application may authorize the request of a WebSocket again for every message.
const maxAuthorized = 32

/** Records a requirement that the token has passed, for later challenges: each once, and 32 at most. */
export function recordAuthorized(record: Authentication, requirement: CompiledRequirement): void {
  const { authorized } = record
  if (authorized.length >= maxAuthorized || authorized.includes(requirement)) return
  record.authorized = [...authorized, requirement]
}

/** @throws Error if the request is anonymous; and as {@link findAuthentication}. */
export function getRecordedToken(carrier: object): AccessToken {
  const { token } = findAuthentication(carrier, 'accessToken()')
  if (token !== undefined) return token
  throw new Error(
    'accessToken() found an anonymous request: authenticate() has the option optional',
  )
}

/** @throws Error if no `authenticate` ran before, or if its record has another version. */
export function findAuthentication(carrier: object, caller: string): Authentication {
  const found = (carrier as Carrier)[authentication]
  if (found === undefined) {
    throw new Error(`${caller} found no authentication: mount authenticate() before it`)
  }
  if (found.context.recordVersion !== recordVersion) {
    throw new Error(
      `${caller} and authenticate() come from two versions of oauth-resource-server that cannot work together: install one version`,
    )
  }
  return found
}
