import { generateKeyPairSync } from 'node:crypto'
import { createServer as createTlsServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { inspect } from 'node:util'
import { createLocalJWKSet, jwtVerify } from 'jose'
import type { ServiceUnavailableError } from 'oauth-resource-server'
import { describe, expect, it, onTestFinished } from 'vitest'
import { createCacheKey } from '../../src/introspection/introspection-cache.ts'
import { resolveIntrospection } from '../../src/options/introspection.ts'
import { makeCertificate } from '../support/certificate.ts'
import { AUD } from '../support/fixture.ts'
import {
  active,
  createApi,
  credentials,
  type Respond,
  type Setup,
  startAuthorizationServer,
} from '../support/introspection.ts'

/** The result for one token about which the server answers this. */
async function outcomeFor(answer: unknown, setup: Setup = {}): Promise<string> {
  const server = await startAuthorizationServer(() => answer)
  return createApi(server, setup).outcomeFor('op-1')
}

const raw =
  (status: number, body: string, headers: Record<string, string> = {}): Respond =>
  (_request, response) =>
    response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(body)

const basicOf = (authorization = '') =>
  Buffer.from(authorization.replace('Basic ', ''), 'base64').toString()

const formDecode = (text: string) => decodeURIComponent(text.replaceAll('+', ' '))

describe('RFC 7662 §2.1: the request', () => {
  it('7662-2.1-a is a POST with the token in the form, and with no query', async () => {
    const server = await startAuthorizationServer(() => active())
    expect(await createApi(server).outcomeFor('op-1')).toBe('OK')
    const [request] = server.received
    expect(request).toMatchObject({ method: 'POST', url: '/introspect' })
    expect(request?.headers['content-type']).toBe('application/x-www-form-urlencoded')
    expect(request?.form.get('token')).toBe('op-1')
    expect(inspect(request?.headers)).not.toContain('op-1')
  })

  it('7662-2.1-b encodes the token so that the server decodes the same string', async () => {
    const server = await startAuthorizationServer(() => active())
    await createApi(server).outcomeFor('a+b/c=~')
    expect(server.received[0]?.form.get('token')).toBe('a+b/c=~')
    expect(server.received[0]?.body).not.toContain('a+b')
  })

  it('7662-2.1-c has the hint that the token is an access token', async () => {
    const server = await startAuthorizationServer(() => active())
    await createApi(server).outcomeFor('op-1')
    expect(server.received[0]?.form.get('token_type_hint')).toBe('access_token')
  })

  it('7662-2.1-d accepts JSON only', async () => {
    const server = await startAuthorizationServer(() => active())
    await createApi(server).outcomeFor('op-1')
    expect(server.received[0]?.headers.accept).toBe('application/json')
  })

  it('7662-2.1-e form-encodes client id and secret before base64', async () => {
    const server = await startAuthorizationServer(() => active())
    await createApi(server).outcomeFor('op-1')
    const [id = '', secret = ''] = basicOf(server.received[0]?.headers.authorization).split(':')
    expect([formDecode(id), formDecode(secret)]).toEqual(['rs:1', 's%+ :é'])
    expect(server.received[0]?.form.has('client_id')).toBe(false)
  })

  it('7662-2.1-e leaves id and secret as they are with encoding raw', async () => {
    const server = await startAuthorizationServer(() => active())
    const authentication = { ...credentials, clientId: 'rs', encoding: 'raw' } as const
    await createApi(server, { options: { authentication } }).outcomeFor('op-1')
    expect(basicOf(server.received[0]?.headers.authorization)).toBe('rs:s%+ :é')
  })

  it('7662-2.1-f client_secret_post puts id and secret into the form, and nothing elsewhere', async () => {
    const server = await startAuthorizationServer(() => active())
    const authentication = { ...credentials, method: 'client_secret_post' } as const
    await createApi(server, { options: { authentication } }).outcomeFor('op-1')
    const [request] = server.received
    expect(request?.headers.authorization).toBeUndefined()
    expect(request?.form.get('client_id')).toBe('rs:1')
    expect(request?.form.get('client_secret')).toBe('s%+ :é')
  })

  it('7662-2.1-f private_key_jwt sends an assertion for the issuer, a new one each time', async () => {
    const server = await startAuthorizationServer(() => active())
    const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
    const key = { ...privateKey.export({ format: 'jwk' }), kid: 'k1' }
    const authentication = { method: 'private_key_jwt', clientId: 'rs:1', key } as const
    const api = createApi(server, { options: { authentication } })
    await Promise.all([api.outcomeFor('op-1'), api.outcomeFor('op-2')])
    const set = createLocalJWKSet({
      keys: [{ ...publicKey.export({ format: 'jwk' }), kid: 'k1', alg: 'ES256' }],
    })
    const jtis = new Set<unknown>()
    for (const { headers, form } of server.received) {
      expect(headers.authorization).toBeUndefined()
      expect(form.get('client_secret')).toBeNull()
      expect(form.get('client_assertion_type')).toBe(
        'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
      )
      const { payload } = await jwtVerify(form.get('client_assertion') ?? '', set, {
        issuer: 'rs:1',
        subject: 'rs:1',
        audience: server.origin,
        requiredClaims: ['jti', 'iat', 'exp'],
      })
      expect((payload.exp ?? 0) - (payload.iat ?? 0)).toBe(60)
      jtis.add(payload.jti)
    }
    expect(jtis.size).toBe(2)
  })

  it('7662-2.1-f tls_client_auth sends the client id; the option fetch presents the certificate', async () => {
    const server = await startAuthorizationServer(() => active())
    const authentication = { method: 'tls_client_auth', clientId: 'rs:1' } as const
    await createApi(server, { options: { authentication } }).outcomeFor('op-1')
    const [request] = server.received
    expect(request?.headers.authorization).toBeUndefined()
    expect([...(request?.form.keys() ?? [])]).toEqual(['token', 'token_type_hint', 'client_id'])
  })

  it('7662-2.1-f none sends nothing but the token', async () => {
    const server = await startAuthorizationServer(() => active())
    await createApi(server, { options: { authentication: { method: 'none' } } }).outcomeFor('op-1')
    const [request] = server.received
    expect(request?.headers.authorization).toBeUndefined()
    expect([...(request?.form.keys() ?? [])]).toEqual(['token', 'token_type_hint'])
  })

  it('7662-2.1-f bearer sends the token of the application', async () => {
    const server = await startAuthorizationServer(() => active())
    const authentication = { method: 'bearer', token: async () => 'rs-token' } as const
    await createApi(server, { options: { authentication } }).outcomeFor('op-1')
    expect(server.received[0]?.headers.authorization).toBe('Bearer rs-token')
  })

  it.each<[string, () => never]>([
    [
      'an Error',
      () => {
        throw new Error('no token')
      },
    ],
    [
      'undefined',
      () => {
        throw undefined
      },
    ],
    ['a text with a line break', () => 'a\r\nSet-Cookie: b' as never],
    ['nothing', () => undefined as never],
  ])('7662-2.1-f returns 503 if the bearer function gives %s', async (_what, token) => {
    const server = await startAuthorizationServer(() => active())
    const api = createApi(server, { options: { authentication: { method: 'bearer', token } } })
    expect(await api.outcomeFor('op-1')).toBe('503')
    expect(server.received).toEqual([])
    expect(api.events).toMatchObject([
      { type: 'introspection.failed', reason: 'credentials_unavailable', method: 'bearer' },
    ])
  })
})

describe('RFC 7662 §2.2: the response', () => {
  it.each([{ active: false }, { ...active(), active: false }])(
    '7662-2.2-a refuses a token that is not active (%#)',
    async (answer) => {
      expect(await outcomeFor(answer)).toBe('401 inactive')
    },
  )

  it.each(['true', 1, null, [true], {}, undefined])(
    '7662-2.2-b returns 503 for active: %j',
    async (value) => {
      expect(await outcomeFor(active({ active: value }))).toBe('503')
    },
  )

  const now = () => Math.floor(Date.now() / 1000)

  it.each([
    ['401 expired', { exp: now() - 60 }],
    ['401 not_yet_valid', { nbf: now() + 60 }],
    ['401 invalid_claim', { exp: String(now() + 60) }],
    ['401 invalid_claim', { nbf: 'soon' }],
    ['OK', { exp: now() + 60, nbf: now() - 60 }],
    ['OK', { exp: undefined }],
  ])('7662-2.2-c %s for %j', async (expected, changes) => {
    expect(await outcomeFor(active(changes))).toBe(expected)
  })

  it('7662-2.2-d refuses a token of another issuer', async () => {
    expect(await outcomeFor(active({ iss: 'https://other.test' }))).toBe('401 wrong_issuer')
    expect(await outcomeFor(active({ iss: 1 }))).toBe('401 invalid_claim')
  })

  it.each([
    ['401 wrong_audience', { aud: 'https://other.test' }, {}],
    ['401 missing_claim', { aud: undefined }, {}],
    ['401 missing_claim', { aud: null }, {}],
    ['401 invalid_claim', { aud: [1] }, {}],
    ['OK', { aud: ['https://other.test', AUD] }, {}],
    ['OK', { aud: undefined }, { audience: false }],
    ['OK', { aud: 'https://other.test' }, { audience: false }],
  ] as const)('7662-2.2-e %s for %j with %j', async (expected, changes, settings) => {
    expect(await outcomeFor(active(changes), { settings })).toBe(expected)
  })

  it.each([
    ['read:a read:b', ['read:a', 'read:b']],
    [undefined, []],
    [['read:a'], []],
    [{ 0: 'read:a' }, []],
  ])('7662-2.2-f scope %j grants %j', async (scope, scopes) => {
    const server = await startAuthorizationServer(() => active({ scope }))
    expect((await createApi(server).introspect('op-1')).scopes).toEqual(scopes)
  })

  const thumbprint = `${'x'.repeat(42)}w`

  it.each([
    ['unsupported_binding', { jkt: thumbprint }],
    ['unsupported_binding', { 'x5t#S256': thumbprint }],
    ['unsupported_binding', { unknown: 1 }],
    ['unsupported_binding', {}],
    ['invalid_claim', { jkt: 'x' }],
    ['invalid_claim', null],
  ])(
    '7662-2.2-g %s for a bound token without the options, as for a JWT: cnf %j',
    async (reason, cnf) => {
      expect(await outcomeFor(active({ cnf }))).toBe(`401 ${reason}`)
    },
  )

  it.each([
    ['401 missing_claim', { token_type: 'DPoP' }],
    ['401 missing_claim', { token_type: 'dpop', cnf: { 'x5t#S256': 'x' } }],
    ['401 invalid_claim', { token_type: 1 }],
    ['401 unsupported_binding', { token_type: 'DPoP', cnf: { jkt: thumbprint } }],
    ['401 unsupported_binding', { token_type: 'Bearer', cnf: { jkt: thumbprint } }],
    ['OK', { token_type: 'bearer' }],
  ])('7662-2.2-h %s for %j', async (expected, changes) => {
    expect(await outcomeFor(active(changes))).toBe(expected)
  })

  it.each([
    { token_type: 'refresh_token' },
    { token_type: 'urn:ietf:params:oauth:token-type:refresh_token' },
    { token_use: 'refresh' },
    { token_use: 'refresh_token' },
    { token_use: 'id' },
    { typ: 'Refresh' },
    { typ: 'Offline' },
    { typ: 'ID' },
  ])('7662-2.2-i refuses what is not an access token: %j', async (changes) => {
    expect(await outcomeFor(active(changes))).toBe('401 wrong_type')
  })

  it.each([
    { token_use: 'access_token' },
    { typ: 'Bearer' },
    { token_use: 'access' },
    { typ: 'x' },
  ])('7662-2.2-i accepts an access token: %j', async (changes) => {
    expect(await outcomeFor(active(changes))).toBe('OK')
  })

  it('7662-2.2-j keeps unknown members', async () => {
    const server = await startAuthorizationServer(() => active({ extension_field: { a: [1] } }))
    const { claims } = await createApi(server).introspect('op-1')
    expect(claims.extension_field).toEqual({ a: [1] })
    expect(Object.isFrozen(claims.extension_field)).toBe(true)
  })

  it.each<[string, Respond]>([
    ['a login page', raw(200, '<!doctype html>', { 'content-type': 'text/html' })],
    ['an empty body', raw(200, '')],
    ['half of the JSON', raw(200, '{"active":tr')],
    ['an array', raw(200, '[{"active":true}]')],
    ['JSON of another type', raw(200, JSON.stringify(active()), { 'content-type': 'text/html' })],
    [
      'JSON without a type',
      (_r, response) => response.writeHead(200).end(JSON.stringify(active())),
    ],
    ['204', raw(204, '')],
  ])('7662-2.2-k returns 503 for %s', async (_what, respond) => {
    const server = await startAuthorizationServer(respond)
    const api = createApi(server)
    expect(await api.outcomeFor('op-1')).toBe('503')
    expect(api.events).toMatchObject([{ type: 'introspection.failed', retryAfter: 0 }])
  })

  it('7662-2.2-k accepts a type with parameters, in any case', async () => {
    const server = await startAuthorizationServer(
      raw(200, JSON.stringify(active()), { 'content-type': 'Application/JSON; charset=utf-8' }),
    )
    expect(await createApi(server).outcomeFor('op-1')).toBe('OK')
  })

  it('7662-2.2-l stops reading a response that is too large', async () => {
    let sent = 0
    const server = await startAuthorizationServer((_request, response) => {
      response.writeHead(200, { 'content-type': 'application/json' })
      const more = () => {
        while (sent < 50_000_000 && !response.destroyed) {
          sent += 65_536
          if (!response.write(' '.repeat(65_536))) return
        }
      }
      response.on('drain', more)
      more()
    })
    const api = createApi(server)
    expect(await api.outcomeFor('op-1')).toBe('503')
    expect(api.events).toMatchObject([{ reason: 'too_large' }])
    expect(sent).toBeLessThan(20_000_000)
  })
})

describe('RFC 7662 §2.3: errors', () => {
  it.each([401, 403])(
    '7662-2.3-a returns 503 for a %i to this API, and reports it',
    async (code) => {
      const server = await startAuthorizationServer(raw(code, '{"error":"invalid_client"}'))
      const api = createApi(server)
      expect(await api.outcomeFor('op-1')).toBe('503')
      expect(api.events).toMatchObject([
        {
          type: 'introspection.failed',
          issuer: server.origin,
          reason: 'credentials_refused',
          method: 'client_secret_basic',
          clientId: 'rs:1',
          hint: expect.stringContaining("encoding: 'raw'"),
        },
      ])
      const shown = inspect(api.events, { depth: 9, showHidden: true })
      for (const secret of ['op-1', 's%+ :é', 's%25', 'Basic ']) expect(shown).not.toContain(secret)
    },
  )

  it.each<[string, Respond, string]>([
    ['500', raw(500, '{}'), 'status'],
    ['a reset connection', (_r, { socket }) => void socket?.resetAndDestroy(), 'network'],
    ['a redirect', raw(307, '', { location: '/elsewhere' }), 'redirect'],
    ['no answer', () => undefined, 'timeout'],
    ['headers and no body', (_r, response) => response.writeHead(200).flushHeaders(), 'timeout'],
  ])('7662-2.3-b returns 503 in time for %s', async (_what, respond, reason) => {
    const server = await startAuthorizationServer(respond)
    const api = createApi(server, { timeout: 0.3 })
    const startedAt = performance.now()
    expect(await api.outcomeFor('op-1')).toBe('503')
    expect(performance.now() - startedAt).toBeLessThan(3_000)
    expect(api.events).toMatchObject([{ type: 'introspection.failed', reason }])
    expect(server.received.every(({ url }) => url === '/introspect')).toBe(true)
  })

  it('7662-2.3-b returns 503 for a refused connection', async () => {
    const server = await startAuthorizationServer(() => active())
    const api = createApi(server, { options: { endpoint: 'http://127.0.0.1:9/introspect' } })
    expect(await api.outcomeFor('op-1')).toBe('503')
  })

  it.each([429, 503])('7662-2.3-b Retry-After of a %i is kept, for every token', async (code) => {
    const server = await startAuthorizationServer(raw(code, '', { 'retry-after': '7' }))
    const api = createApi(server)
    const error = await Promise.resolve(api.introspect('op-1')).catch((thrown) => thrown)
    expect((error as ServiceUnavailableError).retryAfter).toBe(7)
    server.respond = () => active()
    api.pass(6)
    expect(await api.outcomeFor('op-2')).toBe('503')
    expect(server.received).toHaveLength(1)
    api.pass(2)
    expect(await api.outcomeFor('op-2')).toBe('OK')
  })
})

describe('RFC 7662 §4: caching', () => {
  it('7662-4-cache-a ten requests with one token are one call', async () => {
    const server = await startAuthorizationServer(() => active())
    const api = createApi(server)
    for (let count = 0; count < 10; count++) expect(await api.outcomeFor('op-1')).toBe('OK')
    expect(server.received).toHaveLength(1)
  })

  it('7662-4-cache-a maxAge 0 asks each time', async () => {
    const server = await startAuthorizationServer(() => active())
    const api = createApi(server, { options: { maxAge: 0 } })
    for (let count = 0; count < 3; count++) expect(await api.outcomeFor('op-1')).toBe('OK')
    expect(server.received).toHaveLength(3)
  })

  it('7662-4-cache-b is never used beyond exp', async () => {
    const server = await startAuthorizationServer(() => active())
    const api = createApi(server, { options: { maxAge: 60 } })
    server.respond = () => active({ exp: api.seconds() + 2 })
    expect(await api.outcomeFor('op-1')).toBe('OK')
    server.respond = () => ({ active: false })
    api.pass(1.9)
    expect(await api.outcomeFor('op-1')).toBe('OK')
    api.pass(1.1)
    expect(await api.outcomeFor('op-1')).toBe('401 inactive')
  })

  it('7662-4-cache-c a revoked token is refused after maxAge at the latest', async () => {
    const server = await startAuthorizationServer(() => active())
    const api = createApi(server)
    expect(await api.outcomeFor('op-1')).toBe('OK')
    server.respond = () => ({ active: false })
    api.pass(9.9)
    expect(await api.outcomeFor('op-1')).toBe('OK')
    api.pass(0.1)
    expect(await api.outcomeFor('op-1')).toBe('401 inactive')
  })

  it('7662-4-cache-c counts maxAge from the request, not from the response', async () => {
    const server = await startAuthorizationServer(() => active())
    const api = createApi(server)
    server.respond = () => {
      api.pass(4)
      return active()
    }
    expect(await api.outcomeFor('op-1')).toBe('OK')
    server.respond = () => ({ active: false })
    api.pass(6)
    expect(await api.outcomeFor('op-1')).toBe('401 inactive')
  })

  it('7662-4-cache-d one refused token ten times is one call, until inactiveMaxAge', async () => {
    const server = await startAuthorizationServer(() => ({ active: false }))
    const api = createApi(server)
    for (let count = 0; count < 10; count++)
      expect(await api.outcomeFor('op-1')).toBe('401 inactive')
    expect(server.received).toHaveLength(1)
    api.pass(5)
    await api.outcomeFor('op-1')
    expect(server.received).toHaveLength(2)
  })

  it('7662-4-cache-e the same token has another entry at another issuer', () => {
    expect(createCacheKey('https://a.test', 'op-1')).not.toBe(
      createCacheKey('https://b.test', 'op-1'),
    )
  })

  it('7662-4-cache-e does not keep the token', async () => {
    const server = await startAuthorizationServer(() => active())
    const api = createApi(server)
    const token = 'a-very-secret-token'
    const accepted = await api.introspect(token)
    expect(accepted.token).toBe(token)
    const kept = [api.validator, api.pipeline, accepted, api.events]
    expect(inspect(kept, { depth: 12, showHidden: true })).not.toContain(token)
  })

  it('7662-4-cache-f an error is not cached', async () => {
    const server = await startAuthorizationServer(raw(500, '{}'))
    const api = createApi(server)
    expect(await api.outcomeFor('op-1')).toBe('503')
    server.respond = () => active()
    expect(await api.outcomeFor('op-1')).toBe('OK')
  })

  it('7662-conc fifty concurrent first uses are one call', async () => {
    const server = await startAuthorizationServer(() => active())
    const api = createApi(server)
    const outcomes = await Promise.all(Array.from({ length: 50 }, () => api.outcomeFor('op-1')))
    expect(new Set(outcomes)).toEqual(new Set(['OK']))
    expect(server.received).toHaveLength(1)
  })

  it('7662-conc concurrent refusals are one call, and errors of their own', async () => {
    const server = await startAuthorizationServer(() => ({ active: false }))
    const api = createApi(server)
    const errors = await Promise.all(
      Array.from({ length: 9 }, () => Promise.resolve(api.introspect('op-1')).catch((e) => e)),
    )
    expect(new Set(errors).size).toBe(9)
    expect(server.received).toHaveLength(1)
  })
})

describe('RFC 7662 §4: TLS', () => {
  it('7662-4-tls refuses an http endpoint beyond loopback', () => {
    const context = { issuer: 'https://as.test', allowInsecureHttp: false, resource: undefined }
    const options = { authentication: credentials, endpoint: 'http://as.test/introspect' }
    expect(() => resolveIntrospection(options, context)).toThrow(
      /^issuer\.introspection\.endpoint is an http URL/,
    )
    expect(resolveIntrospection(options, { ...context, allowInsecureHttp: true })).toBeDefined()
  })

  it('7662-4-tls returns 503 for a certificate that is not trusted', async () => {
    const { cert, key } = await makeCertificate()
    let requests = 0
    const tls = createTlsServer({ cert, key }, () => requests++).listen(0, '127.0.0.1')
    onTestFinished(() => {
      tls.close().closeAllConnections()
    })
    await new Promise((resolve) => tls.once('listening', resolve))
    const { port } = tls.address() as AddressInfo
    const server = await startAuthorizationServer(() => active())
    const api = createApi(server, { options: { endpoint: `https://127.0.0.1:${port}/` } })
    expect(await api.outcomeFor('op-1')).toBe('503')
    expect(requests).toBe(0)
  })
})
