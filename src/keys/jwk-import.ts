/**
 * @module Imports one JWK: the result is a verification key, or the reason why the JWK is not used. A JWK
 * comes from another server or, in a DPoP proof, from a client, so every member that is used is checked.
 *
 * @see {@link https://www.rfc-editor.org/rfc/rfc7517#section-4 | RFC 7517, section 4}
 * @see {@link https://www.rfc-editor.org/rfc/rfc7518#section-6 | RFC 7518, section 6}
 */
import { Buffer } from 'node:buffer'
import { createPublicKey, type JsonWebKeyInput, type KeyObject } from 'node:crypto'
import type { KeySkipReason } from '../events.ts'
import { isJsonObject } from '../internal/json-object.ts'
import {
  type Algorithm,
  findKeyType,
  getAlgorithm,
  isAlgorithm,
  isKeyTypeName,
  type KeyType,
  type VerificationKey,
} from '../signature/algorithms.ts'
import {
  createPublicKeyId,
  encodeNumbers,
  type PublicNumbers,
  readPublicNumbers,
} from './jwk-numbers.ts'

// RFC 7518 §3.3: a key of 2048 bits or larger MUST be used. The upper limits bound what one signature
// costs: 0.6 ms with 8192 bits and an exponent of 32 bits, 0.25 ms with 65537. Exponents in use are 3,
// 17 and 65537.
const minModulusBits = 2048
const maxModulusBits = 8192
const maxExponentBits = 32
/** The maximum number of `key_ops` in a JWK. */
export const maxOperations = 16

const privateMembers = ['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k', 'priv']

/**
 * Imports a JWK. Never throws.
 *
 * @param importedByPublicKeyId The keys that were imported before. A JWK with the same public key reuses the
 * imported one, because an import blocks the event loop for up to 0.5 ms. A new key is added.
 * @returns The key, or the reason why the JWK is not used.
 */
export function importJwk(
  jwk: unknown,
  importedByPublicKeyId: Map<string, KeyObject> = new Map(),
): VerificationKey | KeySkipReason {
  if (!isJsonObject(jwk)) return 'not_an_object'
  const { kty, use, key_ops: operations, alg, kid, crv } = jwk as Record<string, unknown>
  if (!isKeyTypeName(kty)) return 'type'
  // RFC 7517 §9.2: anyone can sign with a published private key. This is checked before the members
  // below, because it is the most important reason for the operator.
  if (isPrivate(jwk)) return 'private'
  if (use !== undefined && use !== 'sig') return 'use'
  if (operations !== undefined && !allowsVerify(operations)) return 'key_ops'
  if (kid !== undefined && typeof kid !== 'string') return 'kid'
  // RFC 8725 §3.1: the algorithm must be an algorithm for this type of key.
  const keyType = findKeyType(kty, crv)
  if (alg !== undefined && !(isAlgorithm(alg) && getAlgorithm(alg).keyType === keyType))
    return 'alg'
  if (keyType === undefined) return 'type'
  const numbers = readPublicNumbers(jwk, keyType)
  if (numbers === undefined) return 'malformed'
  const problem = kty === 'RSA' ? validateRsaJwk(numbers) : undefined
  if (problem !== undefined) return problem
  const keyObject = createKey(numbers, keyType, importedByPublicKeyId)
  if (keyObject === undefined) return 'malformed'
  const modulusLength = numbers.n?.length ?? 0
  return { kid, alg: alg as Algorithm | undefined, keyType, modulusLength, keyObject }
}

/** Returns whether a JWK carries a member of a private or symmetric key, whatever its value. */
export function isPrivate(jwk: object): boolean {
  return privateMembers.some((member) => Object.hasOwn(jwk, member))
}

/** Returns whether a key may verify signatures of an algorithm. */
export function mayVerify(key: VerificationKey, algorithm: Algorithm): boolean {
  if (key.alg !== undefined) return key.alg === algorithm
  return getAlgorithm(algorithm).keyType === key.keyType
}

// RFC 7517 §4.3: an array of strings without duplicates.
function allowsVerify(operations: unknown): boolean {
  return (
    Array.isArray(operations) &&
    operations.length <= maxOperations &&
    operations.every((operation) => typeof operation === 'string') &&
    operations.includes('verify') &&
    new Set(operations).size === operations.length
  )
}

function validateRsaJwk({ n, e }: PublicNumbers): KeySkipReason | undefined {
  const modulusBits = bitLength(n as Buffer)
  if (modulusBits < minModulusBits || modulusBits > maxModulusBits) return 'size'
  const exponentBits = bitLength(e as Buffer)
  // With e = 1 every padded message is its own signature; an even e is not an RSA exponent.
  const isOdd = ((e?.at(-1) ?? 0) & 1) === 1
  return isOdd && exponentBits > 1 && exponentBits <= maxExponentBits ? undefined : 'exponent'
}

/** @param number Without leading zero octets. */
function bitLength(number: Buffer): number {
  return number.length * 8 - (Math.clz32(number[0] ?? 0) - 24)
}

function createKey(
  numbers: PublicNumbers,
  keyType: KeyType,
  importedByPublicKeyId: Map<string, KeyObject>,
): KeyObject | undefined {
  const publicKeyId = createPublicKeyId(keyType, numbers)
  const keyObject = importedByPublicKeyId.get(publicKeyId) ?? createKeyObject(numbers, keyType)
  if (keyObject !== undefined) {
    importedByPublicKeyId.set(publicKeyId, keyObject)
    publicKeyIds.set(keyObject, publicKeyId)
  }
  return keyObject
}

// Stored, because `export` of a key blocks while another thread uses the key.
const publicKeyIds = new WeakMap<KeyObject, string>()

/** Returns whether the public key of an imported key is compromised. */
export function isCompromisedKey(
  { keyObject }: VerificationKey,
  compromised: ReadonlySet<string>,
): boolean {
  return compromised.has(publicKeyIds.get(keyObject) ?? '')
}

/** Creates a key from its public numbers only. Certificates, URLs and other members are not read. */
function createKeyObject(
  numbers: PublicNumbers,
  { kty, crv, spkiPrefix }: KeyType,
): KeyObject | undefined {
  try {
    // OpenSSL refuses a point of an EC key that is not on the curve, in both forms.
    if (spkiPrefix !== undefined) {
      const key = Buffer.concat([spkiPrefix, ...Object.values(numbers)])
      return createPublicKey({ key, format: 'der', type: 'spki' })
    }
    const key = { kty, ...(crv !== undefined && { crv }), ...encodeNumbers(numbers) }
    return createPublicKey({ key: key as JsonWebKeyInput['key'], format: 'jwk' })
  } catch {
    return undefined
  }
}
