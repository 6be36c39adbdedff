/**
 * Bound tokens of a real authorization server, used by real clients: oidc-provider issues them, and
 * oauth4webapi and openid-client make the proofs. None of them shares code with the package.
 */
import { randomBytes, X509Certificate } from 'node:crypto'
import { once } from 'node:events'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { createServer, type Server } from 'node:https'
import type { AddressInfo } from 'node:net'
import type { TLSSocket } from 'node:tls'
import type { ValidatorOptions } from 'oauth-resource-server'
import { authenticate } from 'oauth-resource-server/http'
import * as oauth from 'oauth4webapi'
import * as openid from 'openid-client'
import { Agent, fetch as undiciFetch } from 'undici'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { makeCertificate } from '../support/certificate.ts'
import {
  clientCredentialsOnly,
  type OidcProvider,
  startOidcProvider,
} from '../support/oidc-provider.ts'

const audience = 'https://api.example.com'
const secret = 'a-secret-of-the-test'
const tls = await makeCertificate()
const identity = await makeCertificate({ commonName: 'client' })
const thief = await makeCertificate({ commonName: 'thief' })

/** A fetch that trusts the servers of this test, and authenticates in TLS where it has a certificate. */
const fetchAs = (client?: { key: string; cert: string }) => {
  const connect = { ca: tls.cert, ...(client && { key: client.key, cert: client.cert }) }
  const dispatcher = new Agent({ connect })
  return (url: string | URL, options?: object) =>
    undiciFetch(url, { ...options, dispatcher }) as unknown as Promise<Response>
}
const plainFetch = fetchAs()
const mutualFetch = fetchAs(identity)

const servers: Server[] = []
async function listen(
  listener: (request: IncomingMessage, response: ServerResponse) => unknown,
): Promise<string> {
  const options = { key: tls.key, cert: tls.cert, requestCert: true, rejectUnauthorized: false }
  const server = createServer(options, listener).listen(0, '127.0.0.1')
  servers.push(server)
  await once(server, 'listening')
  return `https://localhost:${(server.address() as AddressInfo).port}`
}

/** An API; its requests are counted. */
async function startApi(options: Partial<ValidatorOptions>) {
  const statuses: number[] = []
  let guard: ReturnType<typeof authenticate> | undefined
  const url = await listen(async (request, response) => {
    response.on('finish', () => statuses.push(response.statusCode))
    const token = await guard?.(request, response)
    if (!token) return
    response.setHeader('Content-Type', 'application/json')
    response.end(JSON.stringify({ scheme: token.scheme, proofs: token.proofs }))
  })
  guard = authenticate({
    issuer,
    audience,
    profile: 'rfc9068',
    publicUrl: url,
    fetch: plainFetch,
    ...options,
  })
  return { url: new URL(`${url}/reports?page=1`), statuses }
}

let provider: OidcProvider
let issuer: string

beforeAll(async () => {
  const client = {
    ...clientCredentialsOnly,
    client_secret: secret,
    id_token_signed_response_alg: 'ES256',
  }
  provider = await startOidcProvider({
    listen,
    clients: [
      { ...client, client_id: 'dpop' },
      { ...client, client_id: 'mtls', tls_client_certificate_bound_access_tokens: true },
    ],
    scopes: ['read'],
    algorithm: 'ES256',
    tokensFor: () => ({ accessTokenFormat: 'jwt', jwt: { sign: { alg: 'ES256' } } }),
    features: {
      dPoP: { enabled: true },
      mTLS: {
        enabled: true,
        certificateBoundAccessTokens: true,
        getCertificate({ req }: { req: IncomingMessage }) {
          const { raw } = (req.socket as TLSSocket).getPeerCertificate()
          return raw && new X509Certificate(raw).toString()
        },
      },
    },
  })
  issuer = provider.issuer
})

afterAll(() => {
  for (const server of servers) {
    server.close()
    server.closeAllConnections()
  }
  provider.close()
})

interface Client {
  /** The key or certificate that its tokens are bound to is another one for each client. */
  readonly token: string
  readonly request: (url: URL) => Promise<Response>
}

const parameters = { grant_type: 'client_credentials', resource: audience, scope: 'read' }

