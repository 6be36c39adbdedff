/**
 * @module The access token that a caller gets: what was verified, joined with the token as it came.
 */
import type { AccessToken, JoseHeader, JwtClaims } from './access-token.ts'
import type { Offer, TokenLocation } from './http/credentials.ts'

/** What is known of a verified token, and may be remembered: all but the token itself. */
export type TokenDescription = Omit<AccessToken, 'token'>

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

  constructor(description: TokenDescription, { token, location }: Offer) {
    this.#token = token
    this.#location = location
    this.issuer = description.issuer
    if (description.subject !== undefined) this.subject = description.subject
    if (description.clientId !== undefined) this.clientId = description.clientId
    this.audience = description.audience
    this.scopes = description.scopes
    this.expiresAt = description.expiresAt
    this.scheme = description.scheme
    this.claims = description.claims
    this.header = description.header
    Object.freeze(this)
  }

  get token(): string {
    return this.#token
  }

  static locationOf(token: object): TokenLocation | undefined {
    return #location in token ? token.#location : undefined
  }
}

export function createAccessToken(description: TokenDescription, offer: Offer): AccessToken {
  return new VerifiedToken(description, offer)
}

/** Where the token stood in its request; `undefined` if it came out of none. */
export function locationOf(token: AccessToken): TokenLocation | undefined {
  return VerifiedToken.locationOf(token)
}
