/**
 * @module What every adapter does, in one place: clear, authenticate, record, pass as anonymous,
 * refuse. Names no framework; an adapter holds only what is its framework's.
 */
import type { AccessToken, HttpRequest, Requirement } from '../access-token.ts'
import { MissingTokenError } from '../errors.ts'
import { toError } from '../internal/callback.ts'
import { isPromise, type MaybePromise } from '../internal/maybe-promise.ts'
import { checkBoolean, readOwnOptions } from '../options/checks.ts'
import type { ValidatorOptions } from '../options/types.ts'
import { authenticate, authorizeToken, refuseAnonymous } from '../pipeline/authenticate.ts'
import type { Pipeline } from '../pipeline/pipeline.ts'
import { locationOf, requirementsOf } from '../pipeline/verified-token.ts'
import { type CompiledRequirement, compileRequirement } from '../requirement/requirement.ts'
import { createValidator, pipelineOf, type Validator } from '../validator.ts'
import { type Response, setPrivate } from './error-response.ts'

/** The options of `authenticate` in every adapter. */
export interface AuthenticateOptions {
  /**
   * Lets a request without a token pass, anonymously. A request with a bad token is refused all the
   * same.
   * @defaultValue false
   */
  readonly optional?: boolean | undefined
  /**
   * Hands refusals to the framework's error handling, with the headers of the response already set,
   * instead of responding. A response object without header methods is enough.
   * @defaultValue false
   */
  readonly passErrors?: boolean | undefined
  /** Holds for every request that passes here. */
  readonly requirement?: Requirement | undefined
}

/**
 * The version of what one copy of the package reads of another: {@link Authentication} and the
 * members of {@link MiddlewareContext} that it uses. A change that breaks them increments it.
 */
const protocol = 1

/** One mounted `authenticate`. */
export interface MiddlewareContext {
  readonly protocol: number
  readonly passErrors: boolean
  readonly optional: boolean
  readonly authenticate: (request: HttpRequest) => MaybePromise<AccessToken>
  /**
   * Checks a requirement; without a token, it refuses as a request without one is refused.
   *
   * @param authorized The requirements of earlier `authorize` calls for the same request.
   * @throws AccessTokenError, at once or by rejecting.
   */
  readonly authorize: (
    token: AccessToken | undefined,
    requirement: CompiledRequirement,
    authorized: readonly CompiledRequirement[],
  ) => MaybePromise<unknown>
}

/** @throws TypeError for a wrong option. */
export function createMiddlewareContext<C extends object>(
  validatorOrOptions: Validator<C> | ValidatorOptions,
  authenticateOptions: AuthenticateOptions,
): MiddlewareContext {
  const names = ['optional', 'passErrors', 'requirement'] as const
  const options = readOwnOptions<AuthenticateOptions>(authenticateOptions, names, 'authenticate')
  const requirement =
    options.requirement === undefined
      ? undefined
      : compileRequirement(options.requirement, 'authenticate.requirement')
  // The type of the claims is not needed here.
  const given = validatorOrOptions as Validator<object> | ValidatorOptions
  const validator: Validator<object> = isValidator(given) ? given : createValidator(given)
  const pipeline = pipelineOf(validator)
  return {
    protocol,
    optional: checkBoolean(options.optional, 'authenticate.optional'),
    passErrors: checkBoolean(options.passErrors, 'authenticate.passErrors'),
    ...(pipeline === undefined
      ? useWrapper(validator, requirement)
      : usePipeline(pipeline, requirement)),
  }
}

type Checks = Pick<MiddlewareContext, 'authenticate' | 'authorize'>

function usePipeline(pipeline: Pipeline, requirement: CompiledRequirement | undefined): Checks {
  const own = requirement === undefined ? [] : [requirement]
  return {
    authenticate: (request) => authenticate(pipeline, request, requirement),
    authorize(token, required, authorized) {
      if (token === undefined) {
        return refuseAnonymous(pipeline, [...own, ...authorized, required])
      }
      const before = requirementsOf(token)
      const earlier = before && authorized.length > 0 ? [...before, ...authorized] : before
      return authorizeToken(pipeline, token, required, earlier)
    },
  }
}

/** For an object of the application that has the methods of a validator. */
function useWrapper(
  validator: Validator<object>,
  requirement: CompiledRequirement | undefined,
): Checks {
  const ask = async (request: HttpRequest, required: CompiledRequirement | undefined) =>
    (await validator.authenticate(request, required)) as AccessToken
  return {
    authenticate: (request) => ask(request, requirement),
    async authorize(token, required) {
      if (token === undefined) await ask({ headers: {} }, required)
      else await validator.authorize(token, required)
    },
  }
}

function isValidator(value: Validator<object> | ValidatorOptions): value is Validator<object> {
  return typeof (value as Partial<Validator> | undefined)?.authenticate === 'function'
}

/** What `authenticate` found out about a request. */
interface Authentication {
  readonly context: MiddlewareContext
  /** `undefined`: the request is anonymous. */
  readonly token: AccessToken | undefined
  /** The requirements that `authorize` has checked since. */
  authorized: readonly CompiledRequirement[]
}

