/**
 * @module The result of verifying a token: what all requests with the same token share.
 */
import type { JoseHeader, JwtClaims } from '../access-token.ts'
import { freezeDeep } from '../internal/deep-freeze.ts'
import { sharedLists } from '../internal/interned-lists.ts'
import type { TrustedIssuer } from '../issuer/trusted-issuer.ts'
import type { VerificationKey } from '../signature/algorithms.ts'
import { getClaim } from '../token/claim.ts'
import type { ParsedJwt } from '../token/compact-jws.ts'
import type { Confirmation } from '../token/confirmation.ts'
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
  /** What the token is bound to; `undefined` for a bearer token. */
  readonly confirmation: Confirmation | undefined
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
  confirmation: Confirmation | undefined,
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
    // `validateAudience` has checked the type. An array is frozen with the claims.
    audience:
      typeof aud === 'string' ? listOfOne(aud) : ((aud as string[] | undefined) ?? noAudience),
    scopes: readScopes(claims, issuer.scopeClaim),
    confirmation,
    claims,
    header: freezeDeep(jwt.header),
  }
}

function text(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined
}
