/**
 * @module Finds the key of an issuer that a token is signed with, by its header and its signature.
 *
 * @see {@link https://www.rfc-editor.org/rfc/rfc7517#section-4.5 | RFC 7517, section 4.5}
 */
import type { JoseHeader } from '../access-token.ts'
import { InvalidTokenError, ServiceUnavailableError } from '../errors.ts'
import { isPromised } from '../internal/maybe-promise.ts'
import { type Arrival, recordArrival } from '../keys/arrival.ts'
import type { KeySet } from '../keys/key-set.ts'
import type { Algorithm, VerificationKey } from '../signature/algorithms.ts'
import type { VerificationTask } from '../signature/verification-queue.ts'
import { verifySignature } from '../signature/verify.ts'
import type { ParsedJwt } from '../token/compact-jws.ts'
import type { TrustedIssuer } from './trusted-issuer.ts'

/**
 * What the verifications for one token may cost, in octets of RSA moduli: 4 keys of 8192 bits, or 8 of
 * 4096 bits. A token without `kid` is tried with no more keys than that, and with 10 at most.
 */
const maxCost = 4_096
/** Of a key on P-384 or P-521 (450 and 1,000 µs; RSA with 8192 bits: 210 µs), and of a smaller one. */
const largeCurveCost = 1_024
const smallCurveCost = 256

/** `undefined`: the issuer has no such key. (A throw would keep V8 from ever compiling these functions.) */
type FoundKey = VerificationKey | undefined

/**
 * Finds the key that the token is signed with; `undefined` where the issuer has none that may be it.
 * Returns a promise only where keys are fetched or a signature is verified.
 *
 * @param now Seconds since 1970.
 * @param arrival From when on the token waits `keys.timeout`.
 * @throws InvalidTokenError with `bad_signature`; ServiceUnavailableError, at once or by a rejection.
 */
export function findSigningKey(
  jwt: ParsedJwt,
  issuer: TrustedIssuer,
  now: number,
  arrival: Arrival = recordArrival(),
): FoundKey | Promise<FoundKey> {
  const known = issuer.keys.current(now, arrival)
  return isPromised(known)
    ? known.then((set) => findInSet(set, jwt, issuer, arrival))
    : findInSet(known, jwt, issuer, arrival)
}

function findInSet(
  set: KeySet,
  jwt: ParsedJwt,
  issuer: TrustedIssuer,
  arrival: Arrival,
): FoundKey | Promise<FoundKey> {
  if (findCandidates(set, jwt).length > 0) return verifyWithSet(set, jwt, issuer, arrival)
  // RFC 7517 §4.5: the key may be newer than the set.
  const fits = (later: KeySet) => findCandidates(later, jwt).length > 0
  const newer = issuer.keys.refreshForUnknownKey(set, fits, arrival)
  return isPromised(newer)
    ? newer.then((later) => verifyWithNewerSet(later, jwt, issuer))
    : verifyWithNewerSet(newer, jwt, issuer)
}

function verifyWithNewerSet(
  set: KeySet,
  jwt: ParsedJwt,
  issuer: TrustedIssuer,
): FoundKey | Promise<FoundKey> {
  const hasCandidates = findCandidates(set, jwt).length > 0
  return hasCandidates ? verifyWithSet(set, jwt, issuer, undefined) : undefined
}

function findCandidates(set: KeySet, { header }: ParsedJwt): readonly VerificationKey[] {
  return set.find(header.alg as Algorithm, getKid(header))
}

function getKid(header: JoseHeader): string | undefined {
  return Object.hasOwn(header, 'kid') ? header.kid : undefined
}

/** @param arrival `undefined` where a newer set was already asked for. */
function verifyWithSet(
  set: KeySet,
  jwt: ParsedJwt,
  issuer: TrustedIssuer,
  arrival: Arrival | undefined,
): Promise<FoundKey> {
  const { header, signature } = jwt
  const candidates = limitCost(findCandidates(set, jwt))
  const input = jwt.signingInput()

  function tryFrom(position: number): Promise<FoundKey> {
    const key = candidates[position]
    if (key === undefined) return verifyWithUnknownKey(set, jwt, issuer, arrival)
    return new Promise((resolve, reject) => {
      scheduleVerification(issuer, position > 0, reject, (release) => {
        verifySignature(header.alg as Algorithm, key, input, signature, (valid) => {
          release()
          resolve(valid ? key : tryFrom(position + 1))
        })
      })
    })
  }

  return tryFrom(0)
}

function limitCost(candidates: readonly VerificationKey[]): readonly VerificationKey[] {
  if (candidates.length === 1) return candidates
  let cost = 0
  return candidates.filter((key) => {
    cost += getCost(key)
    return cost <= maxCost
  })
}

function getCost({ modulusLength, keyType }: VerificationKey): number {
  if (modulusLength > 0) return modulusLength
  return (keyType.coordinateLength ?? 0) > 32 ? largeCurveCost : smallCurveCost
}

const doNothing = (): void => {}

function scheduleVerification(
  { issuer, status, verifications }: TrustedIssuer,
  isContinuation: boolean,
  reject: (error: Error) => void,
  task: VerificationTask,
): void {
  if (verifications === undefined) {
    task(doNothing)
    return
  }
  // Issuers without a verified token share one turn: there may be as many as an attacker likes.
  const owner = status.verified ? issuer : ''
  if (verifications.run(owner, task, isContinuation)) return
  const hint = 'too many signatures of this issuer wait to be verified'
  reject(new ServiceUnavailableError('keys', 1, { issuer, hint }))
}

/** A token that names no key may be signed with one that is newer than the set. */
async function verifyWithUnknownKey(
  set: KeySet,
  jwt: ParsedJwt,
  issuer: TrustedIssuer,
  arrival: Arrival | undefined,
): Promise<FoundKey> {
  const onlyTheNewest = () => false
  const newer =
    arrival !== undefined && getKid(jwt.header) === undefined
      ? await issuer.keys.refreshForUnknownKey(set, onlyTheNewest, arrival)
      : set
  if (newer === set) throw new InvalidTokenError('bad_signature')
  return verifyWithNewerSet(newer, jwt, issuer)
}
