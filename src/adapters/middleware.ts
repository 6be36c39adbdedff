/**
 * @module What every adapter does, in one place: clear, authenticate, record, pass as anonymous,
 * refuse. Names no framework; an adapter holds only what is its framework's.
 */
import type { AccessToken, HttpRequest, Requirement } from '../access-token.ts'
import { MissingTokenError } from '../errors.ts'
import { toError } from '../internal/callback.ts'
import { checkBoolean, readOwnOptions } from '../options/checks.ts'
import type { ValidatorOptions } from '../options/types.ts'
import { isVerified, locationOf } from '../pipeline/verified-token.ts'
import { type CompiledRequirement, compileRequirement } from '../requirement/requirement.ts'
import { createValidator, type Decide, deciderOf, type Validator } from '../validator.ts'
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
  readonly decide: Decide
  readonly passErrors: boolean
  readonly optional: boolean
  readonly requirement: CompiledRequirement | undefined
  /**
   * Checks a requirement; without a token, it refuses as a request without one is refused.
   *
   * @throws AccessTokenError
   */
  readonly authorize: (
    token: AccessToken | undefined,
    requirement: Requirement,
  ) => Promise<AccessToken>
}

/** @throws TypeError for a wrong option. */
export function createMiddlewareContext<C extends object>(
  validatorOrOptions: Validator<C> | ValidatorOptions,
  authenticateOptions: AuthenticateOptions,
): MiddlewareContext {
  const names = ['optional', 'passErrors', 'requirement'] as const
  const options = readOwnOptions<AuthenticateOptions>(authenticateOptions, names, 'authenticate')
  const { requirement } = options
  // The type of the claims is not needed here.
  const given = validatorOrOptions as Validator<object> | ValidatorOptions
  const validator: Validator<object> = isValidator(given) ? given : createValidator(given)
  return {
    protocol,
    decide: deciderOf(validator),
    optional: checkBoolean(options.optional, 'authenticate.optional'),
    passErrors: checkBoolean(options.passErrors, 'authenticate.passErrors'),
    requirement:
      requirement === undefined
        ? undefined
        : compileRequirement(requirement, 'authenticate.requirement'),
    async authorize(token, required) {
      if (token === undefined) {
        return (await validator.authenticate({ headers: {} }, required)) as AccessToken
      }
      await validator.authorize(token, required)
      return token
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
}

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
  setRecord(carrier, { context, token })
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
): AccessToken | Promise<AccessToken | undefined> {
  clearAuthentication(carrier, holder)
  const decided = context.decide(request, context.requirement)
  if (isVerified(decided)) {
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
      setRecord(carrier, { context, token: undefined })
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
 * @throws AccessTokenError; Error where no `authenticate` ran before, which is a programming mistake.
 */
export async function authorizeRequest(
  requirement: CompiledRequirement,
  carrier: object,
): Promise<AccessToken> {
  const { context, token } = findAuthentication(carrier, 'authorize()')
  try {
    return await context.authorize(token, requirement)
  } catch (error) {
    throw reported(error)
  }
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
