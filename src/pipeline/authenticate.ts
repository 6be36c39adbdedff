/**
 * @module The decision about one request, in five steps: `decide` runs steps 1 and 2,
 * `proveAndAuthorize` step 3, `evaluate` step 4; step 5 is the response. `verifyJwt` has the checks of
 * step 2. Each step returns its result or throws one AccessTokenError. Cheap checks run before expensive
 * ones. Where every result is available at once, no promise is created.
 */
import type { AccessToken, HttpRequest, Requirement } from '../access-token.ts'
import { readCredentials } from '../credentials/credentials.ts'
import type { PresentedToken } from '../credentials/presented-token.ts'
import { InvalidTokenError } from '../errors.ts'
import { isPromise, type MaybePromise } from '../internal/maybe-promise.ts'
import { getOwn } from '../internal/own-property.ts'
import { recordArrival } from '../keys/arrival.ts'
import type { CompiledRequirement } from '../requirement/requirement.ts'
import { validateAlgorithm } from '../token/algorithm.ts'
import { validateClaims } from '../token/claims.ts'
import { isOpaque } from '../token/form.ts'
import { parseCompactJws } from '../token/jws.ts'
import { readTimeClaims, validateTime } from '../token/time.ts'
import { validateType } from '../token/token-type.ts'
import { addRequirement, createContext, type ValidationContext } from './context.ts'
import { validateEncryption } from './decryption.ts'
import { claimRulesOf, introspectJwt, opaqueVerifier } from './introspection-verifier.ts'
import type { Pipeline, TokenVerifier } from './pipeline.ts'
import { createMissingTokenError, refuse, reportAccepted, reportRefusal } from './report.ts'
import { revalidateCached } from './revalidate-cached.ts'
import { type CacheLookup, lookUpToken } from './token-cache.ts'
import { createVerificationResult, type VerificationResult } from './verification-result.ts'
import { createAccessToken, requirementsOf } from './verified-token.ts'
import { verifySignature } from './verify-signature.ts'

/**
 * Authenticates a request.
 *
 * @param requirement What the request needs besides the requirement of the validator.
 * @param earlier The token of an earlier authentication of the same request: its DPoP proof may be used
 * again.
 * @returns The access token, or a promise where something has to be awaited. Refusals always reject.
 */
export function authenticate(
  pipeline: Pipeline,
  request: HttpRequest,
  requirement?: Requirement,
  earlier?: AccessToken,
): MaybePromise<AccessToken> {
  return decide(undefined, requirement, createContext(pipeline, request, earlier))
}

/** Validates a token that the caller has without a request. */
export function validateToken(
  pipeline: Pipeline,
  token: string,
  requirement?: Requirement,
): MaybePromise<AccessToken> {
  return decide(token, requirement, createContext(pipeline, undefined))
}

/** Decides about a request, or about a token without one. */
function decide(
  token: string | undefined,
  requirement: Requirement | undefined,
  context: ValidationContext,
): MaybePromise<AccessToken> {
  try {
    if (requirement !== undefined) addRequirement(requirement, context)
    // Step 1, credentials: which token did the request present? RFC 6750 §2
    const presented = findCredentials(token, context)
    // Step 2, token: is it a valid token of a trusted issuer, for this API, now? RFC 9068 §4
    const result = tokenVerifier.verify(presented, context)
    // `in` before isPromise: a function that V8 has seen with many types takes 0.1 µs longer per request.
    if ('then' in result && isPromise(result)) return decideLater(result, context)
    const decided = proveAndAuthorize(result, context)
    // Step 5, response: the application responds. For a refusal, the error contains the response.
    return 'then' in decided && isPromise(decided)
      ? decided.then(undefined, (error) => refuse(error, context))
      : decided
  } catch (error) {
    return refuse(error, context)
  }
}

async function decideLater(
  result: Promise<VerificationResult>,
  context: ValidationContext,
): Promise<AccessToken> {
  try {
    return await proveAndAuthorize(await result, context)
  } catch (error) {
    throw reportRefusal(error, context)
  }
}

/** Depends on the request, so it runs on every request, for cached tokens too. */
function proveAndAuthorize(
  result: VerificationResult,
  context: ValidationContext,
): MaybePromise<AccessToken> {
  context.verified = result
  // Step 3, proof: did this request prove possession of the key that the token is bound to?
  const proofs = context.pipeline.proof.verify(result, context)
  return 'then' in proofs && isPromise(proofs)
    ? proofs.then((proven) => authorize(createAccessToken(result, proven, context), context))
    : authorize(createAccessToken(result, proofs, context), context)
}

function authorize(token: AccessToken, context: ValidationContext): MaybePromise<AccessToken> {
  // Before step 4: has the application revoked the token, perhaps since it was cached?
  const revocation = context.pipeline.checkRevocation?.(token)
  return revocation === undefined
    ? evaluate(token, context)
    : revocation.then(() => evaluate(token, context))
}

