/**
 * @module The option `decryptionKeys`: the keys that decrypt the access tokens of an issuer. Checks the
 * JWKs and imports them with `node:crypto`.
 *
 * @see {@link https://www.rfc-editor.org/rfc/rfc7518#section-4 | RFC 7518, section 4}
 */
import { createPrivateKey, createSecretKey, type JsonWebKey, type KeyObject } from 'node:crypto'
import { decodeBase64url } from '../internal/base64url.ts'
import { isJsonObject } from '../internal/json-object.ts'
import { sha256 } from '../internal/sha256.ts'

/**
 * How a token may carry its content encryption key. Not RSA1_5 (RFC 8725 §3.2), and not PBES2, because the
 * token would set the cost of a decryption.
 */
type KeyManagementAlgorithm =
  | 'RSA-OAEP'
  | 'RSA-OAEP-256'
  | 'RSA-OAEP-384'
  | 'RSA-OAEP-512'
  | 'ECDH-ES'
  | 'ECDH-ES+A128KW'
  | 'ECDH-ES+A192KW'
  | 'ECDH-ES+A256KW'
  | 'A128KW'
  | 'A192KW'
  | 'A256KW'
  | 'dir'

/** One key of one issuer. */
export interface DecryptionKey {
  /** The issuer whose tokens the key decrypts. */
  readonly issuer: string
  readonly kid: string | undefined
  /** The `alg` of the JWK, or every algorithm for its type. */
  readonly algorithms: readonly KeyManagementAlgorithm[]
  readonly keyObject: KeyObject
  /** Of a key on an elliptic curve. */
  readonly curve: string | undefined
  /** Of an RSA key. */
  readonly modulusBytes: number | undefined
  /** The only `enc` that the key is used with; `undefined` unless `alg` is `dir`. */
  readonly cipher: string | undefined
  /** The weight of an attempt with the key, for the limit of attempts: 1 for RSA 2048 or P-256, up to 4. */
  readonly cost: number
  /** Equal for equal keys, whatever their `kid` and issuer. */
  readonly fingerprint: string
}

interface KeyRules {
  readonly algorithms: readonly KeyManagementAlgorithm[]
  /** The public and private members that the key is imported from. */
  readonly members: readonly string[]
  readonly curves?: readonly string[]
}

const ecdh: readonly KeyManagementAlgorithm[] = [
  'ECDH-ES',
  'ECDH-ES+A128KW',
  'ECDH-ES+A192KW',
  'ECDH-ES+A256KW',
]

const rulesByType: Readonly<Record<string, KeyRules>> = {
  RSA: {
    algorithms: ['RSA-OAEP', 'RSA-OAEP-256', 'RSA-OAEP-384', 'RSA-OAEP-512'],
    members: ['n', 'e', 'd', 'p', 'q', 'dp', 'dq', 'qi'],
  },
  EC: { algorithms: ecdh, members: ['crv', 'x', 'y', 'd'], curves: ['P-256', 'P-384', 'P-521'] },
  OKP: { algorithms: ecdh, members: ['crv', 'x', 'd'], curves: ['X25519'] },
  oct: { algorithms: ['A128KW', 'A192KW', 'A256KW', 'dir'], members: ['k'] },
}

/** The `enc` of a `dir` key by its length in bytes. 32 bytes would also fit A128CBC-HS256. */
const ciphers: Readonly<Record<number, string>> = {
  16: 'A128GCM',
  24: 'A192GCM',
  32: 'A256GCM',
  48: 'A192CBC-HS384',
  64: 'A256CBC-HS512',
}

/** The lengths in bytes that a symmetric key may have, by its `alg`. */
const secretLengths: Readonly<Record<string, readonly number[]>> = {
  A128KW: [16],
  A192KW: [24],
  A256KW: [32],
  dir: Object.keys(ciphers).map(Number),
}

/** The values of `key_ops` of which a key must have at least one, if it has `key_ops`. */
const operations = ['decrypt', 'unwrapKey', 'deriveKey', 'deriveBits']
const maxKeys = 16
const minModulusBits = 2_048
const maxModulusBits = 8_192

/**
 * Reads the option `decryptionKeys` of an issuer.
 *
 * @throws TypeError that names the option and the key.
 */
export function readDecryptionKeys(
  value: unknown,
  issuer: string,
  label: string,
): readonly DecryptionKey[] | undefined {
  if (value === undefined) return undefined
  const keys = isJsonObject(value) && Object.hasOwn(value, 'keys') ? value.keys : undefined
  if (!Array.isArray(keys) || keys.length === 0 || keys.length > maxKeys) {
    throw new TypeError(`${label} must be a JWK Set with 1 to ${maxKeys} private keys`)
  }
  return keys.map((jwk, index) => readKey(jwk, issuer, `${label}.keys[${index}]`))
}

