/**
 * @module Creates the access token that a caller gets: the verification result, which requests share,
 * with the token of this request.
 */
import type { AccessToken, JoseHeader, JwtClaims } from '../access-token.ts'
import type { PresentedToken, TokenLocation } from '../credentials/presented-token.ts'
import { freezeDeep } from '../internal/deep-freeze.ts'
import { sharedLists } from '../internal/interned-lists.ts'
import type { TrustedIssuer } from '../issuer/trusted-issuer.ts'
import type { VerificationKey } from '../signature/algorithms.ts'
import { getClaim } from '../token/claim.ts'
import type { ParsedJwt } from '../token/compact-jws.ts'
import { readScopes } from '../token/scope.ts'
import type { TimeClaims } from '../token/time.ts'

/** The result of verifying a token, which may be cached: it does not contain the token. */
export interface VerificationResult extends TimeClaims {
  readonly issuer: TrustedIssuer
  readonly key: VerificationKey
  readonly subject: string | undefined
  readonly clientId: string | undefined
  readonly audience: readonly string[]
  readonly scopes: readonly string[]
  readonly claims: Readonly<JwtClaims>
  readonly header: Readonly<JoseHeader>
}

const noAudience: readonly string[] = Object.freeze([])
const listOfOne = sharedLists((text) => [text])

/** Creates the result for a token whose signature is verified. */
export function createVerificationResult(
  jwt: ParsedJwt,
  { exp, nbf, iat }: TimeClaims,
  issuer: TrustedIssuer,
  key: VerificationKey,
): VerificationResult {
  const claims = freezeDeep(jwt.claims) as Readonly<JwtClaims>
  const aud = getClaim(claims, 'aud')
  // Every member is set, because spreading optional ones takes longer.
  return {
    exp,
    nbf,
    iat,
    issuer,
    key,
    subject: text(getClaim(claims, 'sub')),
    clientId:
      text(getClaim(claims, 'client_id')) ??
      text(getClaim(claims, 'azp')) ??
      text(getClaim(claims, 'cid')),
    // Validation has admitted a string or an array, which is frozen with the claims.
    audience:
      typeof aud === 'string' ? listOfOne(aud) : ((aud as string[] | undefined) ?? noAudience),
    scopes: readScopes(claims, issuer.scopeClaim),
    claims,
    header: freezeDeep(jwt.header),
  }
}

function text(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined
}

// In the global registry, so that an adapter of another copy of the package can read it.
const location: unique symbol = Symbol.for('oauth-resource-server.location')

/**
 * A class, because one is created for every request and this is the fastest way to a frozen object
 * with a member that is not enumerable: `defineProperty` takes eight times as long.
 */
class VerifiedToken implements AccessToken {
  declare readonly issuer: string
  declare readonly subject?: string
  declare readonly clientId?: string
  declare readonly audience: readonly string[]
  declare readonly scopes: readonly string[]
  declare readonly expiresAt: number
  declare readonly scheme: 'Bearer' | 'DPoP'
  declare readonly claims: JwtClaims
  declare readonly header: JoseHeader
  readonly #token: string
  readonly #location: TokenLocation | undefined

  constructor(verified: VerificationResult, presented: PresentedToken) {
    this.#token = presented.token
    this.#location = presented.location
    this.issuer = verified.issuer.issuer
    if (verified.subject !== undefined) this.subject = verified.subject
    if (verified.clientId !== undefined) this.clientId = verified.clientId
    this.audience = verified.audience
    this.scopes = verified.scopes
    this.expiresAt = verified.exp
    this.scheme = 'Bearer'
    this.claims = verified.claims
    this.header = verified.header
    Object.freeze(this)
  }

  get token(): string {
    return this.#token
  }

  get [location](): TokenLocation | undefined {
    return this.#location
  }

  static isInstance(value: object): value is VerifiedToken {
    return #token in value
  }
}

export function createAccessToken(
  verified: VerificationResult,
  presented: PresentedToken,
): AccessToken {
  return new VerifiedToken(verified, presented)
}

/** Returns whether a value was created by this module: only verified tokens are. */
export function isVerified(value: object): value is AccessToken {
  return VerifiedToken.isInstance(value)
}

/** Returns where the token was in its request; `undefined` if the caller passed the token itself. */
export function locationOf(token: AccessToken): TokenLocation | undefined {
  return (token as Partial<VerifiedToken>)[location]
}