function evaluate(token: AccessToken, context: ValidationContext): MaybePromise<AccessToken> {
  const { pipeline, requirements } = context
  // Step 4, requirement: does the token allow this operation? RFC 6750 §3.1
  const pending =
    requirements.length === 0 ? undefined : pipeline.evaluateRequirements(token, requirements)
  return pending === undefined
    ? reportAccepted(token, context)
    : pending.then(() => reportAccepted(token, context))
}

function findCredentials(token: string | undefined, context: ValidationContext): PresentedToken {
  const { request, pipeline } = context
  const presented: PresentedToken | undefined =
    request !== undefined
      ? readCredentials(request, pipeline.options)
      : token === undefined
        ? undefined
        : { token }
  if (presented === undefined) throw createMissingTokenError(context)
  context.presented = presented
  context.scheme = presented.scheme
  return presented
}

/** Verifies tokens of every form. A cached token is a JWT, so its form is not examined again. */
const tokenVerifier: TokenVerifier = {
  verify(presented, context) {
    const lookup = lookUpToken(context.pipeline.cache, presented.token)
    if (lookup.value === undefined) {
      // The form decides, and not the outcome: a JWT that fails is never tried as an opaque token.
      return context.pipeline.opaqueIssuers.length > 0 && isOpaque(presented.token)
        ? opaqueVerifier.verify(presented, context)
        : verifyJwt(presented, lookup, context)
    }
    const isValid = revalidateCached(lookup.value, context)
    return typeof isValid === 'boolean'
      ? useCached(isValid, presented, lookup, context)
      : isValid.then((isStillValid) => useCached(isStillValid, presented, lookup, context))
  },
}

type JwtLookup = CacheLookup<VerificationResult>

function useCached(
  isValid: boolean,
  presented: PresentedToken,
  lookup: JwtLookup,
  context: ValidationContext,
): MaybePromise<VerificationResult> {
  context.cached = isValid
  return isValid && lookup.value !== undefined
    ? introspectJwt(lookup.value, presented, context)
    : verifyJwt(presented, lookup, context)
}

/**
 * Verifies a JWT access token. Does not use the request: see {@link TokenVerifier}.
 *
 * @see {@link https://www.rfc-editor.org/rfc/rfc9068#section-4 | RFC 9068, section 4}
 */
async function verifyJwt(
  presented: PresentedToken,
  lookup: JwtLookup,
  context: ValidationContext,
): Promise<VerificationResult> {
  try {
    const { cache, decrypt, issuers, proof, seconds } = context.pipeline
    const decryption = decrypt?.(presented.token)
    const decrypted = decryption === undefined ? undefined : await decryption
    const jwt =
      decrypted === undefined
        ? parseCompactJws(presented.token, lookup.cachedHeader?.header)
        : parseCompactJws(decrypted.token)
    context.header = jwt.header
    context.claims = jwt.claims
    const arrival = context.arrival ?? recordArrival()
    const found = issuers.findIssuer(getOwn(jwt.claims, 'iss'))
    const issuer = isPromise(found) ? await found : found
    context.issuer = issuer
    // Header and claims first, because these checks need no fetch and no signature verification.
    const now = seconds()
    validateAlgorithm(jwt.header, issuer.algorithms)
    validateType(jwt.header, issuer.profile)
    validateEncryption(decrypted, jwt.claims, issuer)
    const times = readTimeClaims(jwt.claims)
    validateTime(times, issuer, now)
    validateClaims(jwt.claims, claimRulesOf(issuer, jwt.claims))
    const confirmation = proof.readBinding(jwt.claims, context)
    // RFC 9068 §4: the signature, with a key of this issuer.
    const key = await verifySignature(jwt, issuer, now, arrival)
    if (key === undefined) throw new InvalidTokenError('unknown_key')
    // Again, because time has passed if keys were fetched.
    validateTime(times, issuer, seconds())
    issuers.recordVerified(issuer)
    const result = createVerificationResult(jwt, times, issuer, key, confirmation)
    cache?.set(presented.token, lookup, decrypted === undefined ? jwt.header : undefined, result)
    return introspectJwt(result, presented, context)
  } catch (error) {
    // Rejects one microtask later, for the reason given at `refuse`.
    await undefined
    throw error
  }
}

/**
 * Checks a requirement, besides that of the validator, against a token that was verified before.
 *
 * @param earlier What the same request was required before. It is not checked again, but the challenge
 * names it.
 */
export function authorizeToken(
  pipeline: Pipeline,
  token: AccessToken,
  requirement: Requirement,
  earlier: readonly CompiledRequirement[] | undefined = requirementsOf(token),
): MaybePromise<void> {
  const context = createContext(pipeline, undefined)
  try {
    context.scheme = token.scheme
    context.verified = token
    addRequirement(requirement, context)
    const pending = pipeline.evaluateRequirements(token, context.requirements, earlier)
    return pending?.then(undefined, (error) => refuse(error, context))
  } catch (error) {
    return refuse(error, context)
  }
}

/** Refuses an anonymous request with a challenge that names all requirements. */
export function refuseAnonymous(
  pipeline: Pipeline,
  requirements: readonly CompiledRequirement[],
): Promise<never> {
  const context = createContext(pipeline, undefined)
  context.requirements = [...context.requirements, ...requirements]
  return refuse(createMissingTokenError(context), context)
}