function readKey(jwk: unknown, issuer: string, label: string): DecryptionKey {
  if (!isJsonObject(jwk)) throw new TypeError(`${label} must be a JWK`)
  const member = (name: string) => (Object.hasOwn(jwk, name) ? jwk[name] : undefined)
  const kty = member('kty')
  if (typeof kty !== 'string' || !Object.hasOwn(rulesByType, kty)) {
    throw new TypeError(`${label}.kty must be one of ${Object.keys(rulesByType).join(', ')}`)
  }
  const rules = rulesByType[kty] as KeyRules
  validateMembers(member, rules, label)
  const numbers: Record<string, unknown> = { kty }
  for (const name of rules.members) {
    const number = member(name)
    if (typeof number !== 'string' || (name !== 'crv' && !decodeBase64url(number)?.length)) {
      throw new TypeError(`${label} must be a private key: its member ${name} is not base64url`)
    }
    numbers[name] = number
  }
  const alg = member('alg') as KeyManagementAlgorithm | undefined
  const keyObject = importKey(numbers, alg, label)
  const bits = keyObject.asymmetricKeyDetails?.modulusLength
  const curve = numbers.crv as string | undefined
  return {
    issuer,
    kid: member('kid') as string | undefined,
    algorithms: alg === undefined ? rules.algorithms : [alg],
    keyObject,
    curve,
    modulusBytes: bits === undefined ? undefined : Math.ceil(bits / 8),
    cipher: alg === 'dir' ? ciphers[keyObject.symmetricKeySize ?? 0] : undefined,
    cost: estimateCost(bits, curve),
    fingerprint: sha256(JSON.stringify(numbers)),
  }
}

/**
 * Measured: RSA 2048 takes 0.7 ms and RSA 4096 4 ms of a thread of the pool. P-256 takes 0.7 ms, P-384 3 ms
 * and P-521 5 ms of the main thread, where the public key in the header of the token (`epk`) is validated.
 */
function estimateCost(modulusBits: number | undefined, curve: string | undefined): number {
  if (modulusBits !== undefined) return modulusBits <= 3_072 ? 1 : modulusBits <= 4_096 ? 2 : 4
  return curve === 'P-384' || curve === 'P-521' ? 2 : 1
}

/** Checks the members that say how the key may be used. */
function validateMembers(
  member: (name: string) => unknown,
  { algorithms, curves }: KeyRules,
  label: string,
): void {
  const kid = member('kid')
  if (kid !== undefined && typeof kid !== 'string') {
    throw new TypeError(`${label}.kid must be a string`)
  }
  const use = member('use')
  if (use !== undefined && use !== 'enc') throw new TypeError(`${label}.use must be enc or absent`)
  const allowed = member('key_ops')
  const isAllowed = Array.isArray(allowed) && allowed.some((name) => operations.includes(name))
  if (allowed !== undefined && !isAllowed) {
    throw new TypeError(`${label}.key_ops must include one of ${operations.join(', ')}`)
  }
  // RFC 7518 §6.3.2.7: the primes beyond the first two, which node:crypto would ignore.
  if (member('oth') !== undefined) throw new TypeError(`${label} must not have the member oth`)
  if (curves !== undefined && !curves.includes(member('crv') as string)) {
    throw new TypeError(`${label}.crv must be one of ${curves.join(', ')}`)
  }
  const alg = member('alg')
  // RFC 8725 §3.1: one key, one algorithm. Without `alg`, a symmetric key would be used for key wrapping
  // and for content encryption.
  const algMayBeAbsent = !algorithms.includes('dir')
  if (
    !(alg === undefined && algMayBeAbsent) &&
    !algorithms.includes(alg as KeyManagementAlgorithm)
  ) {
    const takes = `one of ${algorithms.join(', ')}`
    throw new TypeError(`${label}.alg must be ${takes}${algMayBeAbsent ? ' or absent' : ''}`)
  }
}

function importKey(
  numbers: Readonly<Record<string, unknown>>,
  alg: KeyManagementAlgorithm | undefined,
  label: string,
): KeyObject {
  if (numbers.kty === 'oct') return importSecret(numbers.k as string, alg as string, label)
  let key: KeyObject
  try {
    key = createPrivateKey({ key: numbers as JsonWebKey, format: 'jwk' })
  } catch {
    // Without the cause, which might contain a part of the key.
    throw new TypeError(`${label} is not a valid ${numbers.kty} key`)
  }
  const bits = key.asymmetricKeyDetails?.modulusLength
  if (bits !== undefined && !(bits >= minModulusBits && bits <= maxModulusBits)) {
    throw new TypeError(`${label} must have ${minModulusBits} to ${maxModulusBits} bits`)
  }
  return key
}

function importSecret(k: string, alg: string, label: string): KeyObject {
  const bytes = Buffer.from(k, 'base64url')
  const lengths = secretLengths[alg] as readonly number[]
  if (!lengths.includes(bytes.length)) {
    throw new TypeError(`${label} must have ${lengths.join(' or ')} bytes for ${alg}`)
  }
  return createSecretKey(bytes)
}
