import { createValidator } from 'oauth-resource-server'
import { createTestIssuer } from 'oauth-resource-server/testing'
import { describe, expect, it } from 'vitest'
import { type Algorithm, allAlgorithms } from '../../src/signature/algorithms.ts'
import { AUD, base64url, ec1, ISS, jwks, rsa1, seconds, signParts } from '../support/fixture.ts'
import {
  active,
  createApi,
  credentials,
  type Respond,
  startAuthorizationServer,
} from '../support/introspection.ts'

const type = 'application/token-introspection+jwt'

interface Changes {
  readonly header?: Record<string, unknown>
  readonly claims?: Record<string, unknown>
  readonly key?: typeof rsa1
}

function signedResponse({ header = {}, claims = {}, key = rsa1 }: Changes = {}): string {
  const joseHeader = {
    alg: key.alg,
    typ: 'token-introspection+jwt',
    kid: key.jwk.kid,
    ...header,
  }
  const payload = {
    iss: ISS,
    aud: 'rs:1',
    iat: seconds(),
    token_introspection: active(),
    ...claims,
  }
  return signParts(JSON.stringify(joseHeader), JSON.stringify(payload), key)
}

const respondWith =
  (body: string, contentType = type): Respond =>
  (_request, response) =>
    response.writeHead(200, { 'content-type': contentType }).end(body)

async function signedApi(
  body: string,
  contentType?: string,
  algorithms: readonly Algorithm[] = allAlgorithms,
) {
  const server = await startAuthorizationServer(respondWith(body, contentType))
  const settings = { issuer: ISS, jwks, algorithms }
  return {
    server,
    api: createApi(server, {
      settings,
      options: { signed: true },
      validator: { resource: AUD },
    }),
  }
}

describe('RFC 9701 §4: the request', () => {
  it('9701-a accepts only a signed response', async () => {
    const { server, api } = await signedApi(signedResponse())
    expect(await api.outcomeFor('op-1')).toBe('OK')
    expect(server.received[0]?.headers.accept).toBe(type)
  })
})

