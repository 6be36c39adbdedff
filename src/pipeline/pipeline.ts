/**
 * @module Everything that one validator uses for its decisions, created once from its options. Declares
 * the interfaces of two steps: the verification of a token, and the verification of its proofs.
 */
import type { Proof } from '../access-token.ts'
import type { PresentedToken } from '../credentials/presented-token.ts'
import { createObserver, type Observer } from '../events/observer.ts'
import type { MaybePromise } from '../internal/maybe-promise.ts'
import type { TrustedIssuer } from '../issuer/trusted-issuer.ts'
import { createTrustedIssuers, type TrustedIssuers } from '../issuer/trusted-issuers.ts'
import type { ResolvedOptions } from '../options/resolve.ts'
import { createRequirementEvaluator, type EvaluateRequirements } from '../requirement/evaluate.ts'
import { compileImpliedScopes } from '../requirement/implied-scopes.ts'
import { type CompiledRequirement, compileRequirement } from '../requirement/requirement.ts'
import { type Challenges, createChallenges } from '../response/challenge.ts'
import { createResourceMetadata, type ResourceMetadata } from '../response/metadata-document.ts'
import type { Claims } from '../token/claim.ts'
import type { Confirmation } from '../token/confirmation.ts'
import type { ValidationContext } from './context.ts'
import { createDecryption, type DecryptToken } from './decryption.ts'
import { createIntrospectors, type Introspectors } from './introspection-verifier.ts'
import { createProofVerifier } from './proof-verifier.ts'
import { type CheckRevocation, createRevocationCheck } from './revocation.ts'
import { createTokenCache, type TokenCache } from './token-cache.ts'
import type { VerificationResult } from './verification-result.ts'

/**
 * Verifies tokens of one form. The result may be cached, so it must depend only on the token, on its
 * issuer and on time, and never on the request.
 *
 * @throws AccessTokenError, synchronously or by rejecting.
 */
export interface TokenFormVerifier {
  readonly verify: (
    presented: PresentedToken,
    context: ValidationContext,
  ) => MaybePromise<VerificationResult>
}

export interface ProofVerifier {
  /**
   * Reads what a token is bound to, and validates that the options and the scheme of the request allow a
   * proof of it. Does not verify the proofs. For a JWT that is not cached, runs before keys are fetched.
   *
   * @returns `undefined`: the token is not bound.
   * @throws AccessTokenError
   */
  readonly readAndValidateBinding: (
    claims: Claims,
    context: ValidationContext,
  ) => Confirmation | undefined
  /**
   * Verifies that a request proves possession of the key that its token is bound to. Runs on every
   * request, for cached tokens too.
   *
   * @returns The proofs that were verified; an empty list for a token that is not bound.
   * @throws AccessTokenError, synchronously or by rejecting.
   */
  readonly verify: (
    result: VerificationResult,
    context: ValidationContext,
  ) => MaybePromise<readonly Proof[]>
}

export interface Pipeline {
  readonly options: ResolvedOptions
  readonly observer: Observer
  readonly issuers: TrustedIssuers
  /** The results for JWTs; `undefined`: they are not cached. */
  readonly cache: TokenCache<VerificationResult> | undefined
  /** Issuers with introspection; none if `issuer` is a function. Empty: opaque tokens are refused. */
  readonly opaqueIssuers: readonly TrustedIssuer[]
  readonly introspectors: Introspectors
  /** `undefined`: encrypted tokens are refused. */
  readonly decrypt: DecryptToken | undefined
  readonly proof: ProofVerifier
  /** `undefined`: the application does not check revocation. */
  readonly checkRevocation: CheckRevocation | undefined
  /** The validator's own requirements: none or one. */
  readonly requirements: readonly CompiledRequirement[]
  readonly evaluateRequirements: EvaluateRequirements
  readonly challenges: Challenges
  /** `undefined`: the option `resource` is not set. */
  readonly resourceMetadata: ResourceMetadata | undefined
  /** Returns the time in seconds since 1970. */
  readonly seconds: () => number
}

/**
 * @throws TypeError for a wrong `requirement`, `impliedScopes` or `resource`, and for static keys of
 * which none is usable.
 */
export function createPipeline(options: ResolvedOptions): Pipeline {
  const { now, maxCachedTokens, clockTolerance, realm, dpop } = options
  const seconds = () => now() / 1000
  const observer = createObserver(options.onEvent)
  const requirements = compileOwnRequirements(options)
  const resourceMetadata = describeResource(options)
  const environment = { ...options, observer }
  const issuers = createTrustedIssuers(options.issuers, environment)
  return {
    options,
    observer,
    issuers,
    cache: maxCachedTokens > 0 ? createTokenCache(maxCachedTokens) : undefined,
    opaqueIssuers: [...issuers.inUse()].filter(({ introspection }) => introspection !== undefined),
    introspectors: createIntrospectors(environment, maxCachedTokens),
    decrypt: createDecryption(options.issuers, issuers),
    proof: createProofVerifier(options),
    checkRevocation: createRevocationCheck(options, observer),
    requirements,
    evaluateRequirements: createRequirementEvaluator({
      now: seconds,
      clockTolerance,
      expandScopes: compileImpliedScopes(options.impliedScopes),
      identifiers: listIdentifiers(options),
    }),
    challenges: createChallenges({
      realm,
      resourceMetadataUrl: resourceMetadata?.url,
      dpop: dpop && { algs: dpop.algorithms.join(' '), required: dpop.required },
    }),
    resourceMetadata,
    seconds,
  }
}

function compileOwnRequirements({ requirement }: ResolvedOptions): readonly CompiledRequirement[] {
  return requirement === undefined ? [] : [compileRequirement(requirement, 'requirement')]
}

/** Creates the metadata document from the options of the validator, so that it agrees with them. */
function describeResource(options: ResolvedOptions): ResourceMetadata | undefined {
  const { resource, issuers, tokenLocations, dpop, mtls } = options
  if (resource === undefined) return undefined
  return createResourceMetadata(resource, {
    issuers: typeof issuers === 'function' ? undefined : issuers.map(({ issuer }) => issuer),
    tokenLocations,
    dpop,
    mtls: mtls !== undefined,
  })
}

/** The URLs and names by which tokens refer to this API. */
function listIdentifiers({ audiences, resource }: ResolvedOptions): readonly string[] {
  return resource === undefined ? audiences : [...audiences, resource.identifier]
}
