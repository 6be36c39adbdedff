/**
 * @module The decision about one request, in five steps. `decide` runs steps 1 and 2 and calls
 * `verifyProofAndAuthorize` for step 3, which calls `checkRevocationAndAuthorize` for step 4; step 5 is the
 * response. `verifyAndDecide` contains step 2 for a JWT that is not cached. Each step returns its result or
 * throws an AccessTokenError, or another Error if a function of the application failed. Cheap checks run before
 * expensive ones. For a cached token no promise is created, unless a step has to wait or refuses.
 */
import type { AccessToken, HttpRequest, Proof, Requirement } from '../access-token.ts'
import { readCredentials } from '../credentials/credentials.ts'
import type { PresentedToken } from '../credentials/presented-token.ts'
import { InvalidTokenError } from '../errors.ts'
import { isPromise, type MaybePromise, type MaybeThenable } from '../internal/maybe-promise.ts'
import { getOwn } from '../internal/own-property.ts'
import { recordArrival, startWaiting } from '../keys/arrival.ts'
import { isOpaque } from '../token/form.ts'
import type { DecryptedToken } from '../token/jwe.ts'
import { parseCompactJws } from '../token/jws.ts'
import { validateTime } from '../token/time.ts'
import { addRequirement, createContext, type ValidationContext } from './context.ts'
import { introspectJwtIfRequired, opaqueVerifier } from './introspection-verifier.ts'
import type { Pipeline } from './pipeline.ts'
import { createMissingTokenError, refuse, reportAccepted, reportRefusal } from './report.ts'
import { revalidateCached } from './revalidate-cached.ts'
import { lookUpToken } from './token-cache.ts'
import { validateJwt } from './validate-jwt.ts'
import { createVerificationResult, type VerificationResult } from './verification-result.ts'
import { createAccessToken } from './verified-token.ts'
import { verifySignature } from './verify-signature.ts'

/**
 * Authenticates a request.
 *
 * @param requirement What the request needs besides the requirement of the validator.
 * @param previousToken The token of an earlier authentication of the same request: its DPoP proof may be
 * used again.
 * @returns The access token, or a promise where something has to be awaited. Refusals always reject.
 */
export function authenticate(
  pipeline: Pipeline,
  request: HttpRequest,
  requirement?: Requirement,
  previousToken?: AccessToken,
): MaybePromise<AccessToken> {
  return decide(undefined, requirement, createContext(pipeline, request, previousToken))
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
    const verified = verifyCachedOrOpaque(presented, context)
    if (verified === undefined) return verifyAndDecide(undefined, presented, context)
    if ((verified as MaybeThenable).then !== undefined && isPromise(verified)) {
      return verifyAndDecide(verified, presented, context)
    }
    const decided = verifyProofAndAuthorize(verified as VerificationResult, context)
    // Step 5, response: the application responds. For a refusal, the error contains the response.
    return (decided as MaybeThenable).then !== undefined && isPromise(decided)
      ? decided.then(undefined, (error) => refuse(error, context))
      : decided
  } catch (error) {
    return refuse(error, context)
  }
}

/**
 * Continues {@link decide} if the result is still to be created or awaited. One function, because each call
 * between a throw and its catch adds 0.3 µs to a refusal, and each promise 0.2 µs to a new token.
 */