/** Clients of each library, as its documentation shows. */
const libraries: Readonly<Record<string, { dpop(): Promise<Client>; mtls(): Promise<Client> }>> = {
  oauth4webapi: {
    async dpop() {
      const options = { [oauth.customFetch]: plainFetch }
      const { server, client, authentication } = await discoverWithOauth('dpop')
      const keys = await oauth.generateKeyPair('ES256')
      const DPoP = oauth.DPoP(client, keys)
      const grant = () =>
        oauth
          .clientCredentialsGrantRequest(server, client, authentication, parameters, {
            ...options,
            DPoP,
          })
          .then((response) => oauth.processClientCredentialsResponse(server, client, response))
      const { access_token: token, token_type } = await grant()
      expect(token_type).toBe('dpop')
      const ask = (url: URL) =>
        oauth.protectedResourceRequest(token, 'GET', url, undefined, undefined, {
          ...options,
          DPoP,
        })
      const request = (url: URL) =>
        ask(url).catch((error: unknown) => {
          if (!oauth.isDPoPNonceError(error)) throw error
          return ask(url)
        })
      return { token, request }
    },
    async mtls() {
      const options = { [oauth.customFetch]: mutualFetch }
      const { server, client, authentication } = await discoverWithOauth('mtls')
      const response = await oauth.clientCredentialsGrantRequest(
        server,
        client,
        authentication,
        parameters,
        options,
      )
      const { access_token: token } = await oauth.processClientCredentialsResponse(
        server,
        client,
        response,
      )
      const request = (url: URL) =>
        oauth.protectedResourceRequest(token, 'GET', url, undefined, undefined, options)
      return { token, request }
    },
  },
  'openid-client': {
    async dpop() {
      const config = await openid.discovery(
        new URL(issuer),
        'dpop',
        secret,
        openid.ClientSecretPost(),
        { [openid.customFetch]: plainFetch },
      )
      const DPoP = openid.getDPoPHandle(config, await openid.randomDPoPKeyPair())
      const { access_token: token } = await openid.clientCredentialsGrant(config, parameters, {
        DPoP,
      })
      const request = (url: URL) =>
        openid.fetchProtectedResource(config, token, url, 'GET', undefined, undefined, { DPoP })
      return { token, request }
    },
    async mtls() {
      const config = await openid.discovery(
        new URL(issuer),
        'mtls',
        secret,
        openid.ClientSecretPost(),
        { [openid.customFetch]: mutualFetch },
      )
      const { access_token: token } = await openid.clientCredentialsGrant(config, parameters)
      const request = (url: URL) => openid.fetchProtectedResource(config, token, url, 'GET')
      return { token, request }
    },
  },
}

async function discoverWithOauth(clientId: string) {
  const url = new URL(issuer)
  const response = await oauth.discoveryRequest(url, { [oauth.customFetch]: plainFetch })
  const server = await oauth.processDiscoveryResponse(url, response)
  const client: oauth.Client = { client_id: clientId }
  return { server, client, authentication: oauth.ClientSecretPost(secret) }
}

const dpopProof = { scheme: 'DPoP', proofs: ['dpop'] }

describe.each(Object.entries(libraries))('%s with oidc-provider', (_name, library) => {
  it('A0-dpop-a makes DPoP proofs without nonces', async () => {
    const { url, statuses } = await startApi({ dpop: { required: true } })
    const { request } = await library.dpop()
    for (let index = 0; index < 2; index++) {
      expect(await (await request(url)).json()).toEqual(dpopProof)
    }
    expect(statuses).toEqual([200, 200])
  })

  it('9449-9-a tries again with the nonce of a 401, and uses it from then on', async () => {
    const { url, statuses } = await startApi({ dpop: { nonce: { secret: randomBytes(32) } } })
    const { request } = await library.dpop()
    for (let index = 0; index < 2; index++) {
      expect(await (await request(url)).json()).toEqual(dpopProof)
    }
    expect(statuses).toEqual([401, 200, 200])
  })

  it('9449-8.2-a changes to the nonce that a 200 offers, and to that of a 401 after a pause', async () => {
    let offset = 0
    const { url, statuses } = await startApi({
      now: () => Date.now() + offset,
      dpop: { maxAge: 3_600, nonce: { secret: randomBytes(32), lifetime: 30 } },
    })
    const { request } = await library.dpop()
    // The nonce of the first 401 is offered anew after 25 s, is used after 40 s, and is old after 90 s.
    for (const seconds of [0, 25, 40, 90]) {
      offset = seconds * 1_000
      expect(await (await request(url)).json()).toEqual(dpopProof)
    }
    expect(statuses).toEqual([401, 200, 200, 200, 401, 200])
  })

  it('8705-3-a uses a certificate-bound token on its own TLS connections', async () => {
    const { url } = await startApi({ mtls: { required: true } })
    const { request, token } = await library.mtls()
    expect(await (await request(url)).json()).toEqual({ scheme: 'Bearer', proofs: ['mtls'] })
    for (const fetchOf of [plainFetch, fetchAs(thief)]) {
      const stolen = await fetchOf(url, { headers: { authorization: `Bearer ${token}` } })
      expect([stolen.status, await stolen.json()]).toMatchObject([401, { error: 'invalid_token' }])
    }
  })

  it('9449-7.2-a has tokens that no other client can use', async () => {
    const { url } = await startApi({ dpop: true })
    const { token } = await library.dpop()
    const stolen = await plainFetch(url, { headers: { authorization: `Bearer ${token}` } })
    expect([stolen.status, await stolen.json()]).toMatchObject([401, { error: 'invalid_token' }])
  })
})
