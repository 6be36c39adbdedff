/**
 * Introspection at a real authorization server, which shares no code with the package: oidc-provider,
 * by four methods of client authentication, with and without signed responses.
 */
import { generateKeyPairSync } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { ClientAuthenticationOptions } from '../../src/options/introspection.ts'
import { createApi } from '../support/introspection.ts'
import {
  clientCredentialsOnly,
  fetchClientToken,
  type OidcProvider,
  startOidcProvider,
} from '../support/oidc-provider.ts'

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

let provider: OidcProvider
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
  provider = await startOidcProvider({
    clients: [{ ...robot, ...clientCredentialsOnly }, ...Object.values(methods).map(registered)],
    clientAuthMethods: Object.values(methods).map(({ method }) => method),
    scopes: ['read:reports'],
    tokensFor: () => ({ accessTokenFormat: 'opaque' }),
    features: {
      introspection: { enabled: true, allowedPolicy: () => true },
      jwtIntrospection: { enabled: true },
      revocation: { enabled: true },
    },
  })
  issuer = provider.issuer
})

afterAll(() => provider.close())

async function post(path: string, form: Record<string, string>): Promise<Response> {
  const body = new URLSearchParams({ ...robot, ...form })
  return fetch(`${issuer}${path}`, { method: 'POST', body })
}

const fetchToken = (resource = audience) =>
  fetchClientToken(issuer, robot, resource, 'read:reports')

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
    expect(await api.outcomeFor(other)).toBe('401 wrong_audience')
    expect(await api.outcomeFor('does-not-exist')).toBe('401 inactive')
  })

  it('refuses a revoked token once the cached result is too old', async () => {
    const api = apiWith(authentication)
    const token = await fetchToken()
    expect(await api.outcomeFor(token)).toBe('OK')
    expect((await post('/token/revocation', { token })).status).toBe(200)
    api.pass(10)
    expect(await api.outcomeFor(token)).toBe('401 inactive')
  })
})

describe('oidc-provider with signed responses', () => {
  const { basic } = methods as { basic: ClientAuthenticationOptions }

  it('accepts an active token, and refuses one that does not exist', async () => {
    const api = apiWith(basic, true)
    expect(await api.outcomeFor(await fetchToken())).toBe('OK')
    expect(await api.outcomeFor('does-not-exist')).toBe('401 inactive')
  })
})

describe('oidc-provider with wrong credentials', () => {
  it('answers with 503, and names the client', async () => {
    const api = apiWith({
      method: 'client_secret_basic',
      clientId: 'rs:basic',
      clientSecret: 'wrong',
    })
    expect(await api.outcomeFor(await fetchToken())).toBe('503')
    expect(api.events).toMatchObject([{ reason: 'credentials_refused', clientId: 'rs:basic' }])
  })
})
