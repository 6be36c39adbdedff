/**
 * @module Encrypted tokens of a test issuer, and the private key that decrypts them. Imports no HTTP.
 */
import { createPublicKey, generateKeyPairSync, type KeyObject, randomUUID } from 'node:crypto'
import { CompactEncrypt, type JSONWebKeySet, type JWK } from 'jose'

/** Encrypts the tokens of one test issuer. */
export interface TokenEncrypter {
  /**
   * Creates a token as the issuer's `token` does, and encrypts it to the key of this API.
   *
   * @param header Merged into the header of the encrypted token; a member set to `undefined` is left
   * out. Does not change the signed token in it.
   * @throws Error, by rejecting, for an `alg` or `enc` that the key does not allow
   * @see {@link https://www.rfc-editor.org/rfc/rfc9068#section-6 | RFC 9068, section 6}
   */
  encryptedToken(claims?: object, header?: object): Promise<string>
  /** The private key of the API, for `IssuerOptions.decryptionKeys`. */
  readonly decryptionKeys: JSONWebKeySet
}

/** Creates an encrypter. Its key, of P-256, is created when it is first needed. */
export function createTokenEncrypter(
  createToken: (claims: object) => Promise<string>,
): TokenEncrypter {
  let key: { readonly jwk: JWK; readonly publicKey: KeyObject } | undefined

  function getKey() {
    key ??= createKey()
    return key
  }

  return {
    async encryptedToken(claims = {}, header = {}) {
      const { jwk, publicKey } = getKey()
      const parameters = {
        alg: 'ECDH-ES+A256KW',
        enc: 'A256GCM',
        typ: 'at+jwt',
        cty: 'JWT',
        kid: jwk.kid,
        ...header,
      }
      return new CompactEncrypt(Buffer.from(await createToken(claims)))
        .setProtectedHeader(parameters as { alg: string; enc: string })
        .encrypt(publicKey)
    },
    get decryptionKeys() {
      return { keys: [{ ...getKey().jwk }] }
    },
  }
}

function createKey() {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const numbers = privateKey.export({ format: 'jwk' }) as JWK
  return {
    jwk: { ...numbers, kid: randomUUID(), use: 'enc' },
    publicKey: createPublicKey(privateKey),
  }
}
