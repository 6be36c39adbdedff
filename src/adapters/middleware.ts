/**
 * @module What the adapters share: their options, the hand-over from `authenticate` to `authorize`,
 * and the headers of an answer. Names no framework.
 */
import type { AccessToken, Requirement } from '../access-token.ts'
import { AccessTokenError, MissingTokenError } from '../errors.ts'
import { checkBoolean, readOwnOptions } from '../options/checks.ts'
import type { ValidatorOptions } from '../options/types.ts'
import { locationOf } from '../pipeline/verified-token.ts'
import { type CompiledRequirement, compileRequirement } from '../requirement/requirement.ts'
import { createValidator, type Decide, deciderOf, type Validator } from '../validator.ts'

/** The options of `authenticate` in every adapter. */
export interface AuthenticateOptions {
  /**
   * Lets a request without a token pass, anonymously. A request with a bad token is refused all the
   * same.
   * @defaultValue false
   */
  readonly optional?: boolean | undefined
  /**
   * Hands refusals to the framework's error handling, with the headers of the answer already set,
   * instead of answering.
   * @defaultValue false
   */
  readonly passErrors?: boolean | undefined
  /** Holds for every request that passes here. */
  readonly requirement?: Requirement | undefined
}

/** The part of Node's `ServerResponse` that is used. */
export interface Response {
  readonly headersSent: boolean
  statusCode: number
  getHeader(name: string): unknown
  setHeader(name: string, value: string | readonly string[]): unknown
  removeHeader(name: string): void
  end(body?: string): unknown
}

/** A validator, ready to be mounted. */
export interface Guard {
  readonly validator: Validator<object>
  readonly decide: Decide
  readonly passErrors: boolean
  readonly optional: boolean
  readonly requirement: CompiledRequirement | undefined
}

/** @throws TypeError for a wrong option. */
export function createGuard(
  validatorOrOptions: Validator<object> | ValidatorOptions,
  authenticateOptions: AuthenticateOptions,
): Guard {
  const names = ['optional', 'passErrors', 'requirement'] as const
  const options = readOwnOptions<AuthenticateOptions>(authenticateOptions, names, 'authenticate')
  const { requirement } = options
  const validator: Validator<object> = isValidator(validatorOrOptions)
    ? validatorOrOptions
    : createValidator(validatorOrOptions)
  return {
    validator,
    decide: deciderOf(validator),
    optional: checkBoolean(options.optional, 'authenticate.optional'),
    passErrors: checkBoolean(options.passErrors, 'authenticate.passErrors'),
    requirement:
      requirement === undefined
        ? undefined
        : compileRequirement(requirement, 'authenticate.requirement'),
  }
}

function isValidator(value: Validator<object> | ValidatorOptions): value is Validator<object> {
  return typeof (value as Partial<Validator> | undefined)?.authenticate === 'function'
}

/** What `authenticate` found out about a request, for the `authorize` that comes after it. */
interface Authentication {
  readonly guard: Guard
  /** `undefined`: the request is anonymous. */
  readonly token: AccessToken | undefined
}

// A property under a symbol that nobody else has: a body parser cannot forge it. (A WeakMap would
// keep every request alive until the next full garbage collection.)
const authentication: unique symbol = Symbol('oauth-resource-server')

interface Marked {
  [authentication]?: Authentication | undefined
}

/** Takes away what an earlier authenticate() found out: from now on it holds no longer. */
export function forget(carrier: object): void {
  const marked: Marked = carrier
  // Not where there is nothing: Express makes it dear to set a property of a request.
  if (marked[authentication] !== undefined) marked[authentication] = undefined
}

/** Notes on the request that its token is good. */
export function admit(guard: Guard, carrier: object, response: Response, token: AccessToken): void {
  const marked: Marked = carrier
  marked[authentication] = { guard, token }
  const location = locationOf(token)
  if (location === 'body' || location === 'query') keepPrivate(response)
}

/**
 * Notes on a request that was refused that it is anonymous, where that is allowed.
 *
 * @returns Whether it is.
 */
export function admitAnonymous(guard: Guard, carrier: object, error: unknown): boolean {
  forget(carrier)
  if (!guard.optional || !(error instanceof MissingTokenError)) return false
  const marked: Marked = carrier
  marked[authentication] = { guard, token: undefined }
  return true
}

// RFC 6750 §2.3: caches know that Authorization makes an answer private, but of no other place.
function keepPrivate(response: Response): void {
  if (response.headersSent) return
  const present = response.getHeader('Cache-Control')
  if (typeof present === 'string' && isPrivate(present)) return
  response.setHeader('Cache-Control', 'private')
}

// RFC 9111 §5.2.2.7: with a list of fields, `private` covers these alone.
function isPrivate(cacheControl: string): boolean {
  const directives = cacheControl
    .replace(/"[^"]*"/g, '')
    .toLowerCase()
    .split(',')
  return directives.some((directive) => ['private', 'no-store'].includes(directive.trim()))
}

/**
 * Holds an authenticated request against a requirement.
 *
 * @throws AccessTokenError; Error where no `authenticate` came before, which is a programming mistake.
 */
export async function authorizeRequest(
  requirement: CompiledRequirement,
  carrier: object,
): Promise<AccessToken> {
  const found = (carrier as Marked)[authentication]
  if (found === undefined) {
    throw new Error('authorize() found no authentication: mount authenticate() before it')
  }
  const { guard, token } = found
  if (token !== undefined) {
    await guard.validator.authorize(token, requirement)
    return token
  }
  // An anonymous request: the same refusal that a request without a token gets.
  return (await guard.validator.authenticate({ headers: {} }, requirement)) as AccessToken
}

/** Whether refusals of this request go to the framework; `undefined` where nobody authenticated it. */
export function passesErrors(carrier: object): boolean | undefined {
  return (carrier as Marked)[authentication]?.guard.passErrors
}

/**
 * Puts status and headers of a refusal on the response, beside challenges that others have put there,
 * and the headers into the error, for error handlers that set them from there. An error handler that
 * sets no status then does not answer 200.
 *
 * @returns `false` for anything that is no refusal, and where the headers are sent already.
 */
export function prepare(response: Response, error: unknown): error is AccessTokenError {
  if (!(error instanceof AccessTokenError) || response.headersSent) return false
  response.statusCode = error.status
  const challenges = error.headers['WWW-Authenticate']
  if (challenges !== undefined) {
    const present = response.getHeader('WWW-Authenticate')
    const others = (Array.isArray(present) ? present : [present]).filter(
      (challenge) => typeof challenge === 'string' && !challenges.includes(challenge),
    )
    error.headers = { ...error.headers, 'WWW-Authenticate': [...others, ...challenges] }
  }
  for (const [name, value] of Object.entries(error.headers)) response.setHeader(name, value)
  return true
}

/** The body of the answer to a refusal; empty where RFC 6750 §3.1 wants no error code. */
export function bodyOf(error: AccessTokenError): string {
  return error.body === undefined ? '' : JSON.stringify(error.body)
}

/** Answers a refusal through Node's response, once that is prepared. */
export function answer(response: Response, error: AccessTokenError): void {
  const body = bodyOf(error)
  response.setHeader('Content-Length', String(Buffer.byteLength(body)))
  response.end(body)
}
