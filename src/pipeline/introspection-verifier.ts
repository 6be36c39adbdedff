/**
 * @module Verifies tokens by introspection: connects the introspection client of each issuer with the
 * issuer's keys, for signed responses, and with the rules for claims. Contains the verifier of opaque tokens,
 * and the step that asks about a JWT which was verified locally.
 */
import { findToken68Error } from '../credentials/authorization-header.ts'
import type { PresentedToken } from '../credentials/presented-token.ts'
import { isPromise, type MaybePromise } from '../internal/maybe-promise.ts'
import { createIntrospectionEndpoint } from '../introspection/endpoint.ts'
import { createIntrospectionCache } from '../introspection/introspection-cache.ts'
import { createIntrospectionClient } from '../introspection/introspection-client.ts'
import { createIntrospector, type Introspector } from '../introspection/introspector.ts'
import { verifySignedResponse } from '../introspection/signed-response.ts'
import { findIssuerOfOpaqueToken } from '../introspection/token-routing.ts'
import type { IssuerEnvironment, TrustedIssuer } from '../issuer/trusted-issuer.ts'
import { recordArrival } from '../keys/arrival.ts'
import type { ResolvedIntrospection } from '../options/introspection.ts'
import type { AudienceRules } from '../token/audience.ts'
import type { Claims } from '../token/claim.ts'
import { validateTime } from '../token/time.ts'
import { malformed } from '../token/token-text.ts'
import type { ValidationContext } from './context.ts'
import { validateIntrospectedToken } from './introspected-token.ts'
import type { TokenFormVerifier } from './pipeline.ts'
import type { VerificationResult } from './verification-result.ts'
import { verifySignature } from './verify-signature.ts'

/** Verifies an opaque token: the prefix of the token selects the issuer that is asked about it. */
export const opaqueVerifier: TokenFormVerifier = {
  verify(presented, context) {
    if (!isSendable(presented)) throw malformed('a character that no access token has')
    const issuer = findIssuerOfOpaqueToken(presented.token, context.pipeline.opaqueIssuers)
    if (issuer === undefined) throw malformed("the token begins with no issuer's tokenPrefix")
    context.issuer = issuer
    return introspect(presented.token, issuer, context)
  },
}

// RFC 6749, appendix A.12: 1*VSCHAR
const vschars = /^[\x20-\x7e]+$/

/** The Authorization header allows only token68; a form or query allows all of VSCHAR. */
function isSendable(presented: PresentedToken): boolean {
  return findToken68Error(presented) === undefined && vschars.test(presented.token)
}

/** Introspects a JWT whose claims and signature were verified, if its issuer has `tokens: 'all'`. */
export function introspectJwtIfRequired(
  result: VerificationResult,
  { token }: PresentedToken,
  context: ValidationContext,
): MaybePromise<VerificationResult> {
  const { issuer } = result
  return issuer.introspection?.tokens === 'all'
    ? introspect(token, issuer, context, result)
    : result
}

/**
 * Selects the rules for the claims of a JWT. With the profile `jwt`, a JWT may lack `aud` if its issuer is
 * asked about it afterwards: the response may name the audience instead, as that of Keycloak does for its
 * lightweight tokens.
 */
export function selectRules(issuer: TrustedIssuer, claims: Claims): AudienceRules {
  const mayResponseNameAudience =
    issuer.introspection?.tokens === 'all' && !Object.hasOwn(claims, 'aud')
  return mayResponseNameAudience ? { ...issuer, audience: false } : issuer
}

function introspect(
  token: string,
  issuer: TrustedIssuer,
  context: ValidationContext,
  jwt?: VerificationResult,
): MaybePromise<VerificationResult> {
  const { introspectors, seconds } = context.pipeline
  const result = introspectors.get(issuer).introspect(token, jwt)
  // A JWT counts as cached only if its verification was cached too.
  context.cached = !isPromise(result) && (jwt === undefined || context.cached)
  if (!isPromise(result)) validateTime(result, issuer, seconds())
  return result
}

/** The introspectors of the issuers, each with its own limits and back-off. */
export interface Introspectors {
  readonly get: (issuer: TrustedIssuer) => Introspector<VerificationResult>
}

/**
 * @param maxEntries The maximum number of cached results of accepted tokens, of all issuers together. 0: such
 * results are not cached.
 */
export function createIntrospectors(
  environment: IssuerEnvironment,
  maxEntries: number,
): Introspectors {
  const cache = createIntrospectionCache<VerificationResult>(maxEntries)
  const introspectors = new WeakMap<TrustedIssuer, Introspector<VerificationResult>>()
  let created = 0

  function create(issuer: TrustedIssuer) {
    const introspection = issuer.introspection as ResolvedIntrospection
    const { authentication, inactiveMaxAge } = introspection
    const maxAge = maxEntries === 0 ? 0 : introspection.maxAge
    const { now, observer } = environment
    return createIntrospector<VerificationResult>({
      issuer: issuer.issuer,
      // An issuer whose options changed is a new object. The counter keeps it from using results that were
      // obtained with the old options.
      cacheScope: `${created++} ${issuer.issuer}`,
      authentication,
      client: createClient(issuer, introspection, environment),
      cache,
      maxAge,
      inactiveMaxAge,
      validateResponse: (claims, time, jwt) =>
        validateIntrospectedToken(claims, { issuer, maxAge }, time, jwt),
      now,
      observer,
    })
  }

  return {
    get(issuer) {
      let introspector = introspectors.get(issuer)
      if (introspector === undefined) {
        introspector = create(issuer)
        introspectors.set(issuer, introspector)
      }
      return introspector
    },
  }
}

function createClient(
  issuer: TrustedIssuer,
  introspection: ResolvedIntrospection,
  { keyPolicy, fetch, now, observer }: IssuerEnvironment,
) {
  const { authentication } = introspection
  return createIntrospectionClient({
    authentication,
    endpoint: createIntrospectionEndpoint({
      issuer: issuer.issuer,
      endpoint: introspection.endpoint,
      allowInsecureHttp: issuer.allowInsecureHttp,
      method: authentication.method,
      metadataMaxAge: keyPolicy.maxAge,
      fetch,
      now,
      observer,
    }),
    verifySigned: createVerifySigned(issuer, introspection, now),
    timeout: keyPolicy.timeout,
    fetch,
    now,
  })
}

function createVerifySigned(
  trustedIssuer: TrustedIssuer,
  { signedFor }: ResolvedIntrospection,
  now: () => number,
) {
  if (signedFor === undefined) return undefined
  const { issuer, algorithms, clockTolerance } = trustedIssuer
  const seconds = () => now() / 1000
  return (text: string) =>
    verifySignedResponse(
      text,
      {
        issuer,
        audiences: signedFor,
        algorithms,
        clockTolerance,
        findKey: (response) => verifySignature(response, trustedIssuer, seconds(), recordArrival()),
      },
      seconds(),
    )
}
