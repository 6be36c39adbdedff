/** Encrypted access tokens of a real authorization server: oidc-provider. */
import {
  createPublicKey,
  createSecretKey,
  generateKeyPairSync,
  type JsonWebKey,
  type KeyObject,
} from 'node:crypto'
import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { JWK } from 'jose'
import { createValidator } from 'oauth-resource-server'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { makeCurveKey, makeRsaKey, makeSecret } from '../support/encryption.ts'

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

let server: Server
let issuer: string

beforeAll(async () => {
  // It warns of a development set-up, and of a runtime that its makers no longer support.
  vi.spyOn(console, 'warn').mockReturnValue()
  vi.spyOn(console, 'info').mockReturnValue()
  // @ts-expect-error: it has no types
  const { default: Provider } = await import('oidc-provider')
  server = createServer()
  await once(server.listen(0, '127.0.0.1'), 'listening')
  issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
  const provider = new Provider(issuer, {
    clients: [
      { ...client, grant_types: ['client_credentials'], redirect_uris: [], response_types: [] },
    ],
    clientAuthMethods: ['client_secret_post'],
    clientDefaults: { token_endpoint_auth_method: 'client_secret_post' },
    scopes: ['read'],
    jwks: { keys: [{ ...privateKey.export({ format: 'jwk' }), alg: 'RS256', use: 'sig' }] },
    features: {
      clientCredentials: { enabled: true },
      devInteractions: { enabled: false },
      resourceIndicators: {
        enabled: true,
        getResourceServerInfo: (_context: unknown, resource: string) => ({
          audience: resource,
          scope: 'read',
          accessTokenFormat: 'jwt',
          jwt: { sign: { alg: 'RS256' }, encrypt: encryptionFor(resource) },
        }),
      },
    },
    ttl: { ClientCredentials: 600 },
  })
  server.on('request', provider.callback())
})

afterAll(() => {
  server.close()
  server.closeAllConnections()
  vi.restoreAllMocks()
})

function encryptionFor(resource: string) {
  const [, alg, enc, jwk] = apis.find(([name]) => name === resource) as (typeof apis)[number]
  return { alg, enc, kid: jwk.kid, key: encryptionKey(jwk) }
}

function encryptionKey(jwk: JWK): KeyObject {
  if (jwk.kty === 'oct') return createSecretKey(jwk.k as string, 'base64url')
  return createPublicKey({ key: jwk as JsonWebKey, format: 'jwk' })
}

async function fetchToken(resource: string): Promise<string> {
  const response = await fetch(`${issuer}/token`, {
    method: 'POST',
    body: new URLSearchParams({
      grant_type: 'client_credentials',
      ...client,
      resource,
      scope: 'read',
    }),
  })
  return ((await response.json()) as { access_token: string }).access_token
}

describe('an encrypted token of oidc-provider', () => {
  it.each(apis)('9068-4-enc-a for %s is decrypted and then verified: %s, %s', async (resource) => {
    const decryptionKeys = { keys: apis.map(([, , , jwk]) => jwk) }
    const options = { audience: resource, profile: 'rfc9068' } as const
    const { validate } = createValidator({ issuer: { issuer, decryptionKeys }, ...options })
    const token = await fetchToken(resource)
    for (let count = 0; count < 2; count++) {
      expect((await validate(token)).scopes).toEqual(['read'])
    }
    // Its header names the issuer, so that a function can find it.
    const resolved = createValidator({ issuer: () => ({ issuer, decryptionKeys }), ...options })
    expect((await resolved.validate(token)).scopes).toEqual(['read'])
  })
})
