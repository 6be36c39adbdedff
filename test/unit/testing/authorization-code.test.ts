/** The authorization code grant of the test issuer: RFC 6749 §4.1 with PKCE, and no browser. */
import { createHash } from 'node:crypto'
import { decodeJwt } from 'jose'
import { createTestIssuer, type TestIssuer } from 'oauth-resource-server/testing'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'

const verifier = 'a-code-verifier-that-is-long-enough-for-rfc-7636'
const challenge = createHash('sha256').update(verifier).digest('base64url')
const redirectUri = 'http://127.0.0.1:9999/callback?from=test'
const resource = 'https://api.example.com/mcp'
const basic = { authorization: `Basic ${btoa('test-client:test-secret')}` }

let issuer: TestIssuer
beforeEach(async () => {
  issuer = await createTestIssuer()
})
afterEach(() => issuer.close())

type Parameters = Readonly<Record<string, string | undefined>>

function encode(parameters: Parameters): URLSearchParams {
  const form = new URLSearchParams()
  for (const [name, value] of Object.entries(parameters)) if (value) form.set(name, value)
  return form
}

async function authorize(changes: Parameters = {}): Promise<{ status: number; location: URL }> {
  const parameters = {
    response_type: 'code',
    client_id: 'test-client',
    redirect_uri: redirectUri,
    code_challenge: challenge,
    code_challenge_method: 'S256',
    scope: 'read write',
    state: 'a state',
    resource,
    ...changes,
  }
  const url = `${issuer.authorizationEndpoint}?${encode(parameters)}`
  const { status, headers } = await fetch(url, { redirect: 'manual' })
  return { status, location: new URL(headers.get('location') ?? 'none:') }
}

const codeOf = async (changes?: Parameters) =>
  (await authorize(changes)).location.searchParams.get('code') ?? ''

async function redeem(
  code: string,
  changes: Parameters = {},
  headers: Record<string, string> = basic,
) {
  const parameters = {
    grant_type: 'authorization_code',
    code,
    redirect_uri: redirectUri,
    code_verifier: verifier,
    resource,
    ...changes,
  }
  const body = encode(parameters)
  const response = await fetch(issuer.tokenEndpoint, { method: 'POST', body, headers })
  return (await response.json()) as { access_token: string; scope?: string; error?: string }
}

