/**
 * @module The signature algorithms: what each one asks of a key and of a signature. A noun that keys
 * and signatures share; it imports nothing but constants of `node:crypto`.
 */
import { constants, type KeyObject } from 'node:crypto'

/**
 * The algorithms that can be verified: asymmetric ones only. `none` and `HS*` cannot be switched on.
 *
 * `EdDSA` means Ed25519; so does its newer name `Ed25519`. The two names are never taken for each
 * other: a list, a key or a token that says one does not admit the other.
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

/** What an algorithm asks of its key and how `crypto.verify` is told to check it. */
export interface AlgorithmSuite {
  readonly kty: 'RSA' | 'EC' | 'OKP'
  readonly crv?: string
  /** The digest; `null` where the algorithm brings its own. */
  readonly hash: string | null
  /** What is not the default of a key: RSASSA-PSS instead of PKCS #1 version 1.5. */
  readonly pss?: { readonly padding: number; readonly saltLength: number }
  /** Octets of a signature; absent for RSA, where it is the length of the modulus. */
  readonly signatureLength?: number
}

/** A public key that may verify signatures, made once from its JWK. */
export interface VerificationKey {
  readonly kid: string | undefined
  /** The one algorithm that the JWK binds the key to, if it names one. */
  readonly alg: Algorithm | undefined
  readonly kty: string
  readonly crv: string | undefined
  /** Octets of the RSA modulus; 0 for other keys. */
  readonly modulusLength: number
  readonly keyObject: KeyObject
}

const pkcs1 = (hash: string): AlgorithmSuite => ({
  kty: 'RSA',
  hash,
})

// RFC 7518 §3.5: the salt is as long as the hash, and MGF1 uses the same hash (OpenSSL's default).
const pss = (hash: string): AlgorithmSuite => ({
  kty: 'RSA',
  hash,
  pss: {
    padding: constants.RSA_PKCS1_PSS_PADDING,
    saltLength: constants.RSA_PSS_SALTLEN_DIGEST,
  },
})

// RFC 7518 §3.4: R and S side by side, each as long as the curve's order.
const ecdsa = (hash: string, crv: string, signatureLength: number): AlgorithmSuite => ({
  kty: 'EC',
  crv,
  hash,
  signatureLength,
})

// RFC 8037 §3.1
const eddsa: AlgorithmSuite = {
  kty: 'OKP',
  crv: 'Ed25519',
  hash: null,
  signatureLength: 64,
}

const suites: ReadonlyMap<string, AlgorithmSuite> = new Map<Algorithm, AlgorithmSuite>([
  ['RS256', pkcs1('sha256')],
  ['RS384', pkcs1('sha384')],
  ['RS512', pkcs1('sha512')],
  ['PS256', pss('sha256')],
  ['PS384', pss('sha384')],
  ['PS512', pss('sha512')],
  ['ES256', ecdsa('sha256', 'P-256', 64)],
  ['ES384', ecdsa('sha384', 'P-384', 96)],
  ['ES512', ecdsa('sha512', 'P-521', 132)],
  ['EdDSA', eddsa],
  ['Ed25519', eddsa],
])

/** Every algorithm, the default of the option `algorithms`. */
export const allAlgorithms: readonly Algorithm[] = [...suites.keys()] as Algorithm[]

/** Tells whether a name is, case-sensitively, one of {@link Algorithm}. */
export function isAlgorithm(name: unknown): name is Algorithm {
  return typeof name === 'string' && suites.has(name)
}

export function suiteOf(algorithm: Algorithm): AlgorithmSuite {
  return suites.get(algorithm) as AlgorithmSuite
}
