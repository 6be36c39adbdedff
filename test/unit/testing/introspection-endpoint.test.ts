import {
  createTestIssuer,
  type IntrospectionFaultName,
  introspectionFaultNames,
  type TestIssuer,
} from 'oauth-resource-server/testing'
import { describe, expect, it } from 'vitest'

interface Request {
  readonly token?: string
  readonly secret?: string
  readonly accept?: string
}

async function introspect(issuer: TestIssuer, { token, secret = 'test-secret', accept }: Request) {
  const response = await fetch(issuer.introspectionEndpoint, {
    method: 'POST',
    headers: {
      authorization: `Basic ${Buffer.from(`test-client:${secret}`).toString('base64')}`,
      ...(accept !== undefined && { accept }),
    },
    body: new URLSearchParams(token === undefined ? {} : { token }),
    redirect: 'manual',
    signal: AbortSignal.timeout(300),
  })
  const text = await response.text()
  const type = response.headers.get('content-type')
  const json = type === 'application/json' && !text.endsWith('tr') ? JSON.parse(text) : undefined
  return { status: response.status, type, text, json, headers: response.headers }
}

describe('the introspection endpoint of a test issuer', () => {
  it('responds for an opaque token, with the members that a test changes', async () => {
    await using issuer = await createTestIssuer()
    const token = issuer.opaqueToken({ scope: 'read:reports', jti: undefined })
    const { json, status } = await introspect(issuer, { token })
    expect(status).toBe(200)
    expect(json).toMatchObject({
      active: true,
      iss: issuer.issuer,
      aud: issuer.audience,
      sub: 'test-client',
      client_id: 'test-client',
      token_type: 'Bearer',
      scope: 'read:reports',
    })
    expect(json).not.toHaveProperty('jti')
    expect(issuer.requests.introspection).toBe(1)
  })

  it('leaves out every member that a test sets to undefined', async () => {
    await using issuer = await createTestIssuer()
    const names = ['iss', 'sub', 'aud', 'client_id', 'token_type', 'iat', 'exp', 'jti']
    const { json: all } = await introspect(issuer, { token: issuer.opaqueToken() })
    expect(Object.keys(all)).toEqual(expect.arrayContaining(names))
    const none = Object.fromEntries(names.map((name) => [name, undefined]))
    const { json } = await introspect(issuer, { token: issuer.opaqueToken(none) })
    expect(json).toEqual({ active: true })
  })

  it('mints opaque tokens with the prefix of the option', async () => {
    await using issuer = await createTestIssuer({ tokenPrefix: 'ory_at_' })
    const token = issuer.opaqueToken()
    expect(token).toMatch(/^ory_at_[\w-]{43}$/)
    expect((await introspect(issuer, { token })).json).toMatchObject({ active: true })
    await expect(createTestIssuer({ tokenPrefix: 'a b' })).rejects.toThrow('tokenPrefix')
  })

  it('calls only valid JWTs of its own issuer active', async () => {
    await using issuer = await createTestIssuer()
    const answers = [
      await issuer.token(),
      await issuer.tokens.foreignKey(),
      await issuer.tokens.unknownKey(),
      await issuer.tokens.tampered(),
      await issuer.tokens.expired(),
      await issuer.tokens.notYetValid(),
      await issuer.tokens.algNone(),
      'a.b.c',
      'unknown',
    ].map(async (token) => (await introspect(issuer, { token })).json.active)
    const expected = [true, ...Array(8).fill(false)]
    expect(await Promise.all(answers)).toEqual(expected)
  })

  it('calls a token inactive when it is revoked or has expired', async () => {
    await using issuer = await createTestIssuer()
    const [revoked, expired] = [issuer.opaqueToken(), issuer.opaqueToken()]
    issuer.revoke(revoked)
    expect((await introspect(issuer, { token: revoked })).json).toEqual({ active: false })
    expect((await introspect(issuer, { token: expired })).json.active).toBe(true)
    issuer.clock.advance(301)
    expect((await introspect(issuer, { token: expired })).json).toEqual({ active: false })
  })

  it('finds the key of a JWT after a rotation', async () => {
    await using issuer = await createTestIssuer()
    const old = await issuer.token()
    await issuer.rotate()
    for (const token of [old, await issuer.token()]) {
      expect((await introspect(issuer, { token })).json.active).toBe(true)
    }
  })

  it('applies the times of a token to the second, and only if they are numbers', async () => {
    await using issuer = await createTestIssuer({ now: () => 1_000_000 })
    const isActive = async (claims: object) =>
      (await introspect(issuer, { token: issuer.opaqueToken(claims) })).json.active
    expect(await isActive({ exp: 1_001, nbf: 1_000 })).toBe(true)
    expect(await isActive({ exp: 1_000 })).toBe(false)
    expect(await isActive({ nbf: 1_001 })).toBe(false)
    expect(await isActive({ exp: '1', nbf: '1001' })).toBe(true)
  })

  it('signs the answer for a request that accepts nothing else', async () => {
    await using issuer = await createTestIssuer()
    const token = issuer.opaqueToken()
    const accept = 'application/token-introspection+jwt'
    const { type, text } = await introspect(issuer, { token, accept })
    expect(type).toBe(accept)
    const [header = '', payload = ''] = text.split('.')
    const decode = (part: string) => JSON.parse(Buffer.from(part, 'base64url').toString())
    expect(decode(header)).toMatchObject({ typ: 'token-introspection+jwt' })
    expect(decode(payload)).toMatchObject({
      iss: issuer.issuer,
      aud: 'test-client',
      token_introspection: { active: true },
    })
  })

  it('refuses a wrong secret, a request without a token, and another media type', async () => {
    await using issuer = await createTestIssuer()
    expect((await introspect(issuer, { token: 'x', secret: 'wrong' })).status).toBe(401)
    const withoutToken = await introspect(issuer, {})
    expect(withoutToken.status).toBe(400)
    expect(withoutToken.json).toEqual({
      error: 'invalid_request',
      error_description: 'The parameter token is missing',
    })
    expect((await fetch(issuer.introspectionEndpoint)).status).toBe(405)
    const json = await fetch(issuer.introspectionEndpoint, { method: 'POST', body: '{}' })
    expect(json.status).toBe(400)
  })

  const unavailable = '503 application/json {"error":"temporarily_unavailable"} 7'
  it.each<[IntrospectionFaultName, string | RegExp]>([
    ['slow', 'TimeoutError'],
    ['hanging', 'TimeoutError'],
    ['html', /^200 text\/html; charset=utf-8 <!doctype html>/],
    ['error', '500 application/json {"error":"server_error"}'],
    ['oversized', /^200 application\/json \{"active":true,"padding":"x{5242880}"\}$/],
    ['unauthorized', '401 application/json {"error":"invalid_client"}'],
    ['forbidden', '403 application/json {"error":"access_denied"}'],
    ['rateLimited', '429 application/json {"error":"rate_limited"} 7'],
    ['unavailable', unavailable],
    ['activeString', '200 application/json {"active":"true"}'],
    ['withoutActive', '200 application/json {}'],
    ['truncated', '200 application/json {"active":tr'],
    ['redirect', '307   /elsewhere'],
  ])('fails by %s until up()', async (name, expected) => {
    await using issuer = await createTestIssuer()
    const token = issuer.opaqueToken()
    issuer.introspectionFault(name)
    const outcome = await introspect(issuer, { token }).then(
      ({ status, type, text, headers }) =>
        [status, type, text, headers.get('retry-after') ?? headers.get('location')]
          .join(' ')
          .trim(),
      (error) => String(error.name),
    )
    if (typeof expected === 'string') expect(outcome).toBe(expected)
    else expect(outcome).toMatch(expected)
    await issuer.up()
    expect((await introspect(issuer, { token })).json.active).toBe(true)
  })

  it('refuses a fault that it does not know', async () => {
    await using issuer = await createTestIssuer()
    const names = [
      'slow, hanging, html, error, oversized',
      'unauthorized, forbidden, rateLimited, unavailable',
      'activeString, withoutActive, truncated, redirect',
    ]
    expect(introspectionFaultNames.join(', ')).toBe(names.join(', '))
    expect(() => issuer.introspectionFault('down' as 'slow')).toThrow(
      `Unknown fault down: introspectionFault() takes ${names.join(', ')}`,
    )
  })
})
