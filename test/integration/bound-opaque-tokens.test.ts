/** Opaque tokens that are bound to a key: the introspection response names it, and the request proves it. */
import { X509Certificate } from 'node:crypto'
import { createValidator, type HttpRequest } from 'oauth-resource-server'
import { createTestIssuer, type TestIssuer } from 'oauth-resource-server/testing'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { claimsT0, ISS, jwks, t0 } from '../support/fixture.ts'
import {
  active,
  createApi as createIntrospectingApi,
  startAuthorizationServer,
} from '../support/introspection.ts'

const url = 'https://api.example.com/reports'

let issuer: TestIssuer
beforeEach(async () => {
  issuer = await createTestIssuer()
})
afterEach(() => issuer.close())

function createApi(tokens: 'opaque' | 'all' = 'opaque') {
  const authentication = {
    method: 'client_secret_basic',
    clientId: 'test-client',
    clientSecret: 'test-secret',
  } as const
  const header = 'client-cert'
  return createValidator({
    issuer: { issuer: issuer.issuer, introspection: { authentication, tokens } },
    audience: issuer.audience,
    publicUrl: 'https://api.example.com',
    dpop: true,
    mtls: { certificate: { header, format: 'rfc9440', trusted: () => true } },
  })
}

const request = (authorization: string, headers: Record<string, string> = {}): HttpRequest => ({
  method: 'GET',
  url: '/reports',
  headers: { authorization, ...headers },
})

const outcome = (promise: Promise<unknown>) =>
  promise.then(
    () => 'OK',
    (error) => error.reason ?? error.code,
  )

const cnfOf = (jwt: string) => {
  const [, payload = ''] = jwt.split('.')
  return JSON.parse(Buffer.from(payload, 'base64url').toString()).cnf
}

describe('an opaque token that is bound by DPoP', () => {
  it('7662-2.2-g, 9449-6.2-a is accepted with a proof on every request, and refused as a bearer token', async () => {
    const { authenticate, validate } = createApi()
    const client = issuer.dpopClient()
    const cnf = cnfOf(await client.token())
    const token = issuer.opaqueToken({ cnf, token_type: 'DPoP' })
    for (let count = 0; count < 2; count++) {
      const proof = await client.proof({ url, token })
      const accepted = await authenticate(request(`DPoP ${token}`, { dpop: proof }))
      expect(accepted).toMatchObject({ scheme: 'DPoP', proofs: ['dpop'], claims: { cnf } })
      // The same proof again.
      expect(await outcome(authenticate(request(`DPoP ${token}`, { dpop: proof })))).not.toBe('OK')
    }
    expect(await outcome(authenticate(request(`DPoP ${token}`)))).not.toBe('OK')
    const other = await issuer.dpopClient().proof({ url, token })
    expect(await outcome(authenticate(request(`DPoP ${token}`, { dpop: other })))).not.toBe('OK')
    expect(await outcome(authenticate(request(`Bearer ${token}`)))).toBe('binding_mismatch')
    expect(await outcome(validate(token))).toBe('unsupported_binding')
    expect(issuer.requests.introspection).toBe(1)
  })

  it('7662-2.2-h is enforced for every token_type', async () => {
    const { authenticate } = createApi()
    const cnf = cnfOf(await issuer.dpopClient().token())
    const token = issuer.opaqueToken({ cnf, token_type: 'Bearer' })
    expect(await outcome(authenticate(request(`Bearer ${token}`)))).toBe('binding_mismatch')
    const unnamed = issuer.opaqueToken({ token_type: 'DPoP' })
    expect(await outcome(authenticate(request(`Bearer ${unnamed}`)))).toBe('missing_claim')
    const proof = await issuer.dpopClient().proof({ url, token: unnamed })
    expect(await outcome(authenticate(request(`DPoP ${unnamed}`, { dpop: proof })))).toBe(
      'missing_claim',
    )
  })
})

describe('an opaque token that is bound to a certificate', () => {
  it('7662-2.2-g, 8705-3.2-a is accepted with this certificate only', async () => {
    const { authenticate } = createApi()
    const [mine, other] = [issuer.clientCertificate(), issuer.clientCertificate()]
    const cnf = cnfOf(await mine.token())
    const token = issuer.opaqueToken({ cnf })
    const presenting = (cert: string) => ({
      'client-cert': `:${new X509Certificate(cert).raw.toString('base64')}:`,
    })
    const bearer = `Bearer ${token}`
    expect(await authenticate(request(bearer, presenting(mine.cert)))).toMatchObject({
      proofs: ['mtls'],
    })
    expect(await outcome(authenticate(request(bearer, presenting(other.cert))))).toBe(
      'binding_mismatch',
    )
    expect(await outcome(authenticate(request(bearer)))).toBe('binding_mismatch')
    expect(issuer.requests.introspection).toBe(1)
  })
})

describe("a JWT that is bound by DPoP, with tokens: 'all'", () => {
  it('7662-2.2-g stays bound', async () => {
    const { authenticate } = createApi('all')
    const client = issuer.dpopClient()
    const token = await client.token()
    expect(await outcome(authenticate(request(`Bearer ${token}`)))).toBe('binding_mismatch')
    const proof = await client.proof({ url, token })
    expect(await authenticate(request(`DPoP ${token}`, { dpop: proof }))).toMatchObject({
      proofs: ['dpop'],
    })
    expect(await outcome(authenticate(request(`Bearer ${token}`)))).toBe('binding_mismatch')
  })

  it('7662-2.2-g stays bound where the response does not repeat cnf', async () => {
    const client = issuer.dpopClient()
    const cnf = cnfOf(await client.token())
    const { sub, client_id } = claimsT0()
    const server = await startAuthorizationServer(() => active({ sub, client_id }))
    const { validator } = createIntrospectingApi(server, {
      settings: { issuer: ISS, jwks },
      options: { tokens: 'all' },
      validator: { publicUrl: 'https://api.example.com', dpop: true, now: Date.now },
    })
    const token = t0({ cnf })
    const dpop = await client.proof({ url, token })
    const accepted = await validator.authenticate(request(`DPoP ${token}`, { dpop }))
    expect(accepted).toMatchObject({ proofs: ['dpop'], claims: { cnf } })
    expect(accepted).not.toHaveProperty('header')
    expect(await outcome(validator.authenticate(request(`Bearer ${token}`)))).toBe(
      'binding_mismatch',
    )
  })
})
