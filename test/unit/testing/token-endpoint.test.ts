import { once } from 'node:events'
import { connect } from 'node:net'
import { decodeJwt } from 'jose'
import { createTestIssuer, type TestIssuer } from 'oauth-resource-server/testing'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { issuer, startIssuerInEachTest, verify } from '../../support/issuer-in-each-test.ts'

startIssuerInEachTest()

interface TokenResponse {
  readonly access_token: string
  readonly expires_in: number
  readonly scope?: string
}

describe('the token endpoint', () => {
  const clients = [
    { id: 'any', secret: 'open' },
    { id: 'bound', secret: 's', scopes: ['read', 'write'], audiences: ['https://a.example', 'b'] },
    { id: 'odd:id €', secret: 'p+%:&= ü' },
    { id: 'pai', secret: 'pair' },
    { id: 'x', secret: 'short' },
  ]
  const grantType = 'grant_type=client_credentials'
  const openForm = `${grantType}&client_id=any&client_secret=open`
  const boundForm = `${grantType}&client_id=bound&client_secret=s`
  const formType = 'application/x-www-form-urlencoded'
  let server: TestIssuer

  beforeEach(async () => {
    server = await createTestIssuer({ clients, expiresIn: 60 })
  })
  afterEach(() => server.close())

  function post(body: string, headers: Record<string, string> = {}): Promise<Response> {
    const method = 'POST'
    return fetch(server.tokenEndpoint, {
      method,
      body,
      headers: { 'Content-Type': formType, ...headers },
    })
  }

  const basic = (pair: string, scheme = 'Basic', end = '') => ({
    Authorization: `${scheme} ${Buffer.from(pair).toString('base64')}${end}`,
  })
  const padded = (length: number) => `${'x='.padEnd(length - openForm.length - 1, 'x')}&${openForm}`
  const form = (text: string) => new URLSearchParams({ '': text }).toString().slice(1)
  const oddPair = `${form('odd:id €')}:${form('p+%:&= ü')}`

  it('grants the default client a token that verifies', async () => {
    const body = new URLSearchParams({
      grant_type: 'client_credentials',
      client_id: 'test-client',
      client_secret: 'test-secret',
    })
    const response = await fetch(issuer.tokenEndpoint, { method: 'POST', body })
    expect(response.headers.get('cache-control')).toBe('no-store')
    const { access_token, ...rest } = (await response.json()) as TokenResponse
    expect(rest).toEqual({ token_type: 'Bearer', expires_in: 300 })
    const { payload } = await verify(access_token)
    expect(payload).toMatchObject({
      aud: issuer.audience,
      sub: 'test-client',
      client_id: 'test-client',
    })
    expect(issuer.requests.token).toBe(1)
  })

  it.each<[string, string, Record<string, string>, object]>([
    ['client_secret_post', openForm, {}, { sub: 'any', client_id: 'any' }],
    ['client_secret_basic', grantType, basic('any:open'), { sub: 'any' }],
    ['a scheme in small letters', grantType, basic('any:open', 'basic'), { sub: 'any' }],
    ['several spaces after the scheme', grantType, basic('any:open', 'Basic  '), { sub: 'any' }],
    ['an id of one character', grantType, basic('x:short'), { sub: 'x' }],
    ['a body of 64 KiB', padded(64 * 1024), {}, { sub: 'any' }],
    ['both halves form-urlencoded', grantType, basic(oddPair), { sub: 'odd:id €' }],
    ['the same client_id twice', `${grantType}&client_id=any`, basic('any:open'), { sub: 'any' }],
    [
      'a media type with a parameter',
      openForm,
      { 'Content-Type': `${formType.toUpperCase()} ; charset=UTF-8` },
      {},
    ],
    ['scopes that any client may have', `${openForm}&scope=a+b+a`, {}, { scope: 'a b' }],
    ['no scope: all that the client has', `${boundForm}&audience=b`, {}, { scope: 'read write' }],
    ['one of its scopes', `${boundForm}&audience=b&scope=write`, {}, { scope: 'write' }],
    ['audience', `${openForm}&audience=my-api`, {}, { aud: 'my-api' }],
    ['resource', `${openForm}&resource=urn:my:api`, {}, { aud: 'urn:my:api' }],
    ['audience and resource alike', `${openForm}&audience=u:x&resource=u:x`, {}, { aud: 'u:x' }],
    [
      'an API of the client',
      `${boundForm}&resource=https://a.example`,
      {},
      { aud: 'https://a.example' },
    ],
    [
      'empty and unknown parameters',
      `${openForm}&scope=&audience=&odd=1`,
      {},
      { aud: 'https://api.example.com' },
    ],
  ])('accepts %s', async (_title, body, headers, claims) => {
    const response = await post(body, headers)
    expect(response.status).toBe(200)
    const answer = (await response.json()) as TokenResponse
    const payload = decodeJwt(answer.access_token)
    expect(payload).toMatchObject(claims)
    expect(answer.scope).toEqual(payload.scope)
    expect(answer.expires_in).toBe(60)
  })

  interface Refusal {
    readonly status?: number
    readonly error: string
    readonly description: string
    readonly requests: Readonly<Record<string, [body: string, headers?: Record<string, string>]>>
  }

  const refusals: Refusal[] = [
    {
      error: 'invalid_request',
      description: 'The body must be application/x-www-form-urlencoded',
      requests: { 'another media type': ['{}', { 'Content-Type': 'application/json' }] },
    },
    {
      status: 413,
      error: 'invalid_request',
      description: 'The body is larger than 64 KiB',
      requests: { 'a body over 64 KiB': [padded(64 * 1024 + 1)] },
    },
    {
      error: 'invalid_request',
      description: 'A parameter is repeated',
      requests: { 'a repeated parameter': [`${openForm}&scope=a&scope=`] },
    },
    {
      error: 'invalid_request',
      description: 'The parameter grant_type is missing',
      requests: {
        'no grant_type': ['client_id=any&client_secret=open'],
        'an empty body': [''],
        'bytes that are not UTF-8': ['%ff%=%zz&\u0000=\uFFFD'],
      },
    },
    {
      error: 'invalid_request',
      description: 'The client must not authenticate in two ways at once',
      requests: { 'two authentications': [openForm, basic('any:open')] },
    },
    {
      error: 'invalid_request',
      description: 'The parameter client_id differs from the Authorization header',
      requests: { 'two client ids': [`${grantType}&client_id=x`, basic('any:open')] },
    },
    {
      error: 'unsupported_grant_type',
      description: 'Only client_credentials and authorization_code are supported',
      requests: { 'another grant type': [openForm.replace('client_credentials', 'password')] },
    },
    {
      status: 401,
      error: 'invalid_client',
      description: 'The client is unknown or its secret is wrong',
      requests: {
        'no authentication': [grantType],
        'no secret': [`${grantType}&client_id=any`],
        'a secret alone': [`${grantType}&client_secret=open`],
        'a wrong secret': [`${openForm}x`],
        'an unknown client': [grantType, basic('who:open')],
        'another scheme': [grantType, { Authorization: 'Bearer x' }],
        'a scheme that ends in Basic': [grantType, basic('any:open', 'NonBasic')],
        'Basic without a colon': [grantType, basic('pair')],
        'Basic with a bad escape': [grantType, basic('any:%zz')],
        'Basic that is not base64': [`${grantType}&client_id=any`, { Authorization: 'Basic !' }],
        'Basic with text after it': [grantType, basic('any:open', 'Basic', ' x')],
      },
    },
    {
      error: 'invalid_scope',
      description: 'The parameter scope is malformed',
      requests: {
        'a malformed scope': [`${openForm}&scope=a%20%20b`],
        'a quote in a scope': [`${openForm}&scope=%22`],
      },
    },
    {
      error: 'invalid_scope',
      description: 'The client may not request one of these scopes',
      requests: { 'a scope of others': [`${boundForm}&audience=b&scope=read+admin`] },
    },
    {
      error: 'invalid_target',
      description: 'The parameters audience and resource name two APIs',
      requests: { 'two APIs': [`${openForm}&audience=a&resource=u:b`] },
    },
    {
      error: 'invalid_target',
      description: 'A token is for one resource only',
      requests: { 'two resources': [`${openForm}&resource=u:a&resource=u:b`] },
    },
    {
      error: 'invalid_target',
      description: 'The parameter resource must be an absolute URI without a fragment',
      requests: {
        'a relative resource': [`${openForm}&resource=b`],
        'a resource with a fragment': [`${openForm}&resource=u:b%23c`],
      },
    },
    {
      error: 'invalid_target',
      description: 'The client may not request tokens for this API',
      requests: { 'an API of others': [boundForm] },
    },
  ]

  it.each(
    refusals.flatMap(({ requests, ...refusal }) =>
      Object.entries(requests).map(([title, [body, headers]]) => ({
        ...refusal,
        title,
        body,
        headers,
      })),
    ),
  )('refuses $title with $error', async ({ status = 400, error, description, body, headers }) => {
    const response = await post(body, headers)
    expect(response.status).toBe(status)
    expect(await response.json()).toEqual({ error, error_description: description })
    expect(response.headers.get('cache-control')).toBe('no-store')
    const challenge = status === 401 ? 'Basic realm="test-issuer"' : null
    expect(response.headers.get('www-authenticate')).toBe(challenge)
  })

  it('handles a missing media type and a client that disconnects in the middle', async () => {
    const { port } = new URL(server.issuer)
    const head = 'POST /token HTTP/1.1\r\nHost: x\r\nContent-Length: 99\r\n'
    const untyped = connect(Number(port), '127.0.0.1').on('error', () => {})
    untyped.write(`${head}\r\n`)
    expect(String((await once(untyped, 'data'))[0])).toContain('HTTP/1.1 400')
    untyped.destroy()
    const disconnecting = connect(Number(port), '127.0.0.1').on('error', () => {})
    disconnecting.write(`${head}Content-Type: ${formType}\r\n\r\nhalf`)
    await vi.waitFor(() => expect(server.requests.token).toBe(2), { interval: 1 })
    disconnecting.resetAndDestroy()
    expect((await post(openForm)).status).toBe(200)
  })
})
