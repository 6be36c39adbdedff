/**
 * @module Proof of possession by DPoP: one function that runs every check of RFC 9449 §4.3. Cheap checks
 * run before expensive ones, except for the nonce. The access token must be verified before this function
 * is called.
 *
 * @see {@link https://www.rfc-editor.org/rfc/rfc9449#section-4.3 | RFC 9449, section 4.3}
 */
import type { HttpRequest } from '../access-token.ts'
import {
  DpopNonceRequiredError,
  InvalidDpopProofError,
  InvalidTokenError,
  ServiceUnavailableError,
} from '../errors.ts'
import { sha256 } from '../internal/sha256.ts'
import { withTimeout } from '../internal/timeout.ts'
import { type VerificationOwner, verifyInTurn } from '../issuer/verify-in-turn.ts'
import type { ReplayStore, ResolvedDpop } from '../options/dpop.ts'
import {
  getDpopHeader,
  type ProofClaims,
  parseDpopProof,
  parseProofHeader,
  proofFutureTolerance,
  validateProofClaims,
  validateProofTime,
} from './dpop-proof.ts'
import { createNonces } from './nonces.ts'
import { createProofKeyCache, importProofKey } from './proof-keys.ts'
import { createMemoryReplayStore } from './replay-store.ts'

export interface DpopVerifierOptions extends ResolvedDpop {
  /** Seconds. */
  readonly clockTolerance: number
  /** Milliseconds. */
  readonly now: () => number
}

/** A request with a DPoP-bound token that is valid. */
export interface DpopPresentation {
  readonly request: HttpRequest
  /** If it is `undefined`, no proof matches. */
  readonly targetUri: string | undefined
  /** The access token, which was sent with the scheme DPoP. */
  readonly token: string
  /** The thumbprint of the key that the token is bound to (`cnf.jkt`). */
  readonly jkt: string
  /** The issuer of the token. The signatures of its tokens and of their proofs wait in one queue. */
  readonly issuer: VerificationOwner
  /** The result of an earlier verification of the same request. */
  readonly earlier?: DpopResult | undefined
}

export interface DpopResult {
  /** Set if the response should offer the next nonce in `DPoP-Nonce`, with `Cache-Control: no-store`. */
  readonly nextNonce: string | undefined
  /** The key of the proof in a replay store. */
  readonly replayKey: string
  /** The stores in which this request has claimed the proof. */
  readonly stores: readonly ReplayStore[]
}

export interface DpopVerifier {
  /**
   * Verifies that the request has a proof by the key that the token is bound to, and that the proof is
   * used for the first time, unless `replayStore` is `'external'`. Caches only imported keys.
   *
   * @throws InvalidDpopProofError, DpopNonceRequiredError, InvalidTokenError with `binding_mismatch`,
   * ServiceUnavailableError with `replay_store`, or with `keys` if too many signatures wait to be verified
   */
  readonly verify: (presentation: DpopPresentation) => Promise<DpopResult>
}

/** A key of P-256 takes 5 KB with its OpenSSL object: 10 MB in all. */
const maxCachedKeys = 2_000
/** Milliseconds. */
const replayStoreTimeout = 1_000
/** Seconds after which a client may try again if the replay store fails. */
const retryAfter = 1
const noStores: readonly ReplayStore[] = Object.freeze([])

