/**
 * @module The access token that the application gets: a verification result together with the token
 * and the proofs of one request.
 */
import type { AccessToken, JoseHeader, JwtClaims, Proof } from '../access-token.ts'
import type { PresentedToken } from '../credentials/presented-token.ts'
import type { TokenLocation } from '../options/types.ts'
import type { DpopResult } from '../proof/dpop-verifier.ts'
import type { CompiledRequirement } from '../requirement/requirement.ts'
import type { ValidationContext } from './context.ts'
import type { VerificationResult } from './verification-result.ts'

// From the global symbol registry, so that an adapter of another copy of the package can read them.
const locationKey: unique symbol = Symbol.for('oauth-resource-server.location')
const nonceKey: unique symbol = Symbol.for('oauth-resource-server.dpop-nonce')

/**
 * A class, because an instance is created for every request, and a class is the fastest way to create a
 * frozen object with a member that is not enumerable: `defineProperty` takes eight times as long.
 */
class VerifiedToken implements AccessToken {
  declare readonly issuer: string
  declare readonly subject?: string
  declare readonly clientId?: string
  declare readonly audience: readonly string[]
  declare readonly scopes: readonly string[]
  declare readonly expiresAt: number
  declare readonly scheme: 'Bearer' | 'DPoP'
  declare readonly proofs: readonly Proof[]
  declare readonly claims: JwtClaims
  declare readonly header?: JoseHeader
  readonly #presented: PresentedToken
  readonly #requirements: readonly CompiledRequirement[]
  readonly #dpop: DpopResult | undefined

  constructor(
    verified: VerificationResult,
    proofs: readonly Proof[],
    { presented, requirements, scheme, dpop }: ValidationContext,
  ) {
    this.#presented = presented as PresentedToken
    this.#requirements = requirements
    this.#dpop = dpop
    this.issuer = verified.issuer.issuer
    if (verified.subject !== undefined) this.subject = verified.subject
    if (verified.clientId !== undefined) this.clientId = verified.clientId
    this.audience = verified.audience
    this.scopes = verified.scopes
    this.expiresAt = verified.expiresAt
    this.scheme = scheme ?? 'Bearer'
    this.proofs = proofs
    this.claims = verified.claims
    if (verified.header !== undefined) this.header = verified.header
    Object.freeze(this)
  }

  get token(): string {
    return this.#presented.token
  }

  get [locationKey](): TokenLocation | undefined {
    return this.#presented.location
  }

  get [nonceKey](): string | undefined {
    return this.#dpop?.nextNonce
  }

  static getDpopResult(value: object): DpopResult | undefined {
    return #dpop in value ? value.#dpop : undefined
  }

  static getRequirements(value: object): readonly CompiledRequirement[] | undefined {
    return #requirements in value ? value.#requirements : undefined
  }
}

export function createAccessToken(
  result: VerificationResult,
  proofs: readonly Proof[],
  context: ValidationContext,
): AccessToken {
  return new VerifiedToken(result, proofs, context)
}

/** Returns where the token was in its request; `undefined` if the caller passed the token itself. */
export function getTokenLocation(token: AccessToken): TokenLocation | undefined {
  return (token as Partial<VerifiedToken>)[locationKey]
}

/** Returns the new DPoP nonce that the response should contain, if there is one. */
export function getNextNonce(token: AccessToken): string | undefined {
  return (token as Partial<VerifiedToken>)[nonceKey]
}

/** Returns the result of the DPoP proof; `undefined` without one, or if this copy did not create the token. */
export function getDpopResult(token: AccessToken): DpopResult | undefined {
  return VerifiedToken.getDpopResult(token)
}

/** Returns what `authenticate` required of the token; `undefined` if this copy did not create the token. */
export function getRequirements(token: AccessToken): readonly CompiledRequirement[] | undefined {
  return VerifiedToken.getRequirements(token)
}
