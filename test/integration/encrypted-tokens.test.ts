/** Encrypted access tokens of a real authorization server: oidc-provider. */
import { createPublicKey, createSecretKey, type JsonWebKey, type KeyObject } from 'node:crypto'
import type { JWK } from 'jose'
import { createValidator } from 'oauth-resource-server'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { makeCurveKey, makeRsaKey, makeSecret } from '../support/encryption.ts'
import {
  clientCredentialsOnly,
  fetchClientToken,
  type OidcProvider,
  startOidcProvider,
} from '../support/oidc-provider.ts'

const client = { client_id: 'report-robot', client_secret: 'a-secret-of-the-test' }

/** The encryption of each API, by its name. */
const apis: readonly [name: string, alg: string, enc: string, key: JWK][] = [
  ['https://rsa.example.com', 'RSA-OAEP-256', 'A256GCM', makeRsaKey({ kid: 'rsa' })],
  ['https://old.example.com', 'RSA-OAEP', 'A256CBC-HS512', makeRsaKey({ kid: 'old' })],
  ['https://ec.example.com', 'ECDH-ES', 'A128CBC-HS256', makeCurveKey('P-256', { kid: 'ec' })],
  ['https://x.example.com', 'ECDH-ES+A128KW', 'A128GCM', makeCurveKey('X25519', { kid: 'x' })],
  ['https://secret.example.com', 'A256KW', 'A256GCM', makeSecret(32, { kid: 's', alg: 'A256KW' })],
  ['https://dir.example.com', 'dir', 'A128GCM', makeSecret(16, { kid: 'd', alg: 'dir' })],
]

let provider: OidcProvider
let issuer: string

beforeAll(async () => {
  provider = await startOidcProvider({
    clients: [{ ...client, ...clientCredentialsOnly }],
    scopes: ['read'],
    tokensFor: (resource) => ({
      accessTokenFormat: 'jwt',
      jwt: { sign: { alg: 'RS256' }, encrypt: encryptionFor(resource) },
    }),
  })
  issuer = provider.issuer
})

afterAll(() => provider.close())

function encryptionFor(resource: string) {
  const [, alg, enc, jwk] = apis.find(([name]) => name === resource) as (typeof apis)[number]
  return { alg, enc, kid: jwk.kid, key: encryptionKey(jwk) }
}

function encryptionKey(jwk: JWK): KeyObject {
  if (jwk.kty === 'oct') return createSecretKey(jwk.k as string, 'base64url')
  return createPublicKey({ key: jwk as JsonWebKey, format: 'jwk' })
}

describe('an encrypted token of oidc-provider', () => {
  it.each(apis)('9068-4-enc-a for %s is decrypted and then verified: %s, %s', async (resource) => {
    const decryptionKeys = { keys: apis.map(([, , , jwk]) => jwk) }
    const options = { audience: resource, profile: 'rfc9068' } as const
    const { validate } = createValidator({ issuer: { issuer, decryptionKeys }, ...options })
    const token = await fetchClientToken(issuer, client, resource, 'read')
    for (let count = 0; count < 2; count++) {
      expect((await validate(token)).scopes).toEqual(['read'])
    }
    // Its header names the issuer, so that a function can find it.
    const resolved = createValidator({ issuer: () => ({ issuer, decryptionKeys }), ...options })
    expect((await resolved.validate(token)).scopes).toEqual(['read'])
  })
})
