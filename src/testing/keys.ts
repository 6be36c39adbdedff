/**
 * @module The signing keys of one test issuer, their algorithms, and the key set that it publishes.
 * Imports only a type of this package.
 */
import {
  constants,
  generateKeyPair,
  type KeyObject,
  type KeyPairKeyObjectResult,
  randomUUID,
  type SigningOptions,
  sign,
  verify,
} from 'node:crypto'
import { promisify } from 'node:util'
import type { Algorithm } from '../signature/algorithms.ts'

/**
 * The algorithms that a test issuer signs with.
 *
 * @see {@link https://www.rfc-editor.org/rfc/rfc7518#section-3.1 | RFC 7518, section 3.1}
 * @see {@link https://www.rfc-editor.org/rfc/rfc9864#section-2.2 | RFC 9864, section 2.2}
 */
export type SigningAlgorithm = Algorithm

/** A public key as the key set contains it. */
interface PublicJwk {
  readonly kty?: string
  readonly alg?: string
  readonly [member: string]: unknown
}

export interface SigningKey {
  readonly kid: string
  readonly publicKey: KeyObject
  readonly jwk: PublicJwk
  /** Signs the text. Resolves to the signature in base64url. */
  sign(signingInput: string): Promise<string>
  /** Returns whether a base64url signature of the text is this key's. */
  verify(signingInput: string, signature: string): boolean
}

export interface KeyRing {
  /** Resolves to the current key of this algorithm. Generates and publishes it on first use. */
  current(algorithm?: SigningAlgorithm): Promise<SigningKey>
  /**
   * Replaces the key of the default algorithm now, and those of other algorithms on their next use.
   *
   * @param withdraw Whether the old keys leave the key set.
   */
  rotate(withdraw: boolean): Promise<void>
  /** Finds a published key. */
  findKey(kid: unknown): SigningKey | undefined
  /** Returns the key set, oldest key first. */
  jwks(): { readonly keys: readonly PublicJwk[] }
}

interface AlgorithmRule {
  readonly generate: () => Promise<KeyPairKeyObjectResult>
  readonly hash: string | null
  readonly options: SigningOptions
}

const generate = promisify(generateKeyPair)
const signAsync = promisify(sign)

function rsa(hash: string, options: SigningOptions = {}): AlgorithmRule {
  return { generate: () => generate('rsa', { modulusLength: 2048 }), hash, options }
}

function rsaPss(hash: string): AlgorithmRule {
  // RFC 7518 §3.5: the salt is as long as the hash.
  const saltLength = constants.RSA_PSS_SALTLEN_DIGEST
  return rsa(hash, { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength })
}

function ecdsa(hash: string, namedCurve: string): AlgorithmRule {
  // RFC 7518 §3.4: the signature is R followed by S, not DER.
  const options: SigningOptions = { dsaEncoding: 'ieee-p1363' }
  return { generate: () => generate('ec', { namedCurve }), hash, options }
}

function ed25519(): AlgorithmRule {
  return { generate: () => generate('ed25519', {}), hash: null, options: {} }
}

const rules: Readonly<Record<SigningAlgorithm, AlgorithmRule>> = {
  RS256: rsa('sha256'),
  RS384: rsa('sha384'),
  RS512: rsa('sha512'),
  PS256: rsaPss('sha256'),
  PS384: rsaPss('sha384'),
  PS512: rsaPss('sha512'),
  ES256: ecdsa('sha256', 'P-256'),
  ES384: ecdsa('sha384', 'P-384'),
  ES512: ecdsa('sha512', 'P-521'),
  EdDSA: ed25519(),
  Ed25519: ed25519(),
}

/** Every algorithm that a test issuer can sign with. */
export const signingAlgorithms: readonly SigningAlgorithm[] = Object.keys(
  rules,
) as SigningAlgorithm[]

export function isSigningAlgorithm(name: unknown): name is SigningAlgorithm {
  return typeof name === 'string' && Object.hasOwn(rules, name)
}

/** Creates a ring without keys. The first call of {@link KeyRing.current} generates one. */
export function createKeyRing(defaultAlgorithm: SigningAlgorithm): KeyRing {
  // Promises, so that concurrent callers share one key generation.
  let current = new Map<SigningAlgorithm, Promise<SigningKey>>()
  let published: readonly SigningKey[] = []

  async function createPublished(algorithm: SigningAlgorithm): Promise<SigningKey> {
    const key = await createSigningKey(algorithm)
    published = [...published, key]
    return key
  }

  return {
    current(algorithm = defaultAlgorithm) {
      const key = current.get(algorithm) ?? createPublished(algorithm)
      current.set(algorithm, key)
      return key
    },
    async rotate(withdraw) {
      const key = await createSigningKey(defaultAlgorithm)
      current = new Map([[defaultAlgorithm, Promise.resolve(key)]])
      published = withdraw ? [key] : [...published, key]
    },
    findKey: (kid) => published.find((key) => key.kid === kid),
    jwks: () => ({ keys: published.map(({ jwk }) => jwk) }),
  }
}

async function createSigningKey(algorithm: SigningAlgorithm): Promise<SigningKey> {
  const { generate, hash, options } = rules[algorithm]
  const { privateKey, publicKey } = await generate()
  const kid = randomUUID()
  return {
    kid,
    publicKey,
    jwk: { ...publicKey.export({ format: 'jwk' }), kid, use: 'sig', alg: algorithm },
    async sign(signingInput) {
      const data = Buffer.from(signingInput)
      const signature = await signAsync(hash, data, { key: privateKey, ...options })
      return signature.toString('base64url')
    },
    verify(signingInput, signature) {
      const data = Buffer.from(signingInput)
      const bytes = Buffer.from(signature, 'base64url')
      return verify(hash, data, { key: publicKey, ...options }, bytes)
    },
  }
}
