/**
 * @module Validates the members of an introspection response, with the functions of `token/` for kind, times,
 * audience, `cnf` and scopes, and creates the result, which may be cached.
 */
import { isDeepStrictEqual } from 'node:util'
import { getOwn } from '../internal/own-property.ts'
import { splitScopes } from '../internal/scope-syntax.ts'
import { validateIntrospectedClaims } from '../introspection/response.ts'
import type { TrustedIssuer } from '../issuer/trusted-issuer.ts'
import { validateAudience } from '../token/audience.ts'
import { type Claims, invalidClaim } from '../token/claim.ts'
import { readConfirmation } from '../token/confirmation.ts'
import { validateKind } from '../token/kind.ts'
import { readScopes } from '../token/scope.ts'
import { readTimeClaims, type TimeClaims, validateTime } from '../token/time.ts'
import {
  createVerificationResult,
  readClientId,
  type VerificationResult,
} from './verification-result.ts'

/**
 * Minimum seconds from now to `expiresAt` if neither the response nor a JWT has `exp`: other libraries refuse a
 * token that expires now.
 */
const minLifetime = 10

export interface IntrospectionRules {
  readonly issuer: TrustedIssuer
  /**
   * Seconds from now to `expiresAt` if neither the response nor a JWT has `exp`, but at least
   * {@link minLifetime}.
   */
  readonly maxAge: number
}

/**
 * Validates the members of a response for an active token. Reads what the token is bound to; each request
 * has to prove it.
 *
 * @param now Seconds since 1970.
 * @param jwt The result of the local verification, if the token is a JWT.
 * @throws InvalidTokenError
 */
export function validateIntrospectedToken(
  response: Claims,
  { issuer, maxAge }: IntrospectionRules,
  now: number,
  jwt?: VerificationResult,
): VerificationResult {
  const members = jwt === undefined ? response : combineWithJwt(response, jwt)
  validateIntrospectedClaims(members, issuer.issuer)
  validateKind(members)
  const times = readTimes(members)
  validateTime(times, issuer, now)
  // The profile of RFC 9068 does not apply to an introspection response.
  validateAudience(members, { ...issuer, profile: 'jwt' })
  const confirmation = readConfirmation(members)
  // Whole seconds, as in most tokens. Rounded up, because the result is not cached after `expiresAt`.
  const exp = Number.isFinite(times.exp)
    ? Math.min(times.exp, jwt?.exp ?? times.exp)
    : Math.ceil(now + Math.max(maxAge, minLifetime))
  const claims = { ...members, iss: issuer.issuer, exp }
  const scopes = readGrantedScopes(claims, issuer)
  const content = { claims, header: undefined }
  return createVerificationResult(content, times, issuer, undefined, confirmation, scopes)
}

/** Members that identify the token, its time, audience and key. A response may leave them out. */
const identityMembers = ['sub', 'client_id', 'aud', 'cnf', 'exp', 'nbf', 'iat', 'jti']

/**
 * Combines a response with the JWT that it is about. What the token grants comes from the response alone.
 * `sub`, `client_id` and `cnf` must be equal where both have them. The {@link identityMembers} that the response
 * leaves out come from the JWT.
 */
function combineWithJwt(response: Claims, jwt: VerificationResult): Claims {
  requireEqual('sub', getOwn(response, 'sub'), jwt.subject)
  requireEqual('client_id', readClientId(response), jwt.clientId)
  requireEqual('cnf', getOwn(response, 'cnf'), getOwn(jwt.claims, 'cnf'))
  const missing = identityMembers.filter(
    (name) => !Object.hasOwn(response, name) && Object.hasOwn(jwt.claims, name),
  )
  return { ...response, ...Object.fromEntries(missing.map((name) => [name, jwt.claims[name]])) }
}

function requireEqual(name: string, actual: unknown, expected: unknown): void {
  if (actual === undefined || expected === undefined || isDeepStrictEqual(actual, expected)) return
  const hint = 'the introspection response contradicts the JWT'
  throw invalidClaim(name, actual, 'that of the JWT', hint)
}

function readTimes(response: Claims): TimeClaims {
  if (getOwn(response, 'exp') !== undefined) return readTimeClaims(response)
  // `readTimeClaims` requires an `exp`.
  const { nbf, iat } = readTimeClaims({ ...response, exp: 0 })
  return { exp: Number.POSITIVE_INFINITY, nbf, iat }
}

// RFC 7662 §2.2: `scope` is a string, so an array grants nothing. Any other claim is read as in a JWT.
function readGrantedScopes(
  claims: Claims,
  { scopeClaim = 'scope' }: TrustedIssuer,
): readonly string[] {
  if (scopeClaim !== 'scope') return readScopes(claims, scopeClaim)
  const scope = getOwn(claims, 'scope')
  return Object.freeze(typeof scope === 'string' ? splitScopes(scope) : [])
}
