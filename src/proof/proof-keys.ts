/**
 * @module The keys of DPoP proofs. A client sends the same header with each of its proofs, so the key
 * that was imported from one is cached under the text of the header.
 */
import { Buffer } from 'node:buffer'
import { InvalidDpopProofError } from '../errors.ts'
import { decodeBase64url } from '../internal/base64url.ts'
import { sha256 } from '../internal/sha256.ts'
import { importJwk, mayVerify } from '../keys/jwk-import.ts'
import { type Algorithm, numberMembers, type VerificationKey } from '../signature/algorithms.ts'
import type { ProofHeader } from './dpop-proof.ts'

/** A public key that a proof contained. */
export interface ProofKey {
  readonly algorithm: Algorithm
  readonly key: VerificationKey
  /** RFC 7638: the SHA-256 thumbprint. */
  readonly jkt: string
}

/**
 * Imports the key of a proof. Blocks the event loop for 0.1 ms with a key of P-256.
 *
 * @throws InvalidDpopProofError with `invalid_key`
 */
export function importProofKey({ algorithm, jwk }: ProofHeader): ProofKey {
  // Issuers may pad or use the alphabet of base64; the key of a proof must be base64url (RFC 7515 §2).
  const isBase64url = numberMembers.every((name) => isBase64urlMember(jwk[name]))
  if (!isBase64url) throw invalidKey('malformed')
  const key = importJwk(jwk)
  if (typeof key === 'string') throw invalidKey(key)
  // RFC 8725 §3.1
  if (!mayVerify(key, algorithm)) throw invalidKey('alg')
  return { algorithm, key, jkt: calculateThumbprint(jwk, key.keyType) }
}

/**
 * Calculates the SHA-256 thumbprint of a public key. Written here, because an import of jose takes 10 ms
 * of CPU time, also where no proof is ever verified.
 *
 * @see {@link https://www.rfc-editor.org/rfc/rfc7638#section-3 | RFC 7638, section 3}
 */
function calculateThumbprint(
  jwk: ProofHeader['jwk'],
  { kty, crv, numbers }: VerificationKey['keyType'],
): string {
  const required: Record<string, unknown> = { kty }
  if (crv !== undefined) required.crv = crv
  for (const name of numbers) required[name] = jwk[name]
  // RFC 7638 §3.3: only the required members, in the order of their names, without white space.
  return sha256(JSON.stringify(required, Object.keys(required).sort()))
}

function isBase64urlMember(value: unknown): boolean {
  return typeof value !== 'string' || decodeBase64url(value) !== undefined
}

function invalidKey(problem: string): InvalidDpopProofError {
  return new InvalidDpopProofError('invalid_key', { name: 'jwk', actual: problem })
}

export interface ProofKeyCache {
  readonly get: (header: string) => ProofKey | undefined
  readonly add: (header: string, key: ProofKey) => void
}

/** Longer headers are not cached: an RSA key of 4096 bits takes 1,100 characters. */
const maxHeaderLength = 2_048

/**
 * Creates a cache of at most `maxKeys`, in two generations: when the new one is full it becomes the old
 * one, and the keys that were only in the old one are dropped.
 */
export function createProofKeyCache(maxKeys: number): ProofKeyCache {
  const generationSize = Math.max(1, Math.floor(maxKeys / 2))
  let recent = new Map<string, ProofKey>()
  let old = new Map<string, ProofKey>()

  function add(header: string, key: ProofKey): void {
    if (header.length > maxHeaderLength || recent.has(header)) return
    if (recent.size >= generationSize) {
      old = recent
      recent = new Map()
    }
    // A copy: a part of the proof's string would keep the whole of it in memory.
    recent.set(Buffer.from(header, 'latin1').toString('latin1'), key)
  }

  return {
    add,
    get(header) {
      const key = recent.get(header)
      if (key !== undefined) return key
      const older = old.get(header)
      if (older !== undefined) add(header, older)
      return older
    },
  }
}
