import { once } from 'node:events'
import { connect } from 'node:net'
import { decodeJwt } from 'jose'
import { createTestIssuer, type TestIssuer } from 'oauth-resource-server/testing'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { verifyWithJose } from '../../support/verify-with-jose.ts'

const epoch = 1_700_000_000
let issuer: TestIssuer

beforeEach(async () => {
  issuer = await createTestIssuer({ now: () => epoch * 1000 })
})
afterEach(() => issuer.close())

const verify = (token: string, from = issuer) => verifyWithJose(token, from)

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

  const basic = (pair: string, scheme = 'Basic') => ({
    Authorization: `${scheme} ${Buffer.from(pair).toString('base64')}`,
  })
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

  it.each<[string, number, string, string, Record<string, string>]>([
    ['another media type', 400, 'invalid_request', '{}', { 'Content-Type': 'application/json' }],
    ['a body over 64 KiB', 413, 'invalid_request', `${openForm}&x=${'x'.repeat(200_000)}`, {}],
    ['a repeated parameter', 400, 'invalid_request', `${openForm}&scope=a&scope=`, {}],
    ['no grant_type', 400, 'invalid_request', 'client_id=any&client_secret=open', {}],
    ['an empty body', 400, 'invalid_request', '', {}],
    ['two authentications', 400, 'invalid_request', openForm, basic('any:open')],
    ['two client ids', 400, 'invalid_request', `${grantType}&client_id=x`, basic('any:open')],
    [
      'another grant type',
      400,
      'unsupported_grant_type',
      openForm.replace('client_credentials', 'password'),
      {},
    ],
    ['no authentication', 401, 'invalid_client', grantType, {}],
    ['no secret', 401, 'invalid_client', `${grantType}&client_id=any`, {}],
    ['a wrong secret', 401, 'invalid_client', `${openForm}x`, {}],
    ['an unknown client', 401, 'invalid_client', grantType, basic('who:open')],
    ['another scheme', 401, 'invalid_client', grantType, { Authorization: 'Bearer x' }],
    ['Basic without a colon', 401, 'invalid_client', grantType, basic('any')],
    ['Basic with a bad escape', 401, 'invalid_client', grantType, basic('any:%zz')],
    [
      'Basic that is not base64',
      401,
      'invalid_client',
      `${grantType}&client_id=any`,
      { Authorization: 'Basic !' },
    ],
    ['a malformed scope', 400, 'invalid_scope', `${openForm}&scope=a%20%20b`, {}],
    ['a quote in a scope', 400, 'invalid_scope', `${openForm}&scope=%22`, {}],
    ['a scope of others', 400, 'invalid_scope', `${boundForm}&audience=b&scope=read+admin`, {}],
    ['two APIs', 400, 'invalid_target', `${openForm}&audience=a&resource=u:b`, {}],
    ['two resources', 400, 'invalid_target', `${openForm}&resource=u:a&resource=u:b`, {}],
    ['a relative resource', 400, 'invalid_target', `${openForm}&resource=b`, {}],
    ['a resource with a fragment', 400, 'invalid_target', `${openForm}&resource=u:b%23c`, {}],
    ['an API of others', 400, 'invalid_target', boundForm, {}],
    ['bytes that are not UTF-8', 400, 'invalid_request', '%ff%=%zz&\u0000=\uFFFD', {}],
  ])('refuses %s with %i %s', async (_title, status, error, body, headers) => {
    const response = await post(body, headers)
    expect(response.status).toBe(status)
    expect(await response.json()).toEqual({ error, error_description: expect.any(String) })
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
