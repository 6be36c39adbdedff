/**
 * Introspection at a real authorization server, which shares no code with the package: oidc-provider,
 * by four methods of client authentication, with and without signed responses.
 */
import { generateKeyPairSync } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import type { ClientAuthenticationOptions } from '../../src/options/introspection.ts'
import { createApi } from '../support/introspection.ts'

const audience = 'https://api.example.com'
const robot = { client_id: 'robot', client_secret: 'a-secret-of-the-test' }
const secret = 's%+ :~&='
const pair = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const key = { ...pair.privateKey.export({ format: 'jwk' }), kid: 'rs' }

const methods: Readonly<Record<string, ClientAuthenticationOptions>> = {
  basic: { method: 'client_secret_basic', clientId: 'rs:basic', clientSecret: secret },
  post: { method: 'client_secret_post', clientId: 'rs:post', clientSecret: secret },
  assertion: { method: 'private_key_jwt', clientId: 'rs:assertion', key },
  none: { method: 'none', clientId: 'rs:none' },
}

let server: Server
let issuer: string

const withoutGrants = { grant_types: [], redirect_uris: [], response_types: [] }

function registered(authentication: ClientAuthenticationOptions) {
  if (!('clientId' in authentication)) throw new Error('no client')
  const { method, clientId } = authentication
  return {
    ...withoutGrants,
    client_id: clientId,
    token_endpoint_auth_method: method,
    ...(method.startsWith('client_secret') && { client_secret: secret }),
    ...(method === 'private_key_jwt' && {
      jwks: { keys: [{ ...pair.publicKey.export({ format: 'jwk' }), kid: 'rs' }] },
    }),
  }
}

beforeAll(async () => {
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
      {
        ...withoutGrants,
        ...robot,
        grant_types: ['client_credentials'],
        token_endpoint_auth_method: 'client_secret_post',
      },
      ...Object.values(methods).map(registered),
    ],
    clientAuthMethods: Object.values(methods).map(({ method }) => method),
    scopes: ['read:reports'],
    jwks: { keys: [{ ...privateKey.export({ format: 'jwk' }), alg: 'RS256', use: 'sig' }] },
    features: {
      clientCredentials: { enabled: true },
      devInteractions: { enabled: false },
      introspection: { enabled: true, allowedPolicy: () => true },
      jwtIntrospection: { enabled: true },
      revocation: { enabled: true },
      resourceIndicators: {
        enabled: true,
        getResourceServerInfo: (_context: unknown, resource: string) => ({
          audience: resource,
          scope: 'read:reports',
          accessTokenFormat: 'opaque',
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

async function post(path: string, form: Record<string, string>): Promise<Response> {
  const body = new URLSearchParams({ ...robot, ...form })
  return fetch(`${issuer}${path}`, { method: 'POST', body })
}

async function fetchToken(resource = audience): Promise<string> {
  const form = { grant_type: 'client_credentials', resource, scope: 'read:reports' }
  const { access_token } = (await (await post('/token', form)).json()) as { access_token: string }
  return access_token
}

function apiWith(authentication: ClientAuthenticationOptions, signed = false) {
  const options = { authentication, endpoint: undefined, signed }
  return createApi(
    { origin: issuer, endpoint: '' },
    { options, settings: { audience: [audience] } },
  )
}

describe.each(Object.entries(methods))('oidc-provider with %s', (_name, authentication) => {
  it('accepts an opaque token of the issuer for this API', async () => {
    const api = apiWith(authentication)
    const token = await api.introspect(await fetchToken())
    expect(token).toMatchObject({
      issuer,
      clientId: 'robot',
      audience: [audience],
      scopes: ['read:reports'],
    })
    expect(api.events).toEqual([])
  })

  it('refuses one for another API, and one that does not exist', async () => {
    const api = apiWith(authentication)
    const other = await fetchToken('https://other.example.com')
    expect(await api.outcomeFor(other)).toBe('T401 wrong_audience')
    expect(await api.outcomeFor('does-not-exist')).toBe('T401 inactive')
  })

  it('refuses a revoked token once the cached result is too old', async () => {
    const api = apiWith(authentication)
    const token = await fetchToken()
    expect(await api.outcomeFor(token)).toBe('OK')
    expect((await post('/token/revocation', { token })).status).toBe(200)
    api.pass(10)
    expect(await api.outcomeFor(token)).toBe('T401 inactive')
  })
})

describe('oidc-provider with signed responses', () => {
  const { basic } = methods as { basic: ClientAuthenticationOptions }

  it('accepts an active token, and refuses one that does not exist', async () => {
    const api = apiWith(basic, true)
    expect(await api.outcomeFor(await fetchToken())).toBe('OK')
    expect(await api.outcomeFor('does-not-exist')).toBe('T401 inactive')
  })
})

describe('oidc-provider with wrong credentials', () => {
  it('answers with 503, and names the client', async () => {
    const api = apiWith({
      method: 'client_secret_basic',
      clientId: 'rs:basic',
      clientSecret: 'wrong',
    })
    expect(await api.outcomeFor(await fetchToken())).toBe('X503')
    expect(api.events).toMatchObject([{ reason: 'credentials_refused', clientId: 'rs:basic' }])
  })
})
