/**
 * Tokens of a real authorization server that shares no code with the package: oidc-provider, found by
 * discovery, signs RFC 9068 tokens for the API in the resource indicator of the client.
 */
import { decodeProtectedHeader } from 'jose'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Api, startApis } from '../../examples/demo/apis.js'
import {
  clientCredentialsOnly,
  fetchClientToken,
  type OidcProvider,
  startOidcProvider,
} from '../support/oidc-provider.ts'

const audience = 'https://api.example.com'
const otherAudience = 'https://other.example.com'
const client = { client_id: 'report-robot', client_secret: 'a-secret-of-the-test' }
const scopes = ['read:reports', 'write:reports']

let provider: OidcProvider
let issuer: string
let apis: readonly Api[]

beforeAll(async () => {
  provider = await startOidcProvider({
    clients: [{ ...client, ...clientCredentialsOnly }],
    scopes,
    tokensFor: () => ({ accessTokenFormat: 'jwt', jwt: { sign: { alg: 'RS256' } } }),
  })
  issuer = provider.issuer
  apis = await startApis({ issuer, resource: audience, profile: 'rfc9068' })
})

afterAll(() => {
  for (const { close } of apis) close()
  provider.close()
})

const fetchToken = (resource: string, scope: string) =>
  fetchClientToken(issuer, client, resource, scope)

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
