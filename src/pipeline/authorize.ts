/**
 * @module Checks requirements against a token that was authenticated before, and refuses requests without
 * a token. The requirement of the authentication itself is step 4 in `authenticate.ts`.
 */
import type { AccessToken, Requirement } from '../access-token.ts'
import type { MaybePromise } from '../internal/maybe-promise.ts'
import type { CompiledRequirement } from '../requirement/requirement.ts'
import { addRequirement, createContext } from './context.ts'
import type { Pipeline } from './pipeline.ts'
import { createMissingTokenError, refuse } from './report.ts'
import { requirementsOf } from './verified-token.ts'

/**
 * Checks a requirement, besides that of the validator, against a token that was verified before.
 *
 * @param earlier What the same request was required before. It is not checked again, but the challenge
 * names it.
 */
export function authorizeToken(
  pipeline: Pipeline,
  token: AccessToken,
  requirement: Requirement,
  earlier: readonly CompiledRequirement[] | undefined = requirementsOf(token),
): MaybePromise<void> {
  const context = createContext(pipeline, undefined)
  try {
    context.scheme = token.scheme
    context.verified = token
    addRequirement(requirement, context)
    const pending = pipeline.evaluateRequirements(token, context.requirements, earlier)
    return pending?.then(undefined, (error) => refuse(error, context))
  } catch (error) {
    return refuse(error, context)
  }
}

/** Refuses an anonymous request with a challenge that names all requirements. */
export function refuseAnonymous(
  pipeline: Pipeline,
  requirements: readonly CompiledRequirement[],
): Promise<never> {
  const context = createContext(pipeline, undefined)
  context.requirements = [...context.requirements, ...requirements]
  return refuse(createMissingTokenError(context), context)
}
