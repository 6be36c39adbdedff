/**
 * @module The signature algorithms and the key types. What is specific to one algorithm is in one table entry.
 * What is specific to one key type is in one object, except the checks of RSA numbers and the names of private
 * members, which are in `keys/jwk-import.ts`. Imports no other folder.
 */
import { Buffer } from 'node:buffer'
import { constants, type KeyObject } from 'node:crypto'
import { encodeEcdsaSignature } from './ecdsa-signature.ts'

/**
 * The algorithms that can be verified: asymmetric ones only. `none` and `HS*` cannot be enabled.
 *
 * `EdDSA` and its newer name `Ed25519` are the same algorithm here, but the names are not interchangeable:
 * if a list, a key or a token has one name, it does not match the other.
 *
 * @see {@link https://www.rfc-editor.org/rfc/rfc7518#section-3 | RFC 7518, section 3}
 * @see {@link https://www.rfc-editor.org/rfc/rfc9864 | RFC 9864}
 */
export type Algorithm =
  | 'RS256'
  | 'RS384'
  | 'RS512'
  | 'PS256'
  | 'PS384'
  | 'PS512'
  | 'ES256'
  | 'ES384'
  | 'ES512'
  | 'EdDSA'
  | 'Ed25519'

/** A type of public key, as a JWK describes it. */
export interface KeyType {
  readonly kty: 'RSA' | 'EC' | 'OKP'
  /** The curve; absent for RSA. */
  readonly crv: string | undefined
  /** The JWK members that hold the numbers of the public key, in base64url. */
  readonly numbers: readonly string[]
  /** Octets of each of `x` and `y` (RFC 7518 §6.2.1.2, RFC 8037 §2); absent for RSA. */
  readonly coordinateLength: number | undefined
  /** Whether shorter coordinates are accepted, because some issuers drop leading zero octets. */
  readonly acceptsShortCoordinates: boolean
  /**
   * The relative cost of one verification, in octets of an RSA modulus. Capped at 1,024, the cost of RSA
   * with 8192 bits, so that 4 keys fit into `maxCost` of `pipeline/verify-signature.ts`. Absent for RSA:
   * the cost is the length of the modulus.
   */
  readonly verificationCost: number | undefined
  /**
   * The octets before `x` and `y` in a DER-encoded SubjectPublicKeyInfo. Set if keys are imported from
   * that form: in an import from a JWK, OpenSSL also multiplies the point by the order of the curve,
   * which blocks the event loop for milliseconds on the large curves. That check is not needed, because
   * these curves have a cofactor of 1: every point on the curve has that order.
   */
  readonly spkiPrefix: Buffer | undefined
}

/** What is specific to one signature algorithm. */
export interface AlgorithmEntry {
  readonly keyType: KeyType
  /** The hash function; `null` if the algorithm includes its own. */
  readonly hash: string | null
  /** The RSA padding; absent for the default, PKCS #1 version 1.5, and for other key types. */
  readonly rsaPadding: { readonly padding: number; readonly saltLength: number } | undefined
  /**
   * The longest RSA modulus, in octets, with which a signature may be verified in place, if
   * `scheduler.ts` allows it; -1 if the thread pool verifies every signature.
   */
  readonly maxModulusInPlace: number
  /** Octets of a signature; absent for RSA, whose signatures are as long as the modulus. */
  readonly signatureLength: number | undefined
  /** Converts a JWS signature to the form that OpenSSL expects; absent if the two are the same. */
  readonly encodeSignature: ((signature: Buffer) => Buffer) | undefined
}

/** A public key for the verification of signatures, imported from a JWK. */
export interface VerificationKey {
  readonly kid: string | undefined
  /** The one algorithm that the JWK restricts the key to, if it names one. */
  readonly alg: Algorithm | undefined
  readonly keyType: KeyType
  /** Octets of the RSA modulus; 0 for other keys. */
  readonly modulusLength: number
  readonly keyObject: KeyObject
}

