/**
 * @module Checks requirements against a token that was authenticated before, and refuses requests that
 * `authenticate` let pass without a token. The requirement of `authenticate` itself is step 4 in
 * `authenticate.ts`.
 */
import type { AccessToken, Requirement } from '../access-token.ts'
import type { MaybePromise } from '../internal/maybe-promise.ts'
import type { CompiledRequirement } from '../requirement/requirement.ts'
import { addRequirement, createContext } from './context.ts'
import type { Pipeline } from './pipeline.ts'
import { createMissingTokenError, refuse } from './report.ts'
import { getRequirements } from './verified-token.ts'

const none: readonly CompiledRequirement[] = Object.freeze([])

/**
 * Checks a requirement, and that of the validator, against a token that was verified before.
 *
 * @param authorized The requirements that the same request has passed since its authentication. They are
 * not checked again, but the challenge names them.
 */
export function authorizeToken(
  pipeline: Pipeline,
  token: AccessToken,
  requirement: Requirement,
  authorized: readonly CompiledRequirement[] = none,
): MaybePromise<void> {
  const context = createContext(pipeline, undefined)
  try {
    context.scheme = token.scheme
    context.verified = token
    addRequirement(requirement, context)
    const requiredByAuthenticate = getRequirements(token) ?? none
    const previousRequirements =
      authorized.length === 0 ? requiredByAuthenticate : [...requiredByAuthenticate, ...authorized]
    const pending = pipeline.evaluateRequirements(token, context.requirements, previousRequirements)
    return pending?.then(undefined, (error) => refuse(error, context))
  } catch (error) {
    return refuse(error, context)
  }
}

/** Refuses an anonymous request with a challenge that names the scopes of all requirements. */
export function refuseAnonymous(
  pipeline: Pipeline,
  requirements: readonly CompiledRequirement[],
): Promise<never> {
  const context = createContext(pipeline, undefined)
  context.requirements = [...context.requirements, ...requirements]
  return refuse(createMissingTokenError(context), context)
}
