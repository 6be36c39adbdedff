import { once } from 'node:events'
import { request as httpRequest } from 'node:http'
import { createServer } from 'node:net'
import { json } from 'node:stream/consumers'
import { decodeJwt, decodeProtectedHeader, type JWK } from 'jose'
import {
  createTestIssuer,
  type FaultName,
  type SigningAlgorithm,
  type TestIssuerOptions,
} from 'oauth-resource-server/testing'
import { describe, expect, it, vi } from 'vitest'
import {
  epoch,
  issuer,
  publishedKids,
  startIssuerInEachTest,
  verify,
} from '../../support/issuer-in-each-test.ts'

startIssuerInEachTest()

const algorithms = 'RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384, ES512, EdDSA, Ed25519'

describe('a valid token', () => {
  it('has the header and the seven claims of RFC 9068', async () => {
    const token = await issuer.token()
    const [kid] = await publishedKids()
    expect(decodeProtectedHeader(token)).toEqual({ alg: 'ES256', typ: 'at+jwt', kid })
    expect(decodeJwt(token)).toEqual({
      iss: issuer.issuer,
      sub: 'test-client',
      aud: 'https://api.example.com',
      client_id: 'test-client',
      iat: epoch,
      exp: epoch + 300,
      jti: expect.stringMatching(/^[0-9a-f-]{36}$/),
    })
    await verify(token)
  })

  it('has the changes of the test, and lacks members that are undefined', async () => {
    const changes = { aud: ['a', 'b'], jti: undefined, scope: 'read' }
    const token = await issuer.token(changes, { typ: undefined, crit: ['x'], x: 1, kid: 'mine' })
    expect(decodeProtectedHeader(token)).toEqual({ alg: 'ES256', kid: 'mine', crit: ['x'], x: 1 })
    expect(decodeJwt(token)).toMatchObject({ aud: ['a', 'b'], scope: 'read' })
    expect(decodeJwt(token)).not.toHaveProperty('jti')
  })

  it('has no alg if that is undefined', async () => {
    expect(decodeProtectedHeader(await issuer.token({}, { alg: undefined }))).not.toHaveProperty(
      'alg',
    )
  })

  it.each(['HS256', 'RSA-OAEP', 'toString', '', 5, null, ['ES256']])(
    'is not signed with %j',
    async (alg) => {
      const minting = issuer.token({}, { alg })
      await expect(minting).rejects.toThrow(TypeError)
      await expect(minting).rejects.toThrow(
        `Unsupported header parameter alg: ${JSON.stringify(alg)}; a test issuer signs with ${algorithms} or none`,
      )
    },
  )
})

describe.each<SigningAlgorithm>([
  'RS256',
  'RS384',
  'RS512',
  'PS256',
  'PS384',
  'PS512',
  'ES256',
  'ES384',
  'ES512',
  'EdDSA',
  'Ed25519',
])('the algorithm %s', (algorithm) => {
  it('signs what jose verifies, as the default algorithm and as another', async () => {
    await using own = await createTestIssuer({ algorithm })
    expect(decodeProtectedHeader(await own.token()).alg).toBe(algorithm)
    await verify(await own.token(), own)

    // Concurrent calls share one key, and it is published before the first token.
    const tokens = await Promise.all([1, 2, 3].map(() => issuer.token({}, { alg: algorithm })))
    await Promise.all(tokens.map((token) => verify(token)))
    expect(await publishedKids()).toHaveLength(algorithm === 'ES256' ? 1 : 2)
  })
})

