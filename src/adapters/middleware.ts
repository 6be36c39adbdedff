/**
 * @module What every adapter does: clears an earlier outcome, authenticates, and records the token, or that
 * the request is anonymous. Depends on no framework. `error-response.ts` responds to refusals. A *wrapper* is
 * an object that has the methods of a validator, but that this copy of the package did not create: one of the
 * application that calls a validator, or a validator of another copy.
 */
import type { AccessToken, HttpRequest, Requirement } from '../access-token.ts'
import { MissingTokenError } from '../errors.ts'
import { toError } from '../internal/callback.ts'
import { isPromise, type MaybePromise, type MaybeThenable } from '../internal/maybe-promise.ts'
import { checkBoolean, readOwnOptions } from '../options/checks.ts'
import type { ValidatorOptions } from '../options/types.ts'
import { authenticate } from '../pipeline/authenticate.ts'
import { authorizeToken, refuseAnonymous } from '../pipeline/authorize.ts'
import type { Pipeline } from '../pipeline/pipeline.ts'
import { isCallbackFailure } from '../pipeline/report.ts'
import { type CompiledRequirement, compileRequirement } from '../requirement/requirement.ts'
import { createValidator, pipelineOf, type Validator } from '../validator.ts'
import {
  type Authentication,
  type AuthHolder,
  clearAuthentication,
  type MiddlewareContext,
  recordAnonymous,
  recordAuthentication,
  recordAuthorized,
  recordVersion,
} from './authentication-record.ts'

/** The options of `authenticate` in every adapter. */
export interface AuthenticateOptions {
  /**
   * Lets a request without a token pass, anonymously. A request with a bad token is still refused.
   * @defaultValue false
   */
  readonly optional?: boolean | undefined
  /**
   * Passes refusals to the framework's error handling instead of responding. The headers of the response
   * are already set, unless they were sent or the response object lacks header methods.
   * @defaultValue false
   */
  readonly passErrors?: boolean | undefined
  /** The requirement for every request that passes through this middleware. */
  readonly requirement?: Requirement | undefined
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
  const validator = toValidator(validatorOrOptions)
  const pipeline = pipelineOf(validator)
  return {
    recordVersion,
    reportsErrors: pipeline !== undefined,
    optional: checkBoolean(options.optional, 'authenticate.optional'),
    passErrors: checkBoolean(options.passErrors, 'authenticate.passErrors'),
    ...(pipeline === undefined
      ? createWrapperChecks(validator, requirement)
      : createPipelineChecks(pipeline, requirement)),
  }
}

type Checks = Pick<MiddlewareContext, 'authenticate' | 'authorize'>

function createPipelineChecks(
  pipeline: Pipeline,
  requirement: CompiledRequirement | undefined,
): Checks {
  const ownRequirements = requirement === undefined ? [] : [requirement]
  return {
    authenticate: (request, previousToken) =>
      authenticate(pipeline, request, requirement, previousToken),
    authorize(token, required, authorized) {
      if (token === undefined) {
        return refuseAnonymous(pipeline, [...ownRequirements, ...authorized, required])
      }
      return authorizeToken(pipeline, token, required, authorized)
    },
  }
}

function createWrapperChecks(
  validator: Validator<object>,
  requirement: CompiledRequirement | undefined,
): Checks {
  const callValidator = async (request: HttpRequest, required: CompiledRequirement | undefined) =>
    (await validator.authenticate(request, required)) as AccessToken
  return {
    authenticate: (request) => callValidator(request, requirement),
    async authorize(token, required) {
      if (token !== undefined) return validator.authorize(token, required)
      // The validator refuses a request without a token, with a challenge that names the scopes.
      await callValidator({ headers: {} }, required)
      throw new TypeError('The validator accepted a request without a token')
    },
  }
}

/** @throws TypeError for a wrong option. */
export function toValidator<C extends object>(
  validatorOrOptions: Validator<C> | ValidatorOptions,
): Validator<object> {
  // The type of the claims is not needed here.
  const given = validatorOrOptions as Validator<object> | ValidatorOptions
  return isValidator(given) ? given : createValidator(given)
}

function isValidator(value: Validator<object> | ValidatorOptions): value is Validator<object> {
  return typeof (value as Partial<Validator> | undefined)?.authenticate === 'function'
}

/**
 * Authenticates a request and records the outcome on it.
 *
 * @param carrier The object that gets the record, which `authorize` reads.
 * @param holder The object that gets `auth`.
 * @returns The token; `undefined` for an anonymous request. A promise only if something has to be awaited, if the
 * request is refused or anonymous, or if a wrapper decides.
 * @throws Whatever the validator, the request or the response throws; also by rejecting.
 */
export function authenticateRequest(
  context: MiddlewareContext,
  request: HttpRequest,
  response: object,
  carrier: object = request,
  holder: AuthHolder = carrier,
): MaybePromise<AccessToken | undefined> {
  const previousToken = clearAuthentication(carrier, holder)
  const decided = context.authenticate(request, previousToken)
  // Checks `then` first for speed: see `MaybeThenable`. Only the pipeline returns a token without a promise.
  if ((decided as MaybeThenable).then === undefined || !isPromise(decided)) {
    const token = decided as AccessToken
    recordAuthentication(context, carrier, holder, response, token)
    return token
  }
  return decided.then(
    (token: unknown) => {
      if (!isObject(token)) throw new TypeError('The validator returned no access token')
      recordAuthentication(context, carrier, holder, response, token)
      return token
    },
    (error: unknown) => {
      clearAuthentication(carrier, holder)
      if (!context.optional || !(error instanceof MissingTokenError)) {
        throw markIfReported(error, context)
      }
      recordAnonymous(context, carrier)
      return undefined
    },
  )
}

// A wrapper may resolve to any value.
function isObject(token: unknown): token is AccessToken {
  return typeof token === 'object' && token !== null
}

/**
 * Checks the token that `authenticate` recorded against a requirement. Records the requirement if it passes.
 *
 * @returns The token, without a promise if nothing has to be awaited.
 * @throws AccessTokenError, or what a function of the application throws; also by rejecting.
 */
export function authorizeRequest(
  requirement: CompiledRequirement,
  record: Authentication,
): MaybePromise<AccessToken> {
  const { context } = record
  const checked = context.authorize(record.token, requirement, record.authorized)
  return isPromise(checked)
    ? recordWhenChecked(checked, requirement, record)
    : recordAndReturn(requirement, record)
}

// A function of its own, so that a check without a promise creates no closure.
function recordWhenChecked(
  pending: Promise<unknown>,
  requirement: CompiledRequirement,
  record: Authentication,
): Promise<AccessToken> {
  return pending.then(
    () => recordAndReturn(requirement, record),
    (error: unknown) => {
      throw markIfReported(error, record.context)
    },
  )
}

function recordAndReturn(requirement: CompiledRequirement, record: Authentication): AccessToken {
  recordAuthorized(record, requirement)
  // Never `undefined`: `context.authorize` throws if there is no token.
  return record.token as AccessToken
}

const reportedErrors = new WeakSet<Error>()

/** Marks an error that an event has reported. For a wrapper: only the failure of a callback. */
function markIfReported(thrown: unknown, { reportsErrors }: MiddlewareContext): Error {
  const error = toError(thrown)
  if (reportsErrors || isCallbackFailure(error)) reportedErrors.add(error)
  return error
}

/**
 * Whether {@link markIfReported} marked this error: an event has reported it. False for the errors of a wrapper
 * except failures of callbacks, and for what is thrown while the outcome is recorded or the response is written.
 */
export function isReported(error: Error): boolean {
  return reportedErrors.has(error)
}
