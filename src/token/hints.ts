/**
 * @module Recognises tokens of another kind, for example ID tokens, and describes the likely mistake for the
 * operator. Every hint is a fixed sentence: it contains nothing from the token. Inherited members are read too,
 * which is faster: a hint decides nothing.
 */
import type { JoseHeader } from '../access-token.ts'
import type { InvalidTokenReason } from '../errors.ts'
import type { Claims } from './claim.ts'

const idTokenHint = 'this seems to be an ID token: the client must send its access token instead'
const refreshTokenHint =
  'this seems to be a refresh token: the client must send its access token instead'
const graphTokenHint =
  'the header member nonce indicates a Microsoft Entra token for Microsoft Graph, which only Graph ' +
  'can verify: the client must request a scope of this API'
const sharedSecretHint =
  'the token is signed with a shared secret: the issuer must use an asymmetric algorithm'
/** For an opaque token or a damaged JWT, if the option `issuer` is a function. */
export const opaqueForFunctionHint: string =
  'an opaque token, or a damaged JWT: opaque tokens need issuers that are listed in the option issuer, not a ' +
  'function, because nothing in them names an issuer'
const unsignedHint = 'the token is not signed'

/** The reasons with which a token of another kind may be refused. */
const reasonsOfOtherKinds: readonly InvalidTokenReason[] = [
  'wrong_algorithm',
  'wrong_type',
  'wrong_issuer',
  'wrong_audience',
  'missing_claim',
  'unknown_key',
  'bad_signature',
]

/** Describes what the token seems to be instead of an access token for this API. */
export function hintForOtherKind(
  reason: InvalidTokenReason,
  header: JoseHeader,
  claims: Claims,
): string | undefined {
  if (!reasonsOfOtherKinds.includes(reason)) return undefined
  if (isRefreshToken(claims)) return refreshTokenHint
  if (typeof header.nonce === 'string') return graphTokenHint
  return isIdToken(claims) ? idTokenHint : undefined
}

/**
 * Describes the likely cause of a refusal, from its reason and the header alone. Only for reasons whose errors
 * have no hint of their own.
 */
export function hintForReason(reason: InvalidTokenReason, header: JoseHeader): string | undefined {
  switch (reason) {
    case 'wrong_algorithm':
      if (header.alg === 'none') return unsignedHint
      return header.alg.startsWith('HS') ? sharedSecretHint : undefined
    case 'unknown_key':
      return header.kid === undefined
        ? 'the token has no kid, and no key of the issuer fits its algorithm'
        : 'no key of the issuer has this kid and fits the algorithm: the key was removed, or another ' +
            'environment issued the token'
    case 'bad_signature':
      return 'the token was changed after it was signed, or another environment signed it'
    default:
      return undefined
  }
}

// Keycloak: https://github.com/keycloak/keycloak/blob/main/core/src/main/java/org/keycloak/util/TokenUtil.java
function isRefreshToken({ typ }: Claims): boolean {
  return typ === 'Refresh' || typ === 'Offline'
}

function isIdToken(claims: Claims): boolean {
  // Keycloak and Amazon Cognito have a claim for the kind of the token.
  if (claims.typ === 'ID' || claims.token_use === 'id') return true
  // OpenID Connect Core §3.1.3.6, §3.3.2.11
  if (claims.at_hash !== undefined || claims.c_hash !== undefined) return true
  // An access token may have these two as well (`auth_time`: RFC 9068 §2.2.1), but its audience is an API.
  const isLogin = claims.nonce !== undefined || claims.auth_time !== undefined
  return isLogin && isForClient(claims)
}

/** OpenID Connect Core §2: the audience of an ID token is the client. */
function isForClient({ aud, azp, client_id: clientId }: Claims): boolean {
  const audience: unknown = Array.isArray(aud) && aud.length === 1 ? aud[0] : aud
  const client = azp ?? clientId
  return typeof audience === 'string' && (client === undefined || client === audience)
}