describe('metadata and key set', () => {
  it.each([
    { path: '', base: '' },
    { path: '/', base: '' },
    { path: '/tenant', base: '/tenant' },
    { path: '/tenant/', base: '/tenant' },
  ])('are at the URLs of the specifications for the path "$path"', async ({ path, base }) => {
    await using tenant = await createTestIssuer({ path })
    const { origin } = new URL(tenant.issuer)
    expect(tenant.issuer).toBe(`${origin}${path}`)
    const places = [
      `${origin}/.well-known/oauth-authorization-server${base}`,
      `${origin}${base}/.well-known/openid-configuration`,
      `${origin}/.well-known/openid-configuration${base}?query=ignored`,
    ]
    for (const place of places) {
      const response = await fetch(place)
      expect(response.headers.get('content-type')).toBe('application/json')
      expect(await response.json()).toMatchObject({
        issuer: tenant.issuer,
        jwks_uri: tenant.jwksUri,
        token_endpoint: tenant.tokenEndpoint,
        response_types_supported: ['code'],
      })
    }
    const none = { authorization: 0, token: 0, introspection: 0 }
    expect(tenant.requests).toEqual({ metadata: 3, jwks: 0, ...none })
    await verify(await tenant.token(), tenant)
  })

  it('contain public keys only, and have no body for HEAD', async () => {
    const response = await fetch(issuer.jwksUri)
    expect(response.headers.get('content-type')).toBe('application/jwk-set+json')
    expect(response.headers.get('content-length')).toMatch(/^\d+$/)
    const { keys } = (await response.json()) as { keys: JWK[] }
    const members = { kty: 'EC', crv: 'P-256', use: 'sig', alg: 'ES256' }
    expect(keys).toEqual([
      { ...members, kid: expect.any(String), x: expect.any(String), y: expect.any(String) },
    ])
    const head = await fetch(issuer.jwksUri, { method: 'HEAD' })
    expect([head.status, head.headers.get('content-length'), await head.text()]).toEqual([
      200,
      response.headers.get('content-length'),
      '',
    ])
  })

  it('respond with 304 while the ETag matches, and count that request', async () => {
    const etag = String((await fetch(issuer.jwksUri)).headers.get('etag'))
    const ask = async (value: string) => {
      const response = await fetch(issuer.jwksUri, { headers: { 'If-None-Match': value } })
      return [response.status, response.headers.get('etag')]
    }
    for (const value of [etag, `W/${etag}`, `"x", ${etag}`, '*']) {
      expect(await ask(value)).toEqual([304, etag])
    }
    for (const value of ['"x"', `"W/${etag.slice(1)}`]) {
      expect(await ask(value)).toEqual([200, etag])
    }
    await issuer.rotate()
    expect(await ask(etag)).toEqual([200, expect.not.stringMatching(etag)])
    expect(issuer.requests.jwks).toBe(8)
  })

  it.each([
    ['jwks', 'POST', 'GET, HEAD'],
    ['.well-known/openid-configuration', 'DELETE', 'GET, HEAD'],
    ['token', 'GET', 'POST'],
  ])('at /%s respond to %s with 405', async (path, method, allow) => {
    const response = await fetch(`${issuer.issuer}/${path}`, { method })
    expect([response.status, response.headers.get('allow')]).toEqual([405, allow])
    expect(await response.json()).toEqual({ error: 'invalid_request' })
  })

  it.each(['/', '/nowhere', '//jwks', '/%ff', '/jwks/', '*', 'http://%/x'])(
    'are at no other path: %s is 404',
    async (path) => {
      const { port } = new URL(issuer.issuer)
      const sent = httpRequest({ host: '127.0.0.1', port, path }).end()
      const [response] = await once(sent, 'response')
      expect(response.statusCode).toBe(404)
      expect(await json(response)).toEqual({ error: 'not_found' })
    },
  )
})

describe('rotation', () => {
  it('signs with a new key and keeps the old one in the set', async () => {
    const before = [await issuer.token(), await issuer.token({}, { alg: 'EdDSA' })]
    await issuer.rotate()
    const after = [await issuer.token(), await issuer.token({}, { alg: 'EdDSA' })]
    const tokens = [...before, ...after]
    for (const token of tokens) await verify(token)
    const kids = tokens.map((token) => decodeProtectedHeader(token).kid)
    expect((await publishedKids()).sort()).toEqual(kids.sort())
    expect(new Set(kids).size).toBe(4)
  })

  it('removes the old keys from the set with withdraw: true', async () => {
    const old = [await issuer.token(), await issuer.token({}, { alg: 'EdDSA' })]
    await issuer.rotate({ withdraw: true })
    for (const token of old) {
      await expect(verify(token)).rejects.toMatchObject({ code: 'ERR_JWKS_NO_MATCHING_KEY' })
    }
    await verify(await issuer.token())
    expect(await publishedKids()).toHaveLength(1)
  })
})