const noRequirements: readonly CompiledRequirement[] = Object.freeze([])

// A body parser cannot forge a property under a symbol. The global registry shares it with other
// copies of the package. (A WeakMap would keep every request alive until a full garbage collection.)
const authentication: unique symbol = Symbol.for('oauth-resource-server.authentication')

/** The request that carries the record. */
interface Carrier {
  [authentication]?: Authentication | undefined
}

function setRecord(carrier: object, record: Authentication | undefined): void {
  const target: Carrier = carrier
  target[authentication] = record
}

/** Where the application finds the token: the request, or Koa's `ctx.state`. */
interface AuthHolder {
  auth?: unknown
}

/** Removes what an earlier `authenticate` recorded, and what another middleware left in `auth`. */
function clearAuthentication(carrier: object, holder: AuthHolder): void {
  // Only where there is something: setting a property of Express's request is slow.
  if ((carrier as Carrier)[authentication] !== undefined) setRecord(carrier, undefined)
  if (holder.auth !== undefined) holder.auth = undefined
}

/** Records a verified token on the request. Where something throws, nothing is recorded. */
function recordAuthentication(
  context: MiddlewareContext,
  carrier: object,
  holder: AuthHolder,
  response: object,
  token: AccessToken,
): void {
  const location = locationOf(token)
  if (location === 'body' || location === 'query') setPrivate(response as Response)
  holder.auth = token
  setRecord(carrier, { context, token, authorized: noRequirements })
}

/**
 * Authenticates a request and records the outcome on it.
 *
 * @param carrier The object that `authorize` will be given.
 * @returns The token, or `undefined` for an anonymous request; without a promise where the outcome is
 * known at once.
 * @throws Whatever the validator, the request or the response throws; also by rejecting.
 */
export function authenticateRequest(
  context: MiddlewareContext,
  request: HttpRequest,
  response: object,
  carrier: object = request,
  holder: AuthHolder = carrier,
): MaybePromise<AccessToken | undefined> {
  clearAuthentication(carrier, holder)
  const decided = context.authenticate(request)
  if (!('then' in decided)) {
    recordAuthentication(context, carrier, holder, response, decided)
    return decided
  }
  return decided.then(
    (token: unknown) => {
      if (!isObject(token)) throw new TypeError('The validator returned no access token')
      recordAuthentication(context, carrier, holder, response, token)
      return token
    },
    (error: unknown) => {
      clearAuthentication(carrier, holder)
      if (!context.optional || !(error instanceof MissingTokenError)) throw reported(error)
      setRecord(carrier, { context, token: undefined, authorized: noRequirements })
      return undefined
    },
  )
}

// An object of the application around a validator may resolve to anything.
function isObject(token: unknown): token is AccessToken {
  return typeof token === 'object' && token !== null
}

/**
 * Checks what `authenticate` recorded against a requirement.
 *
 * @returns The token, without a promise if nothing has to be awaited.
 * @throws AccessTokenError; Error where no `authenticate` ran before, which is a programming mistake.
 * Also by rejecting.
 */
export function authorizeRequest(
  requirement: CompiledRequirement,
  carrier: object,
): MaybePromise<AccessToken> {
  const record = findAuthentication(carrier, 'authorize()')
  const pass = () => {
    record.authorized =
      record.authorized.length === 0 ? [requirement] : [...record.authorized, requirement]
    // Without a token, the check has refused the request.
    return record.token as AccessToken
  }
  const checked = record.context.authorize(record.token, requirement, record.authorized)
  if (!isPromise(checked)) return pass()
  return checked.then(pass, (error: unknown) => {
    throw reported(error)
  })
}

/** @throws Error where no `authenticate` ran before, or the request is anonymous. */
export function recordedToken(carrier: object): AccessToken {
  const { token } = findAuthentication(carrier, 'accessToken()')
  if (token !== undefined) return token
  throw new Error(
    'accessToken() found an anonymous request: authenticate() has the option optional',
  )
}

function findAuthentication(carrier: object, caller: string): Authentication {
  const found = (carrier as Carrier)[authentication]
  if (found === undefined) {
    throw new Error(`${caller} found no authentication: mount authenticate() before it`)
  }
  if (found.context.protocol !== protocol) {
    throw new Error(
      `${caller} and authenticate() come from two versions of oauth-resource-server that cannot work together: install one version`,
    )
  }
  return found
}

/** Whether refusals of this request go to the framework; `undefined` without an authentication. */
export function passesErrors(carrier: object): boolean | undefined {
  try {
    return findAuthentication(carrier, '').context.passErrors
  } catch {
    return undefined
  }
}

const reportedErrors = new WeakSet<Error>()

/** Notes that the validator has reported this error through `onEvent`. */
function reported(thrown: unknown): Error {
  const error = toError(thrown)
  reportedErrors.add(error)
  return error
}

/** Whether the validator has reported this error; false for a failure of request or response. */
export function isReported(error: Error): boolean {
  return reportedErrors.has(error)
}
