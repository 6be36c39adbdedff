/**
 * @module Verifies the signature of a token: finds the keys of the issuer that it may be signed with,
 * and tries them.
 *
 * @see {@link https://www.rfc-editor.org/rfc/rfc7515#section-5.2 | RFC 7515, section 5.2}
 */
import type { JoseHeader } from '../access-token.ts'
import { InvalidTokenError, ServiceUnavailableError } from '../errors.ts'
import { isPromise, type MaybePromise } from '../internal/maybe-promise.ts'
import { printable } from '../internal/printable.ts'
import type { TrustedIssuer } from '../issuer/trusted-issuer.ts'
import type { Arrival } from '../keys/arrival.ts'
import type { KeySet } from '../keys/key-set.ts'
import type { Algorithm, VerificationKey } from '../signature/algorithms.ts'
import type { VerificationTask } from '../signature/verification-queue.ts'
import { verifyWithKey } from '../signature/verify.ts'
import type { ParsedJwt } from '../token/jws.ts'

/**
 * What the verifications for one token may cost, in octets of RSA moduli: 4 keys of 8192 bits, or 8 of
 * 4096 bits. A token without `kid` is tried with no more keys than that, and with 10 at most.
 */
const maxCost = 4_096

/**
 * Verifies a signature with the current keys of the issuer. If the token may be signed with a newer key,
 * fetches the keys again and verifies once more.
 *
 * @param now Seconds since 1970.
 * @param arrival When the token began to wait. The limit of its whole wait is `keys.timeout`.
 * @returns The key that the token is signed with; `undefined` if the issuer has no key that it may be
 * signed with. That is not an error here, because V8 does not optimise a function that always throws.
 * @throws InvalidTokenError with `bad_signature`; ServiceUnavailableError
 */
export async function verifySignature(
  jwt: ParsedJwt,
  issuer: TrustedIssuer,
  now: number,
  arrival: Arrival,
): Promise<VerificationKey | undefined> {
  const { header } = jwt
  const current = issuer.keys.current(now, arrival)
  let keySet = isPromise(current) ? await current : current
  for (let isRefreshed = false; ; isRefreshed = true) {
    const candidates = findCandidates(keySet, header)
    const key = candidates.length === 0 ? undefined : await tryKeys(candidates, jwt, issuer)
    if (key !== undefined) return key
    // RFC 7517 §4.5: a token that names a key of this set is not signed with a newer one.
    const shouldRefresh = !isRefreshed && (candidates.length === 0 || kidOf(header) === undefined)
    const found = shouldRefresh ? findNewerKeys(keySet, candidates, jwt, issuer, arrival) : keySet
    const refreshed = isPromise(found) ? await found : found
    if (refreshed === keySet) {
      if (candidates.length === 0) return undefined
      throw new InvalidTokenError('bad_signature')
    }
    keySet = refreshed
  }
}

function findCandidates(keySet: KeySet, header: JoseHeader): readonly VerificationKey[] {
  return keySet.findKeys(header.alg as Algorithm, kidOf(header))
}

function kidOf(header: JoseHeader): string | undefined {
  return Object.hasOwn(header, 'kid') ? header.kid : undefined
}

/** @returns The same set if the issuer has no newer one, or if the rate limit is reached. */
function findNewerKeys(
  keySet: KeySet,
  candidates: readonly VerificationKey[],
  { header }: ParsedJwt,
  { keys }: TrustedIssuer,
  arrival: Arrival,
): MaybePromise<KeySet> {
  // If candidates failed, only keys that were requested after the token arrived are accepted.
  const fits = (later: KeySet) =>
    candidates.length === 0 && findCandidates(later, header).length > 0
  return keys.refreshForUnknownKey(keySet, fits, arrival)
}

async function tryKeys(
  candidates: readonly VerificationKey[],
  jwt: ParsedJwt,
  issuer: TrustedIssuer,
): Promise<VerificationKey | undefined> {
  const input = jwt.signingInput()
  const algorithm = jwt.header.alg as Algorithm
  let isContinuation = false
  for (const key of limitCost(candidates)) {
    const isValid = await new Promise<boolean>((resolve, reject) => {
      schedule(issuer, isContinuation, reject, (release) => {
        verifyWithKey(algorithm, key, input, jwt.signature, (valid) => {
          release()
          resolve(valid)
        })
      })
    })
    if (isValid) return key
    isContinuation = true
  }
  return undefined
}

function limitCost(candidates: readonly VerificationKey[]): readonly VerificationKey[] {
  if (candidates.length === 1) return candidates
  let cost = 0
  return candidates.filter((key) => {
    cost += key.keyType.verificationCost ?? key.modulusLength
    return cost <= maxCost
  })
}

const releaseNothing = (): void => {}

/** Runs a verification at once, or in the turn of its issuer if there are several. */
function schedule(
  { issuer, status, verifications }: TrustedIssuer,
  isContinuation: boolean,
  reject: (error: Error) => void,
  task: VerificationTask,
): void {
  if (verifications === undefined) {
    task(releaseNothing)
    return
  }
  // Issuers without a verified token share one turn, because an attacker can name any number of them.
  const owner = status.verified ? issuer : ''
  if (verifications.run(owner, task, isContinuation)) return
  const hint = 'too many signatures of this issuer wait to be verified'
  reject(new ServiceUnavailableError('keys', 1, { issuer: printable(issuer), hint }))
}
