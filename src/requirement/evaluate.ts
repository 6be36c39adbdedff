/**
 * @module Evaluates what a route requires against a verified token, on each request. Without an
 * asynchronous `check` the evaluation creates no promise.
 */
import type { AccessToken, Requirement } from '../access-token.ts'
import {
  type ErrorDetail,
  InsufficientAuthenticationError,
  InsufficientScopeError,
} from '../errors.ts'
import { callbackError, ignoreRejection } from '../internal/callback.ts'
import { isThenable } from '../internal/maybe-promise.ts'
import { printable } from '../internal/printable.ts'
import { combineAuthentication, findAuthenticationProblem } from './authentication.ts'
import { createDetailsReader, type GrantedDetails } from './authorization-details.ts'
import type { ExpandScopes } from './implied-scopes.ts'
import type { CompiledRequirement } from './requirement.ts'
import { hintForMissingScopes } from './scope-hint.ts'
import { challengeScopes, grantsScopes } from './scopes.ts'

type Requirements = readonly CompiledRequirement[]

/** What the evaluation needs from a validator. */
export interface EvaluationSettings {
  /** Seconds since 1970. */
  readonly now: () => number
  readonly clockTolerance: number
  readonly expandScopes?: ExpandScopes | undefined
  /**
   * The identifiers of this API: audiences and resource identifier. Those that are URLs are compared with
   * the member `locations` of authorization details; if no identifier is a
   * URL, the application has to compare `locations` itself.
   */
  readonly identifiers?: readonly string[] | undefined
}

/**
 * Evaluates requirements, and returns a promise only if a `check` returned one.
 *
 * The order is: authentication, scopes, authorization details, checks. A token that lacks both
 * authentication and scopes is refused for its authentication, and the challenge names the scopes too.
 *
 * @param previousRequirements The requirements that were evaluated before for the same request. They are not
 * evaluated here. The challenge names them, so that the client asks for all that the request needs.
 * @throws InsufficientAuthenticationError, InsufficientScopeError, or another Error if a function of the
 * application fails; also by rejecting.
 */
export type EvaluateRequirements = (
  token: AccessToken,
  requirements: Requirements,
  previousRequirements?: Requirements,
) => Promise<void> | undefined

const none: Requirements = Object.freeze([])

export function createRequirementEvaluator(settings: EvaluationSettings): EvaluateRequirements {
  const { now, clockTolerance, expandScopes } = settings
  const readDetails = createDetailsReader(settings.identifiers ?? [])

  function grants(granted: readonly string[], requirement: CompiledRequirement): boolean {
    if (grantsScopes(granted, requirement)) return true
    return expandScopes !== undefined && grantsScopes(expandScopes(granted), requirement)
  }

  return function evaluateRequirements(token, requirements, previousRequirements = none) {
    for (const { authentication } of requirements) {
      if (authentication === undefined) continue
      const problem = findAuthenticationProblem(token.claims, authentication, now(), clockTolerance)
      if (problem !== undefined) {
        const all = [...previousRequirements, ...requirements]
        throw insufficientAuthentication(token, all, problem)
      }
    }
    for (const requirement of requirements) {
      if (grants(token.scopes, requirement)) continue
      const needed = [...requirement.scopes, ...requirement.anyScope]
      const hint = hintForMissingScopes(token, needed)
      throw insufficientScope(token, [...previousRequirements, ...requirements], hint)
    }
    for (const { authorizationDetails } of requirements) {
      if (authorizationDetails === undefined) continue
      const problem = findDetailsProblem(authorizationDetails, readDetails(token.claims))
      // The challenge names no scope, because no scope would change the result.
      if (problem !== undefined) throw insufficientScope(token, none, problem)
    }
    return runChecks(token, requirements, previousRequirements, 0)
  }
}

// Every result other than `true` is a refusal, so that a function without `return` accepts no token.
function findDetailsProblem(
  accepts: NonNullable<Requirement['authorizationDetails']>,
  { details, problem }: GrantedDetails,
): string | undefined {
  if (problem !== undefined) return problem
  let result: unknown
  try {
    result = accepts(details)
  } catch (error) {
    throw callbackError('authorizationDetails', error)
  }
  if (result === true) return undefined
  ignoreRejection(result)
  return isThenable(result)
    ? 'authorizationDetails returned a promise: it must return true or false'
    : 'authorizationDetails did not return true'
}

function runChecks(
  token: AccessToken,
  requirements: Requirements,
  previousRequirements: Requirements,
  startIndex: number,
): Promise<void> | undefined {
  for (let index = startIndex; index < requirements.length; index++) {
    const check = requirements[index]?.check
    if (check === undefined) continue
    let result: unknown
    try {
      result = check(token)
    } catch (error) {
      throw callbackError('check', error)
    }
    if (isThenable(result)) {
      return resumeChecks(result, token, requirements, previousRequirements, index)
    }
    requireTrue(result, token, requirements, previousRequirements, index)
  }
  return undefined
}

async function resumeChecks(
  pending: PromiseLike<unknown>,
  token: AccessToken,
  requirements: Requirements,
  previousRequirements: Requirements,
  index: number,
): Promise<void> {
  let result: unknown
  try {
    result = await pending
  } catch (error) {
    throw callbackError('check', error)
  }
  requireTrue(result, token, requirements, previousRequirements, index)
  await runChecks(token, requirements, previousRequirements, index + 1)
}

/** @param index The requirement whose `check` returned the result. */
function requireTrue(
  result: unknown,
  token: AccessToken,
  requirements: Requirements,
  previousRequirements: Requirements,
  index: number,
): void {
  if (result === true) return
  const reason = requirements[index]?.unfulfillableReason
  if (reason !== undefined) {
    const canStepUp = false
    throw insufficientScope(token, none, reason, canStepUp)
  }
  // The challenge names all scopes, because only the application knows what the check depends on.
  const all = [...previousRequirements, ...requirements]
  throw insufficientScope(token, all, 'check did not return true')
}

function insufficientScope(
  token: AccessToken,
  requirements: Requirements,
  hint: string | undefined,
  canStepUp = true,
): InsufficientScopeError {
  const scopes = challengeScopes(requirements)
  const detail = {
    issuer: printable(token.issuer),
    expected: printable(scopes.join(' ')),
    actual: printable(token.scopes.join(' ')),
    ...(hint !== undefined && { hint }),
  }
  return new InsufficientScopeError(scopes, detail, canStepUp)
}

function insufficientAuthentication(
  token: AccessToken,
  requirements: Requirements,
  problem: ErrorDetail,
): InsufficientAuthenticationError {
  const { acrValues, maxAge } = combineAuthentication(requirements)
  return new InsufficientAuthenticationError(
    { acrValues, maxAge, scopes: challengeScopes(requirements) },
    { issuer: printable(token.issuer), ...problem },
  )
}