describe('an outage', () => {
  it('refuses connections, closes open ones, and ends on the same port', async () => {
    issuer.fault('hanging')
    const hung = expect(fetch(issuer.jwksUri)).rejects.toThrow(TypeError)
    await vi.waitFor(() => expect(issuer.requests.jwks).toBe(1), { interval: 1 })
    await Promise.all([issuer.down(), issuer.down(), hung])
    await expect(fetch(issuer.jwksUri)).rejects.toMatchObject({ cause: { code: 'ECONNREFUSED' } })
    const token = await issuer.token()
    await Promise.all([issuer.up(), issuer.up()])
    await verify(token)
    expect(issuer.requests.jwks).toBe(2)
  })

  it('waits for a port that is in use, and rejects after half a second', async () => {
    await issuer.down()
    const otherServer = createServer().listen(Number(new URL(issuer.issuer).port), '127.0.0.1')
    await once(otherServer, 'listening')
    await expect(issuer.up()).rejects.toMatchObject({ code: 'EADDRINUSE' })
    const up = issuer.up()
    // The first attempt fails in this turn of the event loop.
    await new Promise(setImmediate)
    otherServer.close()
    await up
    expect((await fetch(issuer.jwksUri)).status).toBe(200)
  })
})

describe('a fault', () => {
  const metadataUri = () => `${issuer.issuer}/.well-known/oauth-authorization-server`

  it.each([() => issuer.jwksUri, metadataUri])('replaces each document until up()', async (uri) => {
    issuer.fault('error')
    expect((await fetch(uri())).status).toBe(500)

    issuer.fault('html')
    const page = await fetch(uri())
    expect([page.status, page.headers.get('content-type')]).toEqual([
      200,
      'text/html; charset=utf-8',
    ])
    expect(await page.text()).toContain('<!doctype html>')

    issuer.fault('oversized')
    const oversized = await fetch(uri())
    expect(oversized.headers.get('content-length')).toBeNull()
    expect(oversized.headers.get('content-type')).toBe('application/json')
    const text = await oversized.text()

    await issuer.up()
    const document = (await (await fetch(uri())).json()) as object
    expect(JSON.parse(text)).toEqual({ ...document, padding: 'x'.repeat(5 * 1024 * 1024) })
  })

  it('slow responds after two seconds', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout'] })
    try {
      issuer.fault('slow')
      const received = vi.fn()
      const sent = httpRequest(issuer.jwksUri, received).end()
      while (issuer.requests.jwks === 0) await new Promise(setImmediate)
      vi.advanceTimersByTime(1999)
      await new Promise(setImmediate)
      expect(received).not.toHaveBeenCalled()
      vi.advanceTimersByTime(1)
      const [response] = await once(sent, 'response')
      expect(response.statusCode).toBe(200)
      response.resume()
    } finally {
      vi.useRealTimers()
    }
  })

  it('oversized stops when the client disconnects', async () => {
    issuer.fault('oversized')
    const { body } = await fetch(issuer.jwksUri)
    await body?.cancel()
    await issuer.up()
    expect((await fetch(issuer.jwksUri)).status).toBe(200)
  })

  it('does not affect the token endpoint', async () => {
    issuer.fault('hanging')
    expect((await fetch(issuer.tokenEndpoint, { method: 'POST' })).status).toBe(400)
  })

  it('down is down()', async () => {
    issuer.fault('down')
    await expect(fetch(issuer.jwksUri)).rejects.toThrow(TypeError)
    await issuer.up()
    expect((await fetch(issuer.jwksUri)).status).toBe(200)
  })

  it('must have a known name', () => {
    expect(() => issuer.fault('toString' as FaultName)).toThrow('slow, hanging, html, error')
  })
})

describe('the clock', () => {
  it('moves forward and back, and affects the times of tokens', async () => {
    const { clock } = issuer
    const old = await issuer.token()
    clock.advance(305.5)
    expect(clock.now()).toBe((epoch + 305.5) * 1000)
    await expect(verify(old)).rejects.toMatchObject({ code: 'ERR_JWT_EXPIRED' })
    expect(decodeJwt(await issuer.token()).iat).toBe(epoch + 305)
    clock.advance(-305.5)
    await verify(old)
    expect(() => clock.advance(Number.NaN)).toThrow(
      new TypeError('clock.advance takes a finite number of seconds, not NaN'),
    )
  })

  it('is the real time by default', async () => {
    await using real = await createTestIssuer()
    expect(Math.abs(real.clock.now() - Date.now())).toBeLessThan(1000)
  })
})

