/**
 * @module Decrypts a token in the JWE compact serialization to the signed JWT in it. Decryption does not prove
 * who issued the token: a public key is known to everyone, and a symmetric key is not trusted for that either.
 * The signed JWT is then verified like a JWT that was not encrypted.
 *
 * @see {@link https://www.rfc-editor.org/rfc/rfc7516#section-5.2 | RFC 7516, section 5.2}
 * @see {@link https://www.rfc-editor.org/rfc/rfc9068#section-6 | RFC 9068, section 6}
 */
import { Buffer } from 'node:buffer'
import { isDeepStrictEqual } from 'node:util'
import { InvalidTokenError } from '../errors.ts'
import { decodeAsciiBase64url, isAscii } from '../internal/base64url.ts'
import { countSegments, decodeJsonObject } from '../internal/compact-serialization.ts'
import type { JsonObject } from '../internal/json-object.ts'
import { getOwn } from '../internal/own-property.ts'
import { printable } from '../internal/printable.ts'
import type { DecryptionKey } from '../options/decryption-keys.ts'
import { decryptionFailed, kidDetail, selectKeys } from './jwe-keys.ts'
import { malformed, validateHeaderLength, validateTokenText } from './token-text.ts'

/** The accepted values of `enc`. */
const contentEncryptionAlgorithms = [
  'A128GCM',
  'A192GCM',
  'A256GCM',
  'A128CBC-HS256',
  'A192CBC-HS384',
  'A256CBC-HS512',
]

/** The result of decrypting a token. Nothing in it is verified. */
export interface DecryptedToken {
  /** The signed JWT, in the compact serialization: three parts. */
  readonly token: string
  /** The header of the encrypted token. Its `typ` is not that of the signed JWT. */
  readonly header: JsonObject
  /** The issuers that the decryption key belongs to. One of them must have issued the signed JWT. */
  readonly issuers: readonly string[]
}

/** Runs some work, now or later, and returns its result. */
export type RunInTurn = <T>(work: () => Promise<T>) => Promise<T>

/** Returns whether a token has the five parts of a JWE (RFC 7516 §9). */
export function isEncrypted(token: string): boolean {
  return countSegments(token) === 5
}

/**
 * Decrypts a token. If its header has a `kid`, keys with another `kid` are not tried.
 *
 * @param keys The keys that may be tried: those of all listed issuers, or those of the issuer that the header
 * names.
 * @param inTurn Runs the attempts with the keys, now or later.
 * @throws InvalidTokenError with `malformed` if the token or its header is malformed, with `critical_header`
 * for `crit`, and otherwise with `decryption_failed`: all failures of the decryption have the same response.
 * If `inTurn` rejects, for example because too many tokens wait, rejects with the same error.
 */
export async function decryptToken(
  token: string,
  keys: readonly DecryptionKey[],
  inTurn: RunInTurn = (work) => work(),
): Promise<DecryptedToken> {
  const header = parseHeader(token)
  const candidates = selectKeys(header, token, keys)
  const decrypted =
    candidates.length === 0 ? undefined : await inTurn(() => tryKeys(token, candidates))
  if (decrypted === undefined) {
    const hint = 'the token was encrypted for another key, or it was changed'
    throw decryptionFailed({ hint, ...kidDetail(header) })
  }
  const sameKeys = keys.filter((other) => other.fingerprint === decrypted.key.fingerprint)
  return {
    token: readNested(decrypted.plaintext),
    header,
    issuers: [...new Set(sameKeys.map(({ issuer }) => issuer))],
  }
}

async function tryKeys(token: string, candidates: readonly DecryptionKey[]) {
  // jose is loaded here, so that an API without encrypted tokens does not load it.
  const { compactDecrypt } = await import('jose')
  for (const key of candidates) {
    const plaintext = await decryptWith(compactDecrypt, token, key)
    if (plaintext !== undefined) return { plaintext, key }
  }
  return undefined
}

/**
 * Reads the issuer that the header of an encrypted token names. The value is not authenticated.
 *
 * @throws InvalidTokenError with `malformed`, `critical_header` or `decryption_failed` (`zip`, `p2c`, or an
 * `enc` that is not supported)
 */
export function readUnverifiedIssuer(token: string): unknown {
  return getOwn(parseHeader(token), 'iss')
}

