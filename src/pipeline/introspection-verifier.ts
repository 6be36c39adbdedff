/**
 * @module Verifies tokens by introspection: connects the introspection client of each issuer with the
 * issuer's keys, for signed responses, and with the rules for claims. Holds the verifier of opaque tokens,
 * and the step that asks about a JWT which was verified here.
 */
import { validateToken68 } from '../credentials/authorization-header.ts'
import type { PresentedToken } from '../credentials/presented-token.ts'
import { InvalidTokenError } from '../errors.ts'
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
import type { Claims } from '../token/claim.ts'
import type { ClaimRules } from '../token/claims.ts'
import { validateTime } from '../token/time.ts'
import type { ValidationContext } from './context.ts'
import { validateIntrospectedToken } from './introspected-token.ts'
import type { TokenVerifier } from './pipeline.ts'
import type { VerificationResult } from './verification-result.ts'
import { verifySignature } from './verify-signature.ts'

/** Verifies opaque tokens: the issuer that the form of the token names is asked about it. */
export const opaqueVerifier: TokenVerifier = {
  verify(presented, context) {
    if (!isSendable(presented)) throw malformed('a character that no access token has')
    const issuer = findIssuerOfOpaqueToken(presented.token, context.pipeline.opaqueIssuers)
    if (issuer === undefined)
      throw malformed('no issuer has the beginning of the token as tokenPrefix')
    context.issuer = issuer
    return introspect(presented.token, issuer, context)
  },
}

function malformed(hint: string): InvalidTokenError {
  return new InvalidTokenError('malformed', { hint })
}

// RFC 6749, appendix A.12: 1*VSCHAR
const accessToken = /^[\x20-\x7e]+$/

/** In a header a token has fewer characters than elsewhere. */
function isSendable(presented: PresentedToken): boolean {
  return validateToken68(presented) === undefined && accessToken.test(presented.token)
}

/** Asks about a JWT too, after every check of it, where its issuer has `tokens: 'all'`. */
export function introspectJwt(
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
 * Returns the rules for the claims of a JWT. Where its issuer is asked about it afterwards, the response may
 * name the audience instead, as Keycloak does for its lightweight tokens.
 */
export function claimRulesOf(issuer: TrustedIssuer, claims: Claims): ClaimRules {
  const isNamedLater = issuer.introspection?.tokens === 'all' && !Object.hasOwn(claims, 'aud')
  return isNamedLater ? { ...issuer, audience: false } : issuer
}

function introspect(
  token: string,
  issuer: TrustedIssuer,
  context: ValidationContext,
  jwt?: VerificationResult,
): MaybePromise<VerificationResult> {
  const { introspectors, seconds } = context.pipeline
  const result = introspectors.of(issuer).introspect(token, jwt)
  context.cached = !isPromise(result)
  if (!isPromise(result)) validateTime(result, issuer, seconds())
  return result
}

/** The introspection client of each issuer that has one, with its limits and its back-off. */
export interface Introspectors {
  readonly of: (issuer: TrustedIssuer) => Introspector<VerificationResult, VerificationResult>
}

/**
 * @param maxEntries Results that are cached, of all issuers together. 0: none of an active token.
 */
export function createIntrospectors(
  environment: IssuerEnvironment,
  maxEntries: number,
): Introspectors {
  const cache = createIntrospectionCache<VerificationResult>(maxEntries)
  const introspectors = new WeakMap<TrustedIssuer, ReturnType<Introspectors['of']>>()
  let created = 0

  function create(issuer: TrustedIssuer) {
    const introspection = issuer.introspection as ResolvedIntrospection
    const { authentication, inactiveMaxAge } = introspection
    const maxAge = maxEntries === 0 ? 0 : introspection.maxAge
    const { now, observer } = environment
    return createIntrospector<VerificationResult, VerificationResult>({
      issuer: issuer.issuer,
      // An issuer with changed options is another object, and results by its old options are not
      // used.
      cacheScope: `${created++} ${issuer.issuer}`,
      authentication,
      client: createClient(issuer, introspection, environment),
      cache,
      maxAge,
      inactiveMaxAge,
      accept: (claims, time, jwt) =>
        validateIntrospectedToken(claims, { issuer, maxAge }, time, jwt),
      now,
      observer,
    })
  }

  return {
    of(issuer) {
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
  trusted: TrustedIssuer,
  { signedFor }: ResolvedIntrospection,
  now: () => number,
) {
  if (signedFor === undefined) return undefined
  const { issuer, algorithms, clockTolerance } = trusted
  const seconds = () => now() / 1000
  return (text: string) =>
    verifySignedResponse(
      text,
      {
        issuer,
        audiences: signedFor,
        algorithms,
        clockTolerance,
        findKey: (response) => verifySignature(response, trusted, seconds(), recordArrival()),
      },
      seconds(),
    )
}