async function verifyAndDecide(
  pendingResult: Promise<VerificationResult | undefined> | undefined,
  presented: PresentedToken,
  context: ValidationContext,
): Promise<AccessToken> {
  let refusal: unknown
  try {
    let result = pendingResult === undefined ? undefined : await pendingResult
    if (result === undefined) {
      // Step 2 for a JWT. The result does not depend on the request. `readAndValidateBinding` also refuses
      // early if the options or the scheme of this request do not fit the binding.
      const { decrypt, issuers, seconds } = context.pipeline
      const decryption = decrypt?.(presented.token)
      const decrypted = decryption === undefined ? undefined : await decryption
      const jwt =
        decrypted === undefined
          ? parseCompactJws(presented.token, context.lookup.cachedHeader?.header)
          : parseCompactJws(decrypted.token)
      context.header = jwt.header
      context.claims = jwt.claims
      const arrival = context.arrival ?? recordArrival()
      const foundIssuer = issuers.findIssuer(getOwn(jwt.claims, 'iss'))
      if (isPromise(foundIssuer)) startWaiting(arrival)
      const issuer = isPromise(foundIssuer) ? await foundIssuer : foundIssuer
      context.issuer = issuer
      const now = seconds()
      // Header and claims first, because these checks need no fetch and no signature verification.
      const times = validateJwt(jwt, decrypted, issuer, now)
      const confirmation = context.pipeline.proof.readAndValidateBinding(jwt.claims, context)
      const foundKey = verifySignature(jwt, issuer, now, arrival)
      const key = isPromise(foundKey) ? await foundKey : foundKey
      if (key === undefined) {
        // Thrown only at the end: a throw to the `catch` below takes 5 % of the time of a refusal, and anyone
        // can send such tokens.
        refusal = new InvalidTokenError('unknown_key')
      } else {
        // Again, because time has passed if keys were fetched.
        validateTime(times, issuer, seconds())
        const verified = createVerificationResult(jwt, times, issuer, key, confirmation)
        recordVerified(verified, decrypted, presented, context)
        const introspected = introspectJwtIfRequired(verified, presented, context)
        result = isPromise(introspected) ? await introspected : introspected
      }
    }
    if (result !== undefined) {
      const decided = verifyProofAndAuthorize(result, context)
      return isPromise(decided) ? await decided : decided
    }
  } catch (error) {
    refusal = error
  }
  // Rejects one microtask later, for the reason given at `refuse`.
  await undefined
  throw reportRefusal(refusal, context)
}

function recordVerified(
  result: VerificationResult,
  decrypted: DecryptedToken | undefined,
  { token }: PresentedToken,
  { lookup, pipeline }: ValidationContext,
): void {
  pipeline.issuers.recordVerified(result.issuer)
  // The first part of an encrypted token is not the header of the JWT in it.
  pipeline.cache?.set(token, lookup, decrypted === undefined ? result.header : undefined, result)
}

/** Steps 3 and 4. They depend on the request, so they run on every request, for cached tokens too. */
function verifyProofAndAuthorize(
  result: VerificationResult,
  context: ValidationContext,
): MaybePromise<AccessToken> {
  context.verified = result
  // Step 3, proof: did this request prove possession of the key that the token is bound to?
  const proofs = context.pipeline.proof.verify(result, context)
  return (proofs as MaybeThenable).then !== undefined && isPromise(proofs)
    ? proofs.then((proven) => checkRevocationAndAuthorize(result, proven, context))
    : checkRevocationAndAuthorize(result, proofs as readonly Proof[], context)
}

function checkRevocationAndAuthorize(
  result: VerificationResult,
  proofs: readonly Proof[],
  context: ValidationContext,
): MaybePromise<AccessToken> {
  const token = createAccessToken(result, proofs, context)
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

/**
 * Finds the result for a token that was verified before, or for an opaque token.
 *
 * @returns `undefined` for a token that has to be verified as a JWT.
 */
function verifyCachedOrOpaque(
  presented: PresentedToken,
  context: ValidationContext,
): MaybePromise<VerificationResult | undefined> {
  const { cache, opaqueIssuers } = context.pipeline
  const lookup = lookUpToken(cache, presented.token)
  context.lookup = lookup
  const result = lookup.value
  if (result === undefined) {
    // Only the form of the token decides: a JWT that is not valid is never tried as an opaque token.
    const isTreatedAsJwt = opaqueIssuers.length === 0 || !isOpaque(presented.token)
    return isTreatedAsJwt ? undefined : opaqueVerifier.verify(presented, context)
  }
  const isValid = revalidateCached(result, context)
  return typeof isValid === 'boolean'
    ? useCached(isValid, result, presented, context)
    : isValid.then((isStillValid) => useCached(isStillValid, result, presented, context))
}

function useCached(
  isValid: boolean,
  result: VerificationResult,
  presented: PresentedToken,
  context: ValidationContext,
): MaybePromise<VerificationResult | undefined> {
  context.cached = isValid
  return isValid ? introspectJwtIfRequired(result, presented, context) : undefined
}
