/** @module The result of verifying a token: what all requests with the same token share. */
import type { JoseHeader, JwtClaims } from '../access-token.ts'
import { freezeDeep } from '../internal/deep-freeze.ts'
import { sharedLists } from '../internal/interned-lists.ts'
import { getOwn } from '../internal/own-property.ts'
import type { TrustedIssuer } from '../issuer/trusted-issuer.ts'
import type { VerificationKey } from '../signature/algorithms.ts'
import type { Claims } from '../token/claim.ts'
import type { Confirmation } from '../token/confirmation.ts'
import { readScopes } from '../token/scope.ts'
import type { TimeClaims } from '../token/time.ts'

/** The result of verifying a token, which may be cached: it does not contain the token. */
export interface VerificationResult extends TimeClaims {
  readonly issuer: TrustedIssuer
  /** `undefined` where the result comes from introspection. */
  readonly key: VerificationKey | undefined
  readonly subject: string | undefined
  readonly clientId: string | undefined
  readonly audience: readonly string[]
  readonly scopes: readonly string[]
  /** What the token is bound to; `undefined` for a bearer token. */
  readonly confirmation: Confirmation | undefined
  /**
   * Seconds since 1970: the claim `exp`, or for an opaque token without `exp` a time that
   * `introspected-token.ts` computes. (The member `exp` is then Infinity.)
   */
  readonly expiresAt: number
  readonly claims: Readonly<JwtClaims>
  /** `undefined` where the result comes from introspection. */
  readonly header: Readonly<JoseHeader> | undefined
}

/** What was verified: a JWT, or an introspection response, which has no header. */
interface VerifiedContent {
  readonly claims: Claims
  readonly header: JoseHeader | undefined
}

const noAudience: readonly string[] = Object.freeze([])
const listOfOne = sharedLists((text) => [text])

/**
 * Creates the result for claims that have been validated.
 *
 * @param key The key that the token is signed with; `undefined` for an introspection response.
 */
export function createVerificationResult(
  content: VerifiedContent,
  { exp, nbf, iat }: TimeClaims,
  issuer: TrustedIssuer,
  key: VerificationKey | undefined,
  confirmation: Confirmation | undefined,
  scopes: readonly string[] = readScopes(content.claims, issuer.scopeClaim),
): VerificationResult {
  const claims = freezeDeep(content.claims) as Readonly<JwtClaims>
  const aud = getOwn(claims, 'aud')
  // Every member is set, because spreading optional ones takes longer.
  return {
    exp,
    nbf,
    iat,
    issuer,
    key,
    subject: asString(getOwn(claims, 'sub')),
    clientId: readClientId(claims),
    // `validateAudience` has checked the type. An array is frozen with the claims.
    audience:
      typeof aud === 'string' ? listOfOne(aud) : ((aud as string[] | undefined) ?? noAudience),
    scopes,
    confirmation,
    expiresAt: claims.exp,
    claims,
    header: content.header === undefined ? undefined : freezeDeep(content.header),
  }
}

/** Reads the claim `client_id`, else `azp`, else `cid`. */
export function readClientId(claims: Claims): string | undefined {
  return (
    asString(getOwn(claims, 'client_id')) ??
    asString(getOwn(claims, 'azp')) ??
    asString(getOwn(claims, 'cid'))
  )
}

function asString(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined
}
