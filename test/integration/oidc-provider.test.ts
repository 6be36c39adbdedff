/**
 * Tokens of a real authorization server that shares no code with the package: oidc-provider, found by
 * discovery, signs RFC 9068 tokens for the API in the resource indicator of the client.
 */
import { generateKeyPairSync } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { decodeProtectedHeader } from 'jose'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { type Api, startApis } from '../../examples/demo/apis.js'

const audience = 'https://api.example.com'
const otherAudience = 'https://other.example.com'
const client = { client_id: 'report-robot', client_secret: 'a-secret-of-the-test' }
const scopes = ['read:reports', 'write:reports']

let server: Server
let issuer: string
let apis: readonly Api[]

beforeAll(async () => {
  // It warns about a development set-up and about an old Node version.
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
    scopes,
    jwks: { keys: [{ ...privateKey.export({ format: 'jwk' }), alg: 'RS256', use: 'sig' }] },
    features: {
      clientCredentials: { enabled: true },
      devInteractions: { enabled: false },
      resourceIndicators: {
        enabled: true,
        getResourceServerInfo: (_context: unknown, resource: string) => ({
          audience: resource,
          scope: scopes.join(' '),
          accessTokenFormat: 'jwt',
          jwt: { sign: { alg: 'RS256' } },
        }),
      },
    },
    ttl: { ClientCredentials: 600 },
  })
  server.on('request', provider.callback())
  apis = await startApis({ issuer, resource: audience, profile: 'rfc9068' })
})

afterAll(() => {
  for (const { close } of apis) close()
  server.close()
  server.closeAllConnections()
  vi.restoreAllMocks()
})

async function fetchToken(resource: string, scope: string): Promise<string> {
  const response = await fetch(`${issuer}/token`, {
    method: 'POST',
    body: new URLSearchParams({ grant_type: 'client_credentials', ...client, resource, scope }),
  })
  const { access_token } = (await response.json()) as { access_token: string }
  return access_token
}

function callAll(method: 'GET' | 'POST', token: string): Promise<Response[]> {
  const headers = { authorization: `Bearer ${token}` }
  return Promise.all(apis.map(({ url }) => fetch(url, { method, headers })))
}

describe('a token of oidc-provider', () => {
  it('is a JWT of the RFC 9068 profile', async () => {
    const header = decodeProtectedHeader(await fetchToken(audience, 'read:reports'))
    expect(header).toMatchObject({ alg: 'RS256', typ: 'at+jwt', kid: expect.any(String) })
  })

  it('is accepted by all three adapters', async () => {
    for (const response of await callAll('GET', await fetchToken(audience, 'read:reports'))) {
      expect(response.status).toBe(200)
      expect(await response.json()).toMatchObject({
        iss: issuer,
        aud: audience,
        client_id: client.client_id,
        scope: 'read:reports',
      })
    }
  })

  it('is refused with 403 for a scope that it lacks', async () => {
    for (const response of await callAll('POST', await fetchToken(audience, 'read:reports'))) {
      expect(response.status).toBe(403)
      expect(response.headers.get('www-authenticate')).toContain('scope="write:reports"')
    }
    const responses = await callAll('POST', await fetchToken(audience, scopes.join(' ')))
    expect(responses.map(({ status }) => status)).toEqual([201, 201, 201])
  })

  it('is refused with 401 if it is for another API', async () => {
    for (const response of await callAll('GET', await fetchToken(otherAudience, 'read:reports'))) {
      expect(response.status).toBe(401)
      expect(await response.json()).toEqual({
        error: 'invalid_token',
        error_description: 'The access token is not meant for this resource',
      })
    }
  })
})
