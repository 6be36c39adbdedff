/** @module The state of the decision about one request. The steps set its members; `report.ts` reads them. */
import type { AccessToken, HttpRequest, JoseHeader, Requirement } from '../access-token.ts'
import type { PresentedToken } from '../credentials/presented-token.ts'
import type { TrustedIssuer } from '../issuer/trusted-issuer.ts'
import type { Arrival } from '../keys/arrival.ts'
import type { DpopResult } from '../proof/dpop-verifier.ts'
import { type CompiledRequirement, compileRequirement } from '../requirement/requirement.ts'
import type { Claims } from '../token/claim.ts'
import type { Pipeline } from './pipeline.ts'
import { type CacheLookup, notCached } from './token-cache.ts'
import type { VerificationResult } from './verification-result.ts'

export interface ValidationContext {
  readonly pipeline: Pipeline
  /** `undefined` for a token that the caller passed without a request. */
  readonly request: HttpRequest | undefined
  /** When the decision began, by `performance.now()`; 0 if no listener needs the duration. */
  readonly startedAt: number
  /**
   * The arrival of a cached token that had to wait for its issuer or keys, so that `keys.timeout` counts this
   * wait too if the token is verified anew; otherwise `undefined`.
   */
  arrival: Arrival | undefined
  /** The requirements of the validator and of this request. */
  requirements: readonly CompiledRequirement[]
  presented: PresentedToken | undefined
  /** The result of the cache lookup for the token. */
  lookup: CacheLookup<VerificationResult>
  /** The scheme of the token; `undefined` if no token was read from a request. */
  scheme: 'Bearer' | 'DPoP' | undefined
  /** The access token from an earlier authentication of the same request. */
  readonly previousToken: AccessToken | undefined
  /** The result of verifying the DPoP proof of the request. */
  dpop: DpopResult | undefined
  /** The header of a token that could be parsed. */
  header: JoseHeader | undefined
  /** The claims of a token that was parsed for this request; not set for a cached one. */
  claims: Claims | undefined
  /** The trusted issuer that the token names or, if it is opaque, that its prefix selects. */
  issuer: TrustedIssuer | undefined
  /** The verification result, set at step 3; in `authorize`, the access token. */
  verified: VerificationResult | AccessToken | undefined
  /** Whether the result of an earlier verification is used. */
  cached: boolean
}

export function createContext(
  pipeline: Pipeline,
  request: HttpRequest | undefined,
  previousToken?: AccessToken,
): ValidationContext {
  return {
    pipeline,
    request,
    startedAt: pipeline.observer.listening() ? performance.now() : 0,
    arrival: undefined,
    requirements: pipeline.requirements,
    presented: undefined,
    lookup: notCached,
    scheme: undefined,
    previousToken,
    dpop: undefined,
    header: undefined,
    claims: undefined,
    issuer: undefined,
    verified: undefined,
    cached: false,
  }
}

/**
 * Compiles a requirement and adds it to those of the context.
 *
 * @throws TypeError for a wrong requirement.
 */
export function addRequirement(requirement: Requirement, context: ValidationContext): void {
  const compiled = compileRequirement(requirement, 'requirement')
  const existing = context.requirements
  context.requirements = existing.length === 0 ? [compiled] : [...existing, compiled]
}