export function createDpopVerifier(options: DpopVerifierOptions): DpopVerifier {
  const { algorithms, maxAge, clockTolerance, now } = options
  // Seconds. A proof is remembered this much longer than it is accepted, because the store may take a second
  // and the clock of another process may be behind. A nonce may be from a clock that is ahead by this much.
  const margin = proofFutureTolerance(clockTolerance)
  const keys = createProofKeyCache(maxCachedKeys)
  const nonces = options.nonce && createNonces({ ...options.nonce, futureTolerance: margin, now })
  const replayStore = createReplayStore(options)

  async function verify(presentation: DpopPresentation): Promise<DpopResult> {
    const { request, targetUri, token, jkt, issuer } = presentation
    const proof = parseDpopProof(getDpopHeader(request))
    // The header of a cached key has passed `parseProofHeader` before. The result would be the same now: it
    // depends only on the text of the header and on `algorithms`.
    const keyOrHeader = keys.get(proof.header) ?? parseProofHeader(proof.header, algorithms)
    const { method } = request
    const rules = { method, targetUri, token, maxAge, clockTolerance }
    validateProofClaims(proof.claims, { ...rules, now: now() / 1000 })
    // Not by `key`: if other code has added `key` to `Object.prototype`, a header would pass for an imported key.
    const proofKey = 'jwk' in keyOrHeader ? importProofKey(keyOrHeader) : keyOrHeader
    // RFC 9449 §4.3, check 12, second part. RFC 9449 §7.1, figure 16: the error is `invalid_token`.
    if (proofKey.jkt !== jkt) throw bindingMismatch(jkt, proofKey.jkt)
    // Check 6
    const { algorithm, key } = proofKey
    const { signingInput, signature } = proof
    if (!(await verifyInTurn(issuer, algorithm, key, signingInput, signature, false))) {
      throw new InvalidDpopProofError('bad_signature', { algorithm })
    }
    // Cached only now, so that proofs without a valid signature cannot fill the cache.
    keys.add(proof.header, proofKey)
    const nextNonce = validateNonce(proof.claims)
    // Contains the thumbprint, so that no client can use up the identifiers of another client.
    const replayKey = sha256(`${jkt}.${proof.claims.jti}`)
    const { earlier } = presentation
    const stores = earlier?.replayKey === replayKey ? earlier.stores : noStores
    const needsNoClaim = replayStore === undefined || stores.includes(replayStore)
    if (needsNoClaim) return { nextNonce, replayKey, stores }
    await claimProof(replayStore, replayKey, proof.claims, jkt)
    return { nextNonce, replayKey, stores: [...stores, replayStore] }
  }

  /** Check 10. Runs late, so that an invalid proof is refused as such and not for its nonce. */
  function validateNonce({ nonce }: ProofClaims): string | undefined {
    if (nonces === undefined) return undefined
    const state = nonce === undefined ? 'missing' : nonces.check(nonce)
    if (state === 'current') return undefined
    const nextNonce = nonces.create()
    if (state === 'near_expiry') return nextNonce
    throw new DpopNonceRequiredError(nextNonce, { name: 'nonce', actual: state })
  }

  /** RFC 9449 §11.1. Runs last: a proof that is refused for another reason is not used up. */
  async function claimProof(
    store: ReplayStore,
    replayKey: string,
    claims: ProofClaims,
    jkt: string,
  ): Promise<void> {
    const time = now() / 1000
    // Repeated, because the proof may have become too old while its signature was verified, and the store may
    // have dropped it.
    validateProofTime(claims, { now: time, maxAge, clockTolerance })
    const seconds = claims.iat + maxAge + clockTolerance + margin - time
    const isFirstUse = await claimOnce(store, replayKey, seconds, jkt)
    if (!isFirstUse) throw new InvalidDpopProofError('replayed', { name: 'jti' })
  }

  return { verify }
}

function bindingMismatch(expected: string, actual: string): InvalidTokenError {
  return new InvalidTokenError('binding_mismatch', { name: 'cnf.jkt', expected, actual })
}

function createReplayStore(options: DpopVerifierOptions): ReplayStore | undefined {
  const { replayStore, maxAge, clockTolerance, now } = options
  if (replayStore === 'external') return undefined
  return (
    replayStore ??
    createMemoryReplayStore({
      // The largest `seconds` of `claimProof`: `iat` may be ahead by the tolerance, and the margin is added.
      window: maxAge + clockTolerance + 2 * proofFutureTolerance(clockTolerance),
      now,
    })
  )
}

/** Claims a proof. Fails closed: a result that is not a boolean counts as a failure of the store. */
async function claimOnce(
  store: ReplayStore,
  key: string,
  seconds: number,
  jkt: string,
): Promise<boolean> {
  let result: unknown
  try {
    const claimed = store.claim(key, seconds, jkt)
    result =
      typeof claimed === 'boolean'
        ? claimed
        : await withTimeout(claimed, replayStoreTimeout, createTimeoutError)
  } catch (error) {
    const hint = 'the store of used DPoP proofs (dpop.replayStore) failed or is full: see the cause'
    throw new ServiceUnavailableError('replay_store', retryAfter, { hint }, error)
  }
  if (typeof result === 'boolean') return result
  const hint = 'claim of dpop.replayStore must return true or false'
  throw new ServiceUnavailableError('replay_store', retryAfter, { hint })
}

function createTimeoutError(): Error {
  return new Error(`no result within ${replayStoreTimeout} ms`)
}