describe('RFC 9701 §5: the response', () => {
  it.each<[string, Changes]>([
    ['the client id as aud', {}],
    ['the client id among others in aud', { claims: { aud: ['x', 'rs:1'] } }],
    ['the identifier of this API as aud', { claims: { aud: AUD } }],
    ['a type with its prefix', { header: { typ: 'application/Token-Introspection+JWT' } }],
    ['another key', { key: ec1 }],
    ['no kid', { header: { kid: undefined } }],
    ['an iat a little ahead', { claims: { iat: seconds() + 30 } }],
  ])('9701-b accepts %s', async (_what, changes) => {
    const { api } = await signedApi(signedResponse(changes))
    expect(await api.outcomeFor('op-1')).toBe('OK')
  })

  it('9701-b refuses a token that the signed response calls inactive', async () => {
    const inactive = { token_introspection: { active: false } }
    const { api } = await signedApi(signedResponse({ claims: inactive }))
    expect(await api.outcomeFor('op-1')).toBe('401 inactive')
  })

  const tampered = () => {
    const [header, payload, signature] = signedResponse({
      claims: { token_introspection: { active: false } },
    }).split('.')
    const claims = JSON.parse(Buffer.from(payload ?? '', 'base64url').toString())
    const forged = base64url(JSON.stringify({ ...claims, token_introspection: active() }))
    return `${header}.${forged}.${signature}`
  }

  it.each<[string, string]>([
    ['another typ', signedResponse({ header: { typ: 'at+jwt' } })],
    ['the typ JWT', signedResponse({ header: { typ: 'JWT' } })],
    ['no typ', signedResponse({ header: { typ: undefined } })],
    ['another issuer', signedResponse({ claims: { iss: 'https://other.test' } })],
    ['no issuer', signedResponse({ claims: { iss: undefined } })],
    ['another aud', signedResponse({ claims: { aud: 'other' } })],
    ['no aud', signedResponse({ claims: { aud: undefined } })],
    ['no iat', signedResponse({ claims: { iat: undefined } })],
    ['an old iat', signedResponse({ claims: { iat: seconds() - 120 } })],
    ['an iat far ahead', signedResponse({ claims: { iat: seconds() + 120 } })],
    ['a past exp', signedResponse({ claims: { exp: seconds() - 60 } })],
    ['a changed payload', tampered()],
    ['a key under the kid of another', signedResponse({ header: { kid: 'ps1' } })],
    ['an unknown kid', signedResponse({ header: { kid: 'unknown' } })],
    [
      'alg none',
      `${signedResponse({ header: { alg: 'none' } })
        .split('.', 2)
        .join('.')}.`,
    ],
    ['HS256', signedResponse({ header: { alg: 'HS256' } })],
    ['a critical extension', signedResponse({ header: { crit: ['exp'] } })],
    ['a kid that is not a string', signedResponse({ header: { kid: 1 } })],
    ['five parts', 'a.b.c.d.e'],
    ['a header that is not JSON', `e30x.${signedResponse().split('.').slice(1).join('.')}`],
    ['characters beyond ASCII', `é${signedResponse()}`],
    ['an unsigned response in its place', JSON.stringify(active())],
  ])('9701-b returns 503 for a response with %s', async (_what, body) => {
    const { api } = await signedApi(body)
    expect(await api.outcomeFor('op-1')).toBe('503')
    expect(api.events).toMatchObject([
      { type: 'introspection.failed', reason: 'invalid_signed_response' },
    ])
  })

  it('9701-b accepts only the algorithms that are allowed for the issuer', async () => {
    const { api } = await signedApi(signedResponse(), type, ['ES256'])
    expect(await api.outcomeFor('op-1')).toBe('503')
  })

  it('9701-b returns 503 for an unsigned response, whatever it contains', async () => {
    const { api } = await signedApi(JSON.stringify(active()), 'application/json')
    expect(await api.outcomeFor('op-1')).toBe('503')
    expect(api.events).toMatchObject([
      {
        type: 'introspection.failed',
        reason: 'invalid_signed_response',
        hint: expect.stringContaining(type),
      },
    ])
  })

  it('9701-b introspects again as soon as fewer signatures wait to be verified', async () => {
    const server = await startAuthorizationServer(respondWith(signedResponse()))
    const { endpoint } = server
    const introspection = { authentication: credentials, endpoint, signed: true }
    const issuer = [
      { issuer: ISS, jwks, introspection },
      { issuer: 'https://other.example.com', jwks },
    ]
    const api = createApi(server, { validator: { issuer } })
    const queue = api.pipeline.opaqueIssuers[0]?.verifications
    const releases: (() => void)[] = []
    while (queue?.run(ISS, (release) => releases.push(release), false));
    expect(await api.outcomeFor('op-1')).toBe('503')
    expect(api.events).toMatchObject([{ reason: 'keys_unavailable', retryAfter: 0 }])
    for (let release = releases.pop(); release; release = releases.pop()) release()
    expect(await api.outcomeFor('op-2')).toBe('OK')
  })

  it.each([
    { token_introspection: undefined, active: true, ...active() },
    { token_introspection: [active()] },
    { token_introspection: 'active' },
    { token_introspection: null, active: true },
    { token_introspection: {}, active: true },
  ])('9701-c reads the result nowhere but in token_introspection (%#)', async (claims) => {
    const { api } = await signedApi(signedResponse({ claims }))
    expect(await api.outcomeFor('op-1')).toBe('503')
  })

  it('9701-d is not accepted as an access token', async () => {
    const validator = createValidator({ issuer: { issuer: ISS, jwks }, audience: AUD })
    const text = signedResponse({ claims: { aud: AUD, exp: seconds() + 60, sub: 'x' } })
    await expect(validator.validate(text)).rejects.toMatchObject({ reason: 'wrong_type' })
  })

  it('9701-b accepts what an authorization server signs with a key of its set', async () => {
    const { clientId: id, clientSecret } = credentials
    await using issuer = await createTestIssuer({ clients: [{ id, secret: clientSecret }] })
    const server = { origin: issuer.issuer, endpoint: issuer.introspectionEndpoint }
    const api = createApi(server, { options: { signed: true } })
    expect(await api.outcomeFor(issuer.opaqueToken({ aud: AUD }))).toBe('OK')
    await issuer.rotate()
    expect(await api.outcomeFor(issuer.opaqueToken({ aud: AUD }))).toBe('OK')
    expect(await api.outcomeFor('unknown')).toBe('401 inactive')
  })

  it('9701-b returns 503 while the keys are unavailable', async () => {
    const server = await startAuthorizationServer((request, response) =>
      request.method === 'GET'
        ? response.writeHead(503, { 'retry-after': '9' }).end()
        : respondWith(signedResponse({ claims: { iss: server.origin } }))(request, response),
    )
    const api = createApi(server, { options: { signed: true } })
    expect(await api.outcomeFor('op-1')).toBe('503')
    expect(api.events).toContainEqual(
      expect.objectContaining({
        type: 'introspection.failed',
        reason: 'keys_unavailable',
        retryAfter: 9,
      }),
    )
  })
})
