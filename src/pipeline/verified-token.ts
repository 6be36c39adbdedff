/**
 * @module The access token that a caller gets: what was verified, joined with the token as it came.
 */
import type { AccessToken, JoseHeader, JwtClaims } from '../access-token.ts'
import type { Offer, TokenLocation } from '../credentials/credentials.ts'
import { freezeDeep } from '../internal/deep-freeze.ts'
import { sharedLists } from '../internal/interned-lists.ts'
import type { TrustedIssuer } from '../issuer/trusted-issuer.ts'
import type { VerificationKey } from '../signature/algorithms.ts'
import { own, type TimeClaims } from '../token/claims.ts'
import type { CompactJwt } from '../token/compact.ts'
import { readScopes } from '../token/scope.ts'

/** What is known of a verified token, and may be cached: all but the token itself. */
export interface Verified extends TimeClaims {
  readonly issuer: TrustedIssuer
  readonly key: VerificationKey
  readonly subject: string | undefined
  readonly clientId: string | undefined
  readonly audience: readonly string[]
  readonly scopes: readonly string[]
  readonly claims: Readonly<JwtClaims>
  readonly header: Readonly<JoseHeader>
}

const nobody: readonly string[] = Object.freeze([])
const listOfOne = sharedLists((text) => [text])

/** Says of a token, once it is verified, everything that can be shared between requests. */
export function describe(
  jwt: CompactJwt,
  { exp, nbf, iat }: TimeClaims,
  issuer: TrustedIssuer,
  key: VerificationKey,
): Verified {
  const claims = freezeDeep(jwt.claims) as Readonly<JwtClaims>
  const aud = own(claims, 'aud')
  // All members stand there: to spread the optional ones is dear.
  return {
    exp,
    nbf,
    iat,
    issuer,
    key,
    subject: text(own(claims, 'sub')),
    clientId:
      text(own(claims, 'client_id')) ?? text(own(claims, 'azp')) ?? text(own(claims, 'cid')),
    // What is no string was judged to be an array, and is frozen with the claims.
    audience: typeof aud === 'string' ? listOfOne(aud) : ((aud as string[] | undefined) ?? nobody),
    scopes: readScopes(claims, issuer.scopeClaim),
    claims,
    header: freezeDeep(jwt.header),
  }
}

function text(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined
}

/**
 * The one class besides the errors. It is made for every request, and this is the cheapest way to a
 * frozen object with one member that is not enumerable: `defineProperty` takes eight times as long.
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

  constructor(verified: Verified, { token, location }: Offer) {
    this.#token = token
    this.#location = location
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

  static locationOf(token: object): TokenLocation | undefined {
    return #location in token ? token.#location : undefined
  }

  static made(value: object): value is VerifiedToken {
    return #token in value
  }
}

export function createAccessToken(verified: Verified, offer: Offer): AccessToken {
  return new VerifiedToken(verified, offer)
}

/** Tells whether a value was made here, and so stands for a token that is verified. */
export function isVerified(value: object): value is AccessToken {
  return VerifiedToken.made(value)
}

/** Where the token stood in its request; `undefined` if it came out of none. */
export function locationOf(token: AccessToken): TokenLocation | undefined {
  return VerifiedToken.locationOf(token)
}
