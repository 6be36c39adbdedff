/**
 * @module Which JWK may verify which algorithm: one JWK in, one key that is fit for use, or the reason
 * why not. A key set comes from outside, so everything in it is doubted.
 *
 * @see {@link https://www.rfc-editor.org/rfc/rfc7517#section-4 | RFC 7517, section 4}
 * @see {@link https://www.rfc-editor.org/rfc/rfc7518#section-6 | RFC 7518, section 6}
 */
import { createPublicKey, type JsonWebKeyInput, type KeyObject } from 'node:crypto'
import type { KeySkipReason } from '../events.ts'
import { decodeBase64url } from '../internal/base64url.ts'
import {
  type Algorithm,
  findKeyType,
  getAlgorithm,
  isAlgorithm,
  isKeyTypeName,
  type KeyType,
  type VerificationKey,
} from '../signature/algorithms.ts'

// RFC 7518 §3.3: a key of 2048 bits or larger MUST be used. Above 8192, one check takes too long.
const minModulusBits = 2048
const maxModulusBits = 8192
const maxExponentBytes = 4
/** The most `key_ops` that a JWK may list. */
export const maxOperations = 16

const privateMembers = ['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k', 'priv']

/**
 * Makes a key of a JWK, or tells why it is not used. Never throws.
 *
 * @param made What was made before of the same numbers, under another `kid` or `alg`: to make it
 * again takes up to half a millisecond of the event loop.
 */
export function importJwk(
  jwk: unknown,
  made: Map<string, KeyObject> = new Map(),
): VerificationKey | KeySkipReason {
  if (typeof jwk !== 'object' || jwk === null || Array.isArray(jwk)) return 'not_an_object'
  const { kty, use, key_ops: operations, alg, kid, crv } = jwk as Record<string, unknown>
  if (!isKeyTypeName(kty)) return 'type'
  if (use !== undefined && use !== 'sig') return 'use'
  if (operations !== undefined && !allowsVerify(operations)) return 'key_ops'
  if (kid !== undefined && typeof kid !== 'string') return 'kid'
  // RFC 7517 §9.2: whoever publishes the private half lets everybody sign.
  if (isPrivate(jwk)) return 'private'
  // RFC 8725 §3.1: one key, one algorithm, and it must be an algorithm of this kind of key.
  const keyType = findKeyType(kty, crv)
  if (alg !== undefined && !(isAlgorithm(alg) && getAlgorithm(alg).keyType === keyType))
    return 'alg'
  if (keyType === undefined) return 'type'
  const doubt = kty === 'RSA' ? doubtRsa(jwk) : doubtCurve(jwk, keyType)
  if (doubt !== undefined) return doubt
  const keyObject = toKeyObject(jwk, keyType, made)
  if (keyObject === undefined) return 'malformed'
  const modulusLength = Math.ceil((keyObject.asymmetricKeyDetails?.modulusLength ?? 0) / 8)
  return {
    kid,
    alg: alg as Algorithm | undefined,
    keyType,
    modulusLength,
    keyObject,
  }
}

/** Tells whether a JWK carries what must never leave its owner. */
export function isPrivate(jwk: object): boolean {
  return privateMembers.some((member) => Object.hasOwn(jwk, member))
}

/** Tells whether a key may verify signatures of an algorithm. */
export function mayVerify(key: VerificationKey, algorithm: Algorithm): boolean {
  if (key.alg !== undefined) return key.alg === algorithm
  return getAlgorithm(algorithm).keyType === key.keyType
}

// RFC 7517 §4.3: an array of strings, none of them twice.
function allowsVerify(operations: unknown): boolean {
  return (
    Array.isArray(operations) &&
    operations.length <= maxOperations &&
    operations.every((operation) => typeof operation === 'string') &&
    operations.includes('verify') &&
    new Set(operations).size === operations.length
  )
}

function bytesOf(value: unknown): Buffer | undefined {
  return typeof value === 'string' && value !== '' ? decodeBase64url(value) : undefined
}

function doubtRsa(jwk: object): KeySkipReason | undefined {
  const { n, e } = jwk as Record<string, unknown>
  const modulus = bytesOf(n)
  const exponent = bytesOf(e)
  if (modulus === undefined || exponent === undefined) return 'malformed'
  const bits = bitLength(modulus)
  if (bits < minModulusBits || bits > maxModulusBits) return 'size'
  // With e = 1 every message is its own signature; an even e is no RSA exponent at all.
  const odd = ((exponent.at(-1) as number) & 1) === 1
  if (!odd || bitLength(exponent) < 2 || exponent.length > maxExponentBytes) return 'exponent'
  return undefined
}

function doubtCurve(jwk: object, keyType: KeyType): KeySkipReason | undefined {
  const numbers = keyType.members.filter((member) => member !== 'crv')
  const complete = numbers.every(
    (member) => bytesOf((jwk as Members)[member])?.length === keyType.coordinateLength,
  )
  return complete ? undefined : 'malformed'
}

function bitLength(bytes: Buffer): number {
  const start = bytes.findIndex((byte) => byte !== 0)
  if (start === -1) return 0
  return (bytes.length - start) * 8 - (Math.clz32(bytes[start] as number) - 24)
}

type Members = Readonly<Record<string, unknown>>

function toKeyObject(
  jwk: object,
  keyType: KeyType,
  made: Map<string, KeyObject>,
): KeyObject | undefined {
  const values = keyType.members.map((member) => (jwk as Members)[member])
  // All are canonical base64url by now, or a name out of a list: no comma in them.
  const numbers = [keyType.kty, ...values].join()
  const keyObject = made.get(numbers) ?? createKeyObject(jwk as Members, keyType)
  if (keyObject !== undefined) made.set(numbers, keyObject)
  return keyObject
}

/** Only the members that make the key: no certificate, no URL, nothing else that could be read. */
function createKeyObject(
  jwk: Members,
  { kty, members, spkiPrefix }: KeyType,
): KeyObject | undefined {
  try {
    // OpenSSL refuses a point that is not on its curve, whichever form it gets it in.
    if (spkiPrefix !== undefined) {
      const key = Buffer.concat([spkiPrefix, bytesOf(jwk.x) as Buffer, bytesOf(jwk.y) as Buffer])
      return createPublicKey({ key, format: 'der', type: 'spki' })
    }
    const key = { kty, ...Object.fromEntries(members.map((member) => [member, jwk[member]])) }
    return createPublicKey({ key: key as JsonWebKeyInput['key'], format: 'jwk' })
  } catch {
    return undefined
  }
}
