import {
  createTestIssuer,
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
  it('is named in the metadata', async () => {
    await using issuer = await createTestIssuer({ path: '/tenant' })
    const url = `${issuer.issuer.replace('/tenant', '')}/.well-known/oauth-authorization-server/tenant`
    expect(await (await fetch(url)).json()).toMatchObject({
      introspection_endpoint: issuer.introspectionEndpoint,
      introspection_endpoint_auth_methods_supported: ['client_secret_basic', 'client_secret_post'],
    })
  })

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
      await issuer.tokens.tampered(),
      await issuer.tokens.expired(),
      await issuer.tokens.notYetValid(),
      await issuer.tokens.algNone(),
      'a.b.c',
      'unknown',
    ].map(async (token) => (await introspect(issuer, { token })).json.active)
    const expected = [true, ...Array(7).fill(false)]
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

  it('refuses a wrong secret and a request without a token', async () => {
    await using issuer = await createTestIssuer()
    expect((await introspect(issuer, { token: 'x', secret: 'wrong' })).status).toBe(401)
    expect((await introspect(issuer, {})).status).toBe(400)
    expect((await fetch(issuer.introspectionEndpoint)).status).toBe(405)
  })

  it.each(introspectionFaultNames)('fails by %s until up()', async (name) => {
    await using issuer = await createTestIssuer()
    const token = issuer.opaqueToken()
    issuer.introspectionFault(name)
    const outcome = await introspect(issuer, { token }).then(
      ({ status, type, json }) => `${status} ${type} ${JSON.stringify(json)}`,
      (error) => String(error.name),
    )
    if (name !== 'oversized') expect(outcome).not.toContain('"active":true')
    expect(outcome).toMatch(
      /^(?:TimeoutError|TypeError|200 text\/html.*|200 application\/json (?:undefined|\{"active":true,"padding":"x{5000000,}"\}|\{"active":"true"\}|\{\})|(?:401|403|429|500|503) .*|307 null undefined)$/,
    )
    await issuer.up()
    expect((await introspect(issuer, { token })).json.active).toBe(true)
  })

  it('refuses a fault that it does not know', async () => {
    await using issuer = await createTestIssuer()
    expect(() => issuer.introspectionFault('down' as 'slow')).toThrow(/takes slow, hanging/)
  })
})