describe('the authorization code grant', () => {
  it('redirects at once, with code, state and issuer', async () => {
    const { status, location } = await authorize()
    expect(status).toBe(302)
    expect(`${location.origin}${location.pathname}`).toBe('http://127.0.0.1:9999/callback')
    expect(Object.fromEntries(location.searchParams)).toEqual({
      from: 'test',
      code: expect.any(String),
      state: 'a state',
      iss: issuer.issuer,
    })
    expect(issuer.requests.authorization).toBe(1)
  })

  it('exchanges the code for a token of the user', async () => {
    const { access_token, scope } = await redeem(await codeOf())
    expect(scope).toBe('read write')
    expect(decodeJwt(access_token)).toMatchObject({
      sub: 'test-user',
      client_id: 'test-client',
      aud: resource,
      scope: 'read write',
    })
  })

  it('exchanges a code once', async () => {
    const code = await codeOf()
    await redeem(code)
    expect(await redeem(code)).toMatchObject({ error: 'invalid_grant' })
  })

  it('uses a code up with a wrong verifier', async () => {
    const code = await codeOf()
    expect(await redeem(code, { code_verifier: 'wrong' })).toMatchObject({ error: 'invalid_grant' })
    expect(await redeem(code)).toMatchObject({ error: 'invalid_grant' })
  })

  it('refuses another redirect URI, another API, no code and an expired code', async () => {
    const other = { redirect_uri: 'http://127.0.0.1:9999/other' }
    expect(await redeem(await codeOf(), other)).toMatchObject({ error: 'invalid_grant' })
    const api = { resource: 'https://api.example.com/other' }
    expect(await redeem(await codeOf(), api)).toMatchObject({ error: 'invalid_target' })
    expect(await redeem('')).toMatchObject({ error: 'invalid_grant' })
    const code = await codeOf()
    issuer.clock.advance(61)
    expect(await redeem(code)).toMatchObject({ error: 'invalid_grant' })
  })

  it('refuses the code of another client', async () => {
    await using two = await createTestIssuer({
      clients: [
        { id: 'test-client', secret: 'test-secret' },
        { id: 'other', secret: 'other-secret' },
      ],
    })
    await issuer.close()
    issuer = two
    const headers = { authorization: `Basic ${btoa('other:other-secret')}` }
    expect(await redeem(await codeOf(), {}, headers)).toMatchObject({ error: 'invalid_grant' })
  })

  it('sends errors to a redirect URI, with the state', async () => {
    const cases: [Parameters, string][] = [
      [{ response_type: 'token' }, 'unsupported_response_type'],
      [{ code_challenge: undefined }, 'invalid_request'],
      [{ code_challenge: verifier }, 'invalid_request'],
      [{ code_challenge_method: 'plain' }, 'invalid_request'],
      [{ scope: 'a"b' }, 'invalid_scope'],
      [{ resource: 'no URL' }, 'invalid_target'],
    ]
    for (const [changes, error] of cases) {
      const { searchParams } = (await authorize(changes)).location
      expect([searchParams.get('error'), searchParams.get('state')]).toEqual([error, 'a state'])
      expect(searchParams.has('code')).toBe(false)
    }
  })

  it('says why PKCE and the scope are refused', async () => {
    const cases: [Parameters, string][] = [
      [{ code_challenge: undefined }, 'PKCE with the method S256 is required'],
      [{ scope: 'a"b' }, 'The parameter scope is malformed'],
    ]
    for (const [changes, description] of cases) {
      const { searchParams } = (await authorize(changes)).location
      expect(searchParams.get('error_description')).toBe(description)
    }
  })

  it('reads a redirect URI whose question mark is not encoded', async () => {
    const query = `client_id=test-client&redirect_uri=${redirectUri}&state=a`
    const response = await fetch(`${issuer.authorizationEndpoint}?${query}`, { redirect: 'manual' })
    const location = String(response.headers.get('location'))
    expect(location.startsWith(`${redirectUri}&`)).toBe(true)
    expect(new URL(location).searchParams.get('state')).toBe('a')
  })

  it('redirects without a state if the request has none, and must not be stored', async () => {
    const { location } = await authorize({ state: undefined })
    expect([...location.searchParams.keys()]).toEqual(['from', 'code', 'iss'])
    const url = `${issuer.authorizationEndpoint}?client_id=test-client&redirect_uri=x:y`
    const { headers, status } = await fetch(url, { redirect: 'manual' })
    expect([status, headers.get('cache-control')]).toEqual([302, 'no-store'])
  })

  it('does not redirect without a known client and a redirect URI', async () => {
    const unknown = 'The client is unknown'
    const noUri = 'The parameter redirect_uri is no absolute URI without a fragment'
    const cases: [query: string, description: string][] = [
      ['', unknown],
      ['?client_id=unknown', unknown],
      [`?redirect_uri=${redirectUri}`, unknown],
      ['?client_id=test-client', noUri],
      ['?client_id=test-client&redirect_uri=/callback', noUri],
      [`?client_id=test-client&redirect_uri=${redirectUri}%23fragment`, noUri],
      ['?client_id=test-client&client_id=test-client', 'A parameter is repeated'],
    ]
    for (const [query, error_description] of cases) {
      const url = `${issuer.authorizationEndpoint}${query}`
      const response = await fetch(url, { redirect: 'manual' })
      expect(response.status).toBe(400)
      expect(await response.json()).toEqual({ error: 'invalid_request', error_description })
    }
  })
})
