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
  isAlgorithm,
  suiteOf,
  type VerificationKey,
} from '../signature/algorithms.ts'

// RFC 7518 §3.3: a key of 2048 bits or larger MUST be used. Above 8192, one check takes too long.
const minModulusBits = 2048
const maxModulusBits = 8192
const maxExponentBytes = 4
/** The most `key_ops` that a JWK may list. */
export const maxOperations = 16

const privateMembers = ['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k', 'priv']

// Octets of a coordinate: as many as the curve's field has (RFC 7518 §6.2.1.2, RFC 8037 §2).
const coordinateBytes: ReadonlyMap<unknown, number> = new Map([
  ['P-256', 32],
  ['P-384', 48],
  ['P-521', 66],
  ['Ed25519', 32],
])

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
  if (kty !== 'RSA' && kty !== 'EC' && kty !== 'OKP') return 'type'
  if (use !== undefined && use !== 'sig') return 'use'
  if (operations !== undefined && !allowsVerify(operations)) return 'key_ops'
  if (kid !== undefined && typeof kid !== 'string') return 'kid'
  // RFC 7517 §9.2: whoever publishes the private half lets everybody sign.
  if (isPrivate(jwk)) return 'private'
  // RFC 8725 §3.1: one key, one algorithm, and it must be an algorithm of this kind of key.
  if (alg !== undefined && !(isAlgorithm(alg) && suits(alg, kty, crv))) return 'alg'
  const doubt = kty === 'RSA' ? doubtRsa(jwk) : doubtCurve(jwk, kty)
  if (doubt !== undefined) return doubt
  const keyObject = toKeyObject(jwk, kty, made)
  if (keyObject === undefined) return 'malformed'
  const modulusLength = Math.ceil((keyObject.asymmetricKeyDetails?.modulusLength ?? 0) / 8)
  return {
    kid,
    alg: alg as Algorithm | undefined,
    kty,
    crv: kty === 'RSA' ? undefined : (crv as string),
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
  return suits(algorithm, key.kty, key.crv)
}

function suits(algorithm: Algorithm, kty: string, crv: unknown): boolean {
  const suite = suiteOf(algorithm)
  return suite.kty === kty && (suite.crv === undefined || suite.crv === crv)
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

function doubtCurve(jwk: object, kty: 'EC' | 'OKP'): KeySkipReason | undefined {
  const { crv, x, y } = jwk as Record<string, unknown>
  const length = coordinateBytes.get(crv)
  if (length === undefined || (kty === 'OKP') !== (crv === 'Ed25519')) return 'type'
  const complete = bytesOf(x)?.length === length && (kty === 'OKP' || bytesOf(y)?.length === length)
  return complete ? undefined : 'malformed'
}

function bitLength(bytes: Buffer): number {
  const start = bytes.findIndex((byte) => byte !== 0)
  if (start === -1) return 0
  return (bytes.length - start) * 8 - (Math.clz32(bytes[start] as number) - 24)
}

function toKeyObject(
  jwk: object,
  kty: 'RSA' | 'EC' | 'OKP',
  made: Map<string, KeyObject>,
): KeyObject | undefined {
  const { n, e, crv, x, y } = jwk as Record<string, unknown>
  // All are canonical base64url by now, or a name out of a list: no comma in them.
  const numbers = (
    kty === 'RSA' ? [kty, n, e] : kty === 'EC' ? [kty, crv, x, y] : [kty, crv, x]
  ).join()
  const keyObject = made.get(numbers) ?? createKeyObject(jwk, kty)
  if (keyObject !== undefined) made.set(numbers, keyObject)
  return keyObject
}

/** Only the members that make the key: no certificate, no URL, nothing else that could be read. */
function createKeyObject(jwk: object, kty: 'RSA' | 'EC' | 'OKP'): KeyObject | undefined {
  const { n, e, crv, x, y } = jwk as Record<string, unknown>
  const members =
    kty === 'RSA' ? { kty, n, e } : kty === 'EC' ? { kty, crv, x, y } : { kty, crv, x }
  try {
    // OpenSSL refuses a point that is not on its curve, whichever form it gets it in.
    const prefix = kty === 'EC' ? spkiPrefixes.get(crv as string) : undefined
    if (prefix !== undefined) {
      const key = Buffer.concat([prefix, bytesOf(x) as Buffer, bytesOf(y) as Buffer])
      return createPublicKey({ key, format: 'der', type: 'spki' })
    }
    return createPublicKey({ key: members as JsonWebKeyInput['key'], format: 'jwk' })
  } catch {
    return undefined
  }
}

// What stands before x and y in the SubjectPublicKeyInfo of a curve. From a JWK, OpenSSL multiplies the
// point by the curve's order, which takes milliseconds on the large curves and blocks the event loop;
// with a cofactor of 1 that tells nothing that being on the curve does not.
const spkiPrefixes: ReadonlyMap<string, Buffer> = new Map([
  ['P-384', Buffer.from('3076301006072a8648ce3d020106052b8104002203620004', 'hex')],
  ['P-521', Buffer.from('30819b301006072a8648ce3d020106052b810400230381860004', 'hex')],
])