describe('an issuer', () => {
  it('shares nothing with another issuer', async () => {
    await using other = await createTestIssuer()
    expect(other.issuer).not.toBe(issuer.issuer)
    await expect(verify(await other.token({ iss: issuer.issuer }))).rejects.toMatchObject({
      code: 'ERR_JWKS_NO_MATCHING_KEY',
    })
    expect(other.requests.jwks).toBe(0)
  })

  it('closes despite open connections, may be closed twice, and cannot be reopened', async () => {
    issuer.fault('hanging')
    const hung = expect(fetch(issuer.jwksUri)).rejects.toThrow(TypeError)
    await vi.waitFor(() => expect(issuer.requests.jwks).toBe(1), { interval: 1 })
    await Promise.all([issuer.close(), issuer.close(), hung])
    await issuer.close()
    await issuer.down()
    await expect(issuer.up()).rejects.toThrow('closed')
  })

  it('treats undefined options as absent, and applies the others', async () => {
    await using own = await createTestIssuer({ audience: 'mine', path: undefined, clients: [] })
    expect(own.audience).toBe('mine')
    expect(decodeJwt(await own.token()).aud).toBe('mine')
  })

  it.each<[string, object]>([
    ['algorithm', { algorithm: 'HS256' }],
    ['audience', { audience: '' }],
    ['path', { path: 'tenant' }],
    ['path', { path: '/a?b' }],
    ['path', { path: '/a#b' }],
    ['path', { path: '/a?' }],
    ['path', { path: '/a/../b' }],
    ['path', { path: '//host' }],
    ['path', { path: '//%/x' }],
    ['path', { path: 'http://%/' }],
    ['path', { path: 1 }],
    ['clients', { clients: {} }],
    ['clients', { clients: [null] }],
    ['clients', { clients: [{ id: 'a' }] }],
    ['clients', { clients: [{ id: 'a', secret: 'b', scopes: 'read' }] }],
    ['clients', { clients: [{ id: 'a', secret: 'b', scopes: ['two scopes'] }] }],
    ['clients', { clients: [{ id: 'a', secret: 'b', audiences: [''] }] }],
    [
      'clients',
      {
        clients: [
          { id: 'a', secret: 'b' },
          { id: 'a', secret: 'c' },
        ],
      },
    ],
    ['expiresIn', { expiresIn: 0 }],
    ['expiresIn', { expiresIn: '300' }],
    ['tokenPrefix', { tokenPrefix: 5 }],
    ['tokenPrefix', { tokenPrefix: 'a b' }],
    ['now', { now: 5 }],
    ['audiences', { audiences: ['x'] }],
  ])('throws an error that names the invalid option %s: %j', async (name, options) => {
    const creation = createTestIssuer(options as TestIssuerOptions)
    await expect(creation).rejects.toThrow(TypeError)
    await expect(creation).rejects.toThrow(new RegExp(`expects .*\\b${name}\\b`))
  })
})

describe('the messages of the options', () => {
  it.each<[object, string]>([
    [
      { audiences: ['x'] },
      'no option named audiences: its options are algorithm, audience, path, clients, expiresIn, tokenPrefix, now',
    ],
    [{ algorithm: 'HS256' }, `algorithm to be one of ${algorithms}`],
  ])('lists what is allowed in place of %j', async (options, expectation) => {
    await expect(createTestIssuer(options as TestIssuerOptions)).rejects.toThrow(
      new TypeError(`createTestIssuer expects ${expectation}`),
    )
  })
})

describe('mistakes in a test', () => {
  it('throw an error instead of having no effect', async () => {
    await using issuer = await createTestIssuer()
    expect(() => issuer.rotate({ withdrew: true } as never)).toThrow('rotate takes { withdraw }')
    expect(() => issuer.rotate({ withdraw: 'yes' } as never)).toThrow(TypeError)
    const noObjects = 'token takes objects: claims, and header parameters'
    await expect(issuer.token('read:a' as never)).rejects.toThrow(noObjects)
    await expect(issuer.token({}, 'ES256' as never)).rejects.toThrow(noObjects)
  })
})
