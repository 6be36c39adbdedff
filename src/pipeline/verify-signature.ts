/**
 * @module Verifies the signature of a token: finds the keys of the issuer that the token may be signed
 * with, and tries them.
 *
 * @see {@link https://www.rfc-editor.org/rfc/rfc7515#section-5.2 | RFC 7515, section 5.2}
 */
import type { Buffer } from 'node:buffer'
import type { JoseHeader } from '../access-token.ts'
import { InvalidTokenError } from '../errors.ts'
import { limitCost } from '../internal/limit-cost.ts'
import { chain, type MaybePromise } from '../internal/maybe-promise.ts'
import type { TrustedIssuer } from '../issuer/trusted-issuer.ts'
import { verifyInTurn } from '../issuer/verify-in-turn.ts'
import type { Arrival } from '../keys/arrival.ts'
import type { KeySet } from '../keys/key-set.ts'
import type { Algorithm, VerificationKey } from '../signature/algorithms.ts'
import type { ParsedJwt } from '../token/jws.ts'

/**
 * The maximum cost of the verifications for one token, in octets of RSA moduli: 4 keys of 8192 bits, or 8
 * of 4096 bits. A token without `kid` is tried with at most 10 keys, and with fewer if they cost more.
 */
const maxCost = 4_096

/**
 * Verifies a signature with the current keys of the issuer. If the token may be signed with a newer key,
 * fetches the keys again and verifies once more.
 *
 * @param now Seconds since 1970.
 * @param arrival When the token began to wait. The limit of its whole wait is `keys.timeout`.
 * @returns The key that the token is signed with; `undefined` if the issuer has no key that it may be
 * signed with. That is not an error here: the caller throws it.
 * @throws InvalidTokenError with `bad_signature`; ServiceUnavailableError. Also by rejecting.
 */
export function verifySignature(
  jwt: ParsedJwt,
  issuer: TrustedIssuer,
  now: number,
  arrival: Arrival,
): MaybePromise<VerificationKey | undefined> {
  return chain(issuer.keys.current(now, arrival), (keySet) =>
    tryKeySet(keySet, false, jwt, issuer, arrival),
  )
}

/** @param isRefreshed Whether this is the second, and last, key set that is tried. */
function tryKeySet(
  keySet: KeySet,
  isRefreshed: boolean,
  jwt: ParsedJwt,
  issuer: TrustedIssuer,
  arrival: Arrival,
): MaybePromise<VerificationKey | undefined> {
  const candidates = findCandidates(keySet, jwt.header)
  if (candidates.length === 0) {
    return isRefreshed ? undefined : tryNewerKeys(keySet, candidates, jwt, issuer, arrival)
  }
  return chain(tryKeys(candidates, jwt, issuer), (key) => {
    if (key !== undefined) return key
    // RFC 7517 §4.5: a token that names a key of this set is not signed with a newer one.
    if (isRefreshed || getKid(jwt.header) !== undefined)
      throw new InvalidTokenError('bad_signature')
    return tryNewerKeys(keySet, candidates, jwt, issuer, arrival)
  })
}

/** Tries a key set that is newer than `keySet`. There is none if the rate limit is reached. */
function tryNewerKeys(
  keySet: KeySet,
  candidates: readonly VerificationKey[],
  jwt: ParsedJwt,
  issuer: TrustedIssuer,
  arrival: Arrival,
): MaybePromise<VerificationKey | undefined> {
  // If candidates failed, only keys that were requested after the token arrived are accepted.
  const hasCandidate = (later: KeySet) =>
    candidates.length === 0 && findCandidates(later, jwt.header).length > 0
  return chain(issuer.keys.refreshForUnknownKey(keySet, hasCandidate, arrival), (newest) => {
    if (newest !== keySet) return tryKeySet(newest, true, jwt, issuer, arrival)
    if (candidates.length === 0) return undefined
    throw new InvalidTokenError('bad_signature')
  })
}

function findCandidates(keySet: KeySet, header: JoseHeader): readonly VerificationKey[] {
  return keySet.findKeys(header.alg as Algorithm, getKid(header))
}

function getKid(header: JoseHeader): string | undefined {
  return Object.hasOwn(header, 'kid') ? header.kid : undefined
}

/** Tries the keys one after another. @returns The key that the token is signed with. */
function tryKeys(
  candidates: readonly VerificationKey[],
  jwt: ParsedJwt,
  issuer: TrustedIssuer,
): MaybePromise<VerificationKey | undefined> {
  const [key] = candidates
  if (key === undefined) return undefined
  const input = jwt.signingInput()
  if (candidates.length > 1)
    return tryAll(limitCost(candidates, maxCost, readCost), input, jwt, issuer)
  const algorithm = jwt.header.alg as Algorithm
  return chain(verifyInTurn(issuer, algorithm, key, input, jwt.signature, false), (isValid) =>
    isValid ? key : undefined,
  )
}

async function tryAll(
  candidates: readonly VerificationKey[],
  input: Buffer,
  { header, signature }: ParsedJwt,
  issuer: TrustedIssuer,
): Promise<VerificationKey | undefined> {
  const algorithm = header.alg as Algorithm
  for (const [index, key] of candidates.entries()) {
    if (await verifyInTurn(issuer, algorithm, key, input, signature, index > 0)) return key
  }
  return undefined
}

function readCost({ keyType, modulusLength }: VerificationKey): number {
  return keyType.verificationCost ?? modulusLength
}