// Every member is set, so that none is read from `Object.prototype`.
const rsa: KeyType = {
  kty: 'RSA',
  crv: undefined,
  numbers: ['n', 'e'],
  coordinateLength: undefined,
  acceptsShortCoordinates: false,
  verificationCost: undefined,
  spkiPrefix: undefined,
}
const ec = {
  kty: 'EC',
  numbers: ['x', 'y'],
  acceptsShortCoordinates: true,
  spkiPrefix: undefined,
} as const
const p256: KeyType = {
  ...ec,
  crv: 'P-256',
  coordinateLength: 32,
  verificationCost: 256,
}
const p384: KeyType = {
  ...ec,
  crv: 'P-384',
  coordinateLength: 48,
  // 450 µs, capped
  verificationCost: 1_024,
  spkiPrefix: Buffer.from('3076301006072a8648ce3d020106052b8104002203620004', 'hex'),
}
const p521: KeyType = {
  ...ec,
  crv: 'P-521',
  coordinateLength: 66,
  // 1,000 µs, capped
  verificationCost: 1_024,
  spkiPrefix: Buffer.from('30819b301006072a8648ce3d020106052b810400230381860004', 'hex'),
}
const ed25519: KeyType = {
  kty: 'OKP',
  crv: 'Ed25519',
  numbers: ['x'],
  coordinateLength: 32,
  acceptsShortCoordinates: false,
  verificationCost: 256,
  spkiPrefix: undefined,
}

// RFC 7518 §3.5: the salt is as long as the hash, and MGF1 uses the same hash (OpenSSL's default).
const pss = {
  padding: constants.RSA_PKCS1_PSS_PADDING,
  saltLength: constants.RSA_PSS_SALTLEN_DIGEST,
}

const defaults = {
  rsaPadding: undefined,
  maxModulusInPlace: -1,
  signatureLength: undefined,
  encodeSignature: undefined,
}
// With 2,048 bits a verification takes 20 to 30 µs, about as long as a round trip to the thread pool.
const pkcs1 = { ...defaults, keyType: rsa, maxModulusInPlace: 256 }

const algorithms: Readonly<Record<Algorithm, AlgorithmEntry>> = {
  RS256: { ...pkcs1, hash: 'sha256' },
  RS384: { ...pkcs1, hash: 'sha384' },
  RS512: { ...pkcs1, hash: 'sha512' },
  PS256: { ...defaults, keyType: rsa, hash: 'sha256', rsaPadding: pss },
  PS384: { ...defaults, keyType: rsa, hash: 'sha384', rsaPadding: pss },
  PS512: { ...defaults, keyType: rsa, hash: 'sha512', rsaPadding: pss },
  // RFC 7518 §3.4: R followed by S, each as long as the order of the curve.
  ES256: {
    ...defaults,
    keyType: p256,
    hash: 'sha256',
    signatureLength: 64,
    encodeSignature: encodeEcdsaSignature,
  },
  ES384: {
    ...defaults,
    keyType: p384,
    hash: 'sha384',
    signatureLength: 96,
    encodeSignature: encodeEcdsaSignature,
  },
  ES512: {
    ...defaults,
    keyType: p521,
    hash: 'sha512',
    signatureLength: 132,
    encodeSignature: encodeEcdsaSignature,
  },
  // RFC 8037 §3.1, RFC 9864 §2.2
  EdDSA: { ...defaults, keyType: ed25519, hash: null, signatureLength: 64 },
  Ed25519: { ...defaults, keyType: ed25519, hash: null, signatureLength: 64 },
}

// A Map, so that an inherited property of an object is not taken for an algorithm.
const entries: ReadonlyMap<string, AlgorithmEntry> = new Map(Object.entries(algorithms))
const keyTypes: readonly KeyType[] = [...new Set([...entries.values()].map((e) => e.keyType))]

/** The JWK members that hold numbers of a public key of any type. */
export const numberMembers: readonly string[] = [...new Set(keyTypes.flatMap((t) => t.numbers))]

/** Every algorithm, the default of the option `algorithms`. */
export const allAlgorithms: readonly Algorithm[] = [...entries.keys()] as Algorithm[]

/** Returns whether a name is, case-sensitively, one of {@link Algorithm}. */
export function isAlgorithm(name: unknown): name is Algorithm {
  return typeof name === 'string' && entries.has(name)
}

export function getAlgorithm(name: Algorithm): AlgorithmEntry {
  return entries.get(name) as AlgorithmEntry
}

/** Returns whether some algorithm uses keys of this `kty`, whatever their curve. */
export function isKeyTypeName(kty: unknown): kty is KeyType['kty'] {
  return keyTypes.some((keyType) => keyType.kty === kty)
}

/** Finds the type of the keys with this `kty` and `crv`; an RSA key has no curve. */
export function findKeyType(kty: unknown, crv: unknown): KeyType | undefined {
  return keyTypes.find(
    (keyType) => keyType.kty === kty && (keyType.crv === undefined || keyType.crv === crv),
  )
}