/**
 * Validates that a signed JWT is from an issuer that the decryption key belongs to, and that `iss`, `sub` and
 * `aud` of the outer header, if present, are the same as in the claims.
 *
 * @param claims Those of the signed JWT.
 * @throws InvalidTokenError
 * @see {@link https://www.rfc-editor.org/rfc/rfc7519#section-5.3 | RFC 7519, section 5.3}
 */
export function validateNestedClaims(
  { header, issuers }: DecryptedToken,
  claims: JsonObject,
): void {
  const iss = getOwn(claims, 'iss')
  if (!issuers.includes(iss as string)) {
    const hint = 'the token is encrypted to a key of another issuer'
    const expected = printable(issuers.join(' '))
    throw new InvalidTokenError('wrong_issuer', {
      name: 'iss',
      expected,
      actual: printable(iss),
      hint,
    })
  }
  for (const name of ['iss', 'sub', 'aud']) {
    if (!Object.hasOwn(header, name)) continue
    if (isDeepStrictEqual(getOwn(header, name), getOwn(claims, name))) continue
    const hint = 'the header of the encrypted token contradicts the claims in it'
    throw new InvalidTokenError('invalid_claim', { name, hint })
  }
}

type CompactDecrypt = typeof import('jose').compactDecrypt

async function decryptWith(
  compactDecrypt: CompactDecrypt,
  token: string,
  { keyObject, algorithms }: DecryptionKey,
): Promise<Uint8Array | undefined> {
  try {
    const { plaintext } = await compactDecrypt(token, keyObject, {
      keyManagementAlgorithms: [...algorithms],
      contentEncryptionAlgorithms,
      maxDecompressedLength: 0,
    })
    return plaintext
  } catch {
    // One result for all failures: a response that distinguishes them would help to forge a ciphertext.
    return undefined
  }
}

/** RFC 7519 §5.2: the content must be a signed JWT, whether or not `cty` says so. */
function readNested(plaintext: Uint8Array): string {
  const nested = Buffer.from(
    plaintext.buffer,
    plaintext.byteOffset,
    plaintext.byteLength,
  ).toString()
  const parts = isAscii(nested) ? nested.split('.', 4) : []
  const isEncoded = parts.every((part) => decodeAsciiBase64url(part) !== undefined)
  if (parts.length !== 3 || !isEncoded) {
    throw decryptionFailed({ hint: 'the content of the encrypted token is not a signed JWT' })
  }
  return nested
}

function parseHeader(token: string): JsonObject {
  validateTokenText(token)
  const parts = token.split('.', 6)
  if (parts.length !== 5) throw malformed('not five parts separated by dots')
  const [first = '', ...others] = parts
  validateHeaderLength(first.length)
  const header = decodeJsonObject(first)
  if (typeof header === 'string') throw malformed(`header ${header}`)
  if (others.some((part) => decodeAsciiBase64url(part) === undefined)) {
    throw malformed('a part of the encrypted token is not canonical base64url')
  }
  validateHeader(header)
  return header
}

function validateHeader(header: JsonObject): void {
  // RFC 7516 §4.1.13: this package implements no extension, so a critical one is refused.
  if (Object.hasOwn(header, 'crit')) throw new InvalidTokenError('critical_header')
  for (const name of ['alg', 'enc', 'kid', 'typ', 'cty']) {
    const isRequired = name === 'alg' || name === 'enc'
    const value = getOwn(header, name)
    if (typeof value !== 'string' && (isRequired || value !== undefined)) {
      throw malformed(`${name} is not a string`)
    }
  }
  // RFC 8725 §3.6: compression before encryption reveals the content by its length.
  if (Object.hasOwn(header, 'zip'))
    throw decryptionFailed({ name: 'zip', hint: 'the content is compressed' })
  // rfc8725bis §3.13: `p2c` lets the sender choose the iteration count.
  if (Object.hasOwn(header, 'p2c'))
    throw decryptionFailed({ name: 'p2c', hint: 'PBES2 is not supported' })
  const enc = getOwn(header, 'enc') as string
  if (!contentEncryptionAlgorithms.includes(enc)) {
    const expected = contentEncryptionAlgorithms.join(' ')
    throw decryptionFailed({ name: 'enc', expected, actual: printable(enc) })
  }
}
