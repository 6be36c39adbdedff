import { once } from 'node:events'
import { request as httpRequest } from 'node:http'
import { createServer } from 'node:net'
import { decodeJwt, decodeProtectedHeader, type JWK } from 'jose'
import {
  type BadTokenName,
  badTokenNames,
  createTestIssuer,
  type FaultName,
  type SigningAlgorithm,
  type TestIssuer,
  type TestIssuerOptions,
} from 'oauth-resource-server/testing'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { verifyWithJose } from '../../support/verify-with-jose.ts'

const epoch = 1_700_000_000
let issuer: TestIssuer

beforeEach(async () => {
  issuer = await createTestIssuer({ now: () => epoch * 1000 })
})
afterEach(() => issuer.close())

const verify = (token: string, from = issuer) => verifyWithJose(token, from)

async function publishedKeys(): Promise<JWK[]> {
  const { keys } = (await (await fetch(issuer.jwksUri)).json()) as { keys: JWK[] }
  return keys
}

async function publishedKids(): Promise<unknown[]> {
  return (await publishedKeys()).map(({ kid }) => kid)
}

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

  it.each(['HS256', 'RSA-OAEP', 'toString', '', 5, null])('is not signed with %j', async (alg) => {
    const minting = issuer.token({}, { alg })
    await expect(minting).rejects.toThrow(TypeError)
    await expect(minting).rejects.toThrow(`alg: ${JSON.stringify(alg)};`)
  })
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

