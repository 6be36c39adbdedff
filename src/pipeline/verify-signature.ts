/**
 * @module Verifies the signature of a token: finds the keys of the issuer that the token may be signed
 * with, and tries them.
 *
 * @see {@link https://www.rfc-editor.org/rfc/rfc7515#section-5.2 | RFC 7515, section 5.2}
 */
import { Buffer } from 'node:buffer'
import type { JoseHeader } from '../access-token.ts'
import { InvalidTokenError } from '../errors.ts'
import { limitCost } from '../internal/limit-cost.ts'
import { isPromise, type MaybePromise } from '../internal/maybe-promise.ts'
import type { TrustedIssuer } from '../issuer/trusted-issuer.ts'
import { verifyInTurn } from '../issuer/verify-in-turn.ts'
import { type Arrival, startWaiting } from '../keys/arrival.ts'
import type { KeySet } from '../keys/key-set.ts'
import type { Algorithm, VerificationKey } from '../signature/algorithms.ts'
import type { ParsedJwt } from '../token/jws.ts'

/**
 * The maximum cost of the verifications for one token with one key set, in octets of RSA moduli: 4 keys of
 * 8192 bits, or 8 of 4096 bits. A token without `kid` is tried with at most 10 keys of a set, and with fewer
 * if they cost more.
 */
const maxCost = 4_096

/**
 * Verifies a signature with the current keys of the issuer. If the token may be signed with a newer key,
 * asks the key source for newer keys and, if there are any, verifies once more.
 *
 * @param now Seconds since 1970.
 * @param arrival The arrival of the token: only a set that was requested after it shows that no key fits, and
 * `keys.timeout` limits the whole wait, from the first one on.
 * @returns The key that the token is signed with; `undefined` if the issuer has no key that it may be
 * signed with. Returned, not thrown, for speed: the caller refuses the token.
 * @throws InvalidTokenError with `bad_signature`; ServiceUnavailableError. Also by rejecting.
 */
export function verifySignature(
  jwt: ParsedJwt,
  issuer: TrustedIssuer,
  now: number,
  arrival: Arrival,
): MaybePromise<VerificationKey | undefined> {
  const keySet = issuer.keys.current(now, arrival)
  return isPromise(keySet)
    ? tryPendingKeySet(keySet, jwt, issuer, arrival)
    : tryKeySet(keySet, false, jwt, issuer, arrival, now)
}

async function tryPendingKeySet(
  keySet: Promise<KeySet>,
  jwt: ParsedJwt,
  issuer: TrustedIssuer,
  arrival: Arrival,
): Promise<VerificationKey | undefined> {
  return tryKeySet(await keySet, false, jwt, issuer, arrival)
}

/** The verification of one token with the keys of one set. */
interface Attempt {
  readonly jwt: ParsedJwt
  readonly issuer: TrustedIssuer
  readonly arrival: Arrival
  readonly keySet: KeySet
  /** The keys of the set that the token may be signed with. */
  readonly candidates: readonly VerificationKey[]
  /** Whether this is the second, and last, key set that is tried. */
  readonly isRefreshed: boolean
}

// Without closures in the usual case, because they would be allocated for each token.
function tryKeySet(
  keySet: KeySet,
  isRefreshed: boolean,
  jwt: ParsedJwt,
  issuer: TrustedIssuer,
  arrival: Arrival,
  now?: number,
): MaybePromise<VerificationKey | undefined> {
  const candidates = findCandidates(keySet, jwt.header)
  // Not by index: for an empty list, that reads `Object.prototype[0]`.
  const key = candidates.at(0)
  if (key === undefined && isRefreshed) return undefined
  const attempt = { jwt, issuer, arrival, keySet, candidates, isRefreshed }
  if (key === undefined) return tryNewerKeys(attempt, now)
  const input = Buffer.from(jwt.signingInput, 'latin1')
  if (candidates.length > 1) return tryCandidates(input, attempt)
  const isValid = tryKey(key, input, false, attempt)
  if (isPromise(isValid)) return awaitVerification(isValid, key, attempt)
  return isValid ? key : continueAfterFailure(attempt)
}

async function awaitVerification(
  isValid: Promise<boolean>,
  key: VerificationKey,
  attempt: Attempt,
): Promise<VerificationKey | undefined> {
  startWaiting(attempt.arrival)
  return (await isValid) ? key : continueAfterFailure(attempt)
}

/** Tries the keys one after another. */
async function tryCandidates(
  input: Buffer,
  attempt: Attempt,
): Promise<VerificationKey | undefined> {
  startWaiting(attempt.arrival)
  const limited = limitCost(attempt.candidates, maxCost, readCost)
  for (const [index, key] of limited.entries()) {
    if (await tryKey(key, input, index > 0, attempt)) return key
  }
  return continueAfterFailure(attempt)
}

/** @param isContinuation Whether a key was tried before, so that the token need not queue again. */
function tryKey(
  key: VerificationKey,
  input: Buffer,
  isContinuation: boolean,
  { jwt, issuer }: Attempt,
): MaybePromise<boolean> {
  const algorithm = jwt.header.alg as Algorithm
  return verifyInTurn(issuer, algorithm, key, input, jwt.signature, isContinuation)
}

function continueAfterFailure(attempt: Attempt): MaybePromise<VerificationKey | undefined> {
  // RFC 7517 §4.5: a token that names a key of this set is not signed with a newer one.
  if (attempt.isRefreshed || getKid(attempt.jwt.header) !== undefined) {
    throw new InvalidTokenError('bad_signature')
  }
  return tryNewerKeys(attempt)
}

/**
 * Tries a key set that is newer than that of the attempt. There is none if the rate limit is reached, or if the
 * keys are configured.
 *
 * @param now Seconds since 1970; `undefined` if the token has waited since the clock was read.
 */
function tryNewerKeys(attempt: Attempt, now?: number): MaybePromise<VerificationKey | undefined> {
  const { jwt, issuer, arrival, keySet, candidates } = attempt
  // A set that was requested before the token arrived is enough only if the token had no candidate so far and
  // has one in that set.
  const isNewEnough = (later: KeySet) =>
    candidates.length === 0 && findCandidates(later, jwt.header).length > 0
  const newest = issuer.keys.refreshForUnknownKey(keySet, isNewEnough, arrival, now)
  return isPromise(newest)
    ? newest.then((set) => tryNewest(set, attempt))
    : tryNewest(newest, attempt)
}

function tryNewest(newest: KeySet, attempt: Attempt): MaybePromise<VerificationKey | undefined> {
  const { jwt, issuer, arrival, keySet, candidates } = attempt
  if (newest !== keySet) return tryKeySet(newest, true, jwt, issuer, arrival)
  if (candidates.length === 0) return undefined
  throw new InvalidTokenError('bad_signature')
}

function findCandidates(keySet: KeySet, header: JoseHeader): readonly VerificationKey[] {
  return keySet.findKeys(header.alg as Algorithm, getKid(header))
}

function getKid(header: JoseHeader): string | undefined {
  return Object.hasOwn(header, 'kid') ? header.kid : undefined
}

function readCost({ keyType, modulusLength }: VerificationKey): number {
  return keyType.verificationCost ?? modulusLength
}