describe('bad tokens', () => {
  const refusals: Record<BadTokenName, object | RegExp | undefined> = {
    expired: { code: 'ERR_JWT_EXPIRED' },
    notYetValid: { code: 'ERR_JWT_CLAIM_VALIDATION_FAILED', claim: 'nbf' },
    wrongAudience: { code: 'ERR_JWT_CLAIM_VALIDATION_FAILED', claim: 'aud' },
    wrongIssuer: { code: 'ERR_JWT_CLAIM_VALIDATION_FAILED', claim: 'iss' },
    tampered: { code: 'ERR_JWS_SIGNATURE_VERIFICATION_FAILED' },
    wrongSignature: { code: 'ERR_JWS_SIGNATURE_VERIFICATION_FAILED' },
    algNone: { code: 'ERR_JOSE_NOT_SUPPORTED' },
    hmacConfusion: { code: 'ERR_JOSE_NOT_SUPPORTED' },
    unknownKey: { code: 'ERR_JWKS_NO_MATCHING_KEY' },
    foreignKey: { code: 'ERR_JWS_SIGNATURE_VERIFICATION_FAILED' },
    idToken: { code: 'ERR_JWT_CLAIM_VALIDATION_FAILED', claim: 'typ' },
    withoutExpiry: { code: 'ERR_JWT_CLAIM_VALIDATION_FAILED', claim: 'exp' },
    malformed: { name: 'JWSInvalid' },
    // Only a resource server that looks at scopes and bindings refuses these.
    withoutScope: undefined,
    certificateBound: undefined,
    dpopBound: undefined,
  }

  it('are all in the list of names', () => {
    expect([...badTokenNames].sort()).toEqual(Object.keys(refusals).sort())
    expect(Object.keys(issuer.tokens)).toEqual(badTokenNames)
  })

  it.each(badTokenNames)('%s has its defect, and only that', async (name) => {
    const refusal = refusals[name]
    const verification = verify(await issuer.tokens[name]())
    if (refusal) await expect(verification).rejects.toMatchObject(refusal)
    else await verification
  })

  it.each(badTokenNames)('%s keeps its defect whatever the test changes', async (name) => {
    const claims = {
      exp: epoch + 9,
      nbf: 1,
      aud: issuer.audience,
      iss: issuer.issuer,
      cnf: 1,
      scope: 'a',
    }
    const kid = (await publishedKids())[0]
    const token = await issuer.tokens[name](
      { ...claims, x: 1 },
      { typ: 'at+jwt', kid, alg: 'ES256' },
    )
    const refusal = refusals[name]
    if (refusal) await expect(verify(token)).rejects.toMatchObject(refusal)
    if (name !== 'malformed') expect(decodeJwt(token)).toMatchObject({ x: 1 })
  })

  it('have the defect that only their claims show', async () => {
    const { certificateBound, dpopBound, idToken, withoutScope } = issuer.tokens
    const thumbprint = expect.stringMatching(/^[\w-]{43}$/)
    expect(decodeJwt(await certificateBound()).cnf).toEqual({ 'x5t#S256': thumbprint })
    expect(decodeJwt(await dpopBound()).cnf).toEqual({ jkt: thumbprint })
    expect(decodeJwt(await withoutScope({ scope: 'a' }))).not.toHaveProperty('scope')
    const claims = decodeJwt(await idToken())
    expect(claims).toMatchObject({
      aud: 'test-client',
      auth_time: epoch,
      nonce: expect.any(String),
    })
    expect(claims).not.toHaveProperty('client_id')
  })

  it('algNone ends in a dot, like any token with that algorithm', async () => {
    const { algNone, wrongSignature } = issuer.tokens
    const unsecured = [
      algNone(),
      issuer.token({}, { alg: 'none' }),
      wrongSignature({}, { alg: 'none' }),
    ]
    for (const token of await Promise.all(unsecured)) expect(token).toMatch(/^[\w-]+\.[\w-]+\.$/)
  })

  it('foreignKey and unknownKey use the algorithm of the test', async () => {
    const good = decodeProtectedHeader(await issuer.token({}, { alg: 'EdDSA' }))
    const foreign = await issuer.tokens.foreignKey({}, { alg: 'EdDSA' })
    expect(decodeProtectedHeader(foreign)).toEqual(good)
    await expect(verify(foreign)).rejects.toMatchObject(refusals.foreignKey as object)
    const kids = [1, 2].map(async () => decodeProtectedHeader(await issuer.tokens.unknownKey()).kid)
    expect(new Set(await Promise.all(kids)).size).toBe(2)
    expect(await publishedKids()).toHaveLength(2)
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
    const ask = async (value: string) =>
      (await fetch(issuer.jwksUri, { headers: { 'If-None-Match': value } })).status
    for (const value of [etag, `W/${etag}`, `"x", ${etag}`, '*']) expect(await ask(value)).toBe(304)
    expect(await ask('"x"')).toBe(200)
    await issuer.rotate()
    expect(await ask(etag)).toBe(200)
    expect(issuer.requests.jwks).toBe(7)
  })

  it.each([
    ['jwks', 'POST', 'GET, HEAD'],
    ['.well-known/openid-configuration', 'DELETE', 'GET, HEAD'],
    ['token', 'GET', 'POST'],
  ])('at /%s respond to %s with 405', async (path, method, allow) => {
    const response = await fetch(`${issuer.issuer}/${path}`, { method })
    expect([response.status, response.headers.get('allow')]).toEqual([405, allow])
  })

  it.each(['/', '/nowhere', '//jwks', '/%ff', '/jwks/', '*', 'http://%/x'])(
    'are at no other path: %s is 404',
    async (path) => {
      const { port } = new URL(issuer.issuer)
      const sent = httpRequest({ host: '127.0.0.1', port, path }).end()
      const [response] = await once(sent, 'response')
      expect(response.statusCode).toBe(404)
      response.resume()
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
    const text = await oversized.text()
    expect(text.length).toBeGreaterThan(5 * 1024 * 1024)

    await issuer.up()
    const document = (await (await fetch(uri())).json()) as object
    expect(JSON.parse(text)).toEqual({ ...document, padding: expect.any(String) })
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
    expect(() => clock.advance(Number.NaN)).toThrow(TypeError)
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
    ['now', { now: 5 }],
    ['audiences', { audiences: ['x'] }],
  ])('throws an error that names the invalid option %s: %j', async (name, options) => {
    const creation = createTestIssuer(options as TestIssuerOptions)
    await expect(creation).rejects.toThrow(TypeError)
    await expect(creation).rejects.toThrow(new RegExp(`expects .*\\b${name}\\b`))
  })
})

describe('mistakes in a test', () => {
  it('throw an error instead of having no effect', async () => {
    await using issuer = await createTestIssuer()
    expect(() => issuer.rotate({ withdrew: true } as never)).toThrow('rotate takes { withdraw }')
    expect(() => issuer.rotate({ withdraw: 'yes' } as never)).toThrow(TypeError)
    await expect(issuer.token('read:a' as never)).rejects.toThrow('token takes objects')
  })
})
