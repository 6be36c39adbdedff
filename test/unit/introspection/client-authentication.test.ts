import { generateKeyPairSync } from 'node:crypto'
import { decodeJwt, decodeProtectedHeader } from 'jose'
import { describe, expect, it } from 'vitest'
import {
  createClientAuthentication,
  isChangedByEncoding,
} from '../../../src/introspection/client-authentication.ts'
import type { ResolvedClientAuthentication } from '../../../src/options/introspection.ts'

type Basic = Extract<ResolvedClientAuthentication, { method: 'client_secret_basic' }>
type PrivateKeyJwt = Extract<ResolvedClientAuthentication, { method: 'private_key_jwt' }>

const authenticate = (authentication: ResolvedClientAuthentication, now = Date.now) =>
  createClientAuthentication(authentication, now)()

const hint = 'the request was not sent: this API has no credentials for the introspection endpoint'

describe('client_secret_basic', () => {
  const basic = (changes: Partial<Basic>): Basic => ({
    method: 'client_secret_basic',
    clientId: 'rs',
    clientSecret: 'secret',
    encoding: 'form',
    ...changes,
  })

  it.each([
    [false, {}],
    [true, { clientId: 'rs:1' }],
    [true, { clientSecret: 's%+' }],
    [true, { clientId: 'rs:1', clientSecret: 's%+' }],
    [false, { clientId: 'rs/1', clientSecret: 's%+', encoding: 'raw' }],
  ] as const)('is changed by its encoding: %s for %j', (isChanged, changes) => {
    expect(isChangedByEncoding(basic(changes))).toBe(isChanged)
  })

  it('is the only method that its encoding changes', () => {
    const post = { method: 'client_secret_post', clientId: 'rs:1', clientSecret: 's%+' } as const
    expect(isChangedByEncoding(post)).toBe(false)
  })
})

describe('private_key_jwt', () => {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const authentication: PrivateKeyJwt = {
    method: 'private_key_jwt',
    clientId: 'rs',
    key: privateKey,
    kid: undefined,
    algorithm: 'ES256',
    audience: 'https://as.test',
  }

  it.each([
    [undefined, { alg: 'ES256' }],
    ['k1', { alg: 'ES256', kid: 'k1' }],
  ])('signs an assertion for 60 seconds, with the kid %s', async (kid, header) => {
    const { headers, parameters } = await authenticate({ ...authentication, kid }, () => 1e12 + 999)
    expect(headers).toEqual({})
    const { client_assertion: assertion = '', ...others } = parameters
    expect(others).toEqual({
      client_id: 'rs',
      client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
    })
    expect(decodeProtectedHeader(assertion)).toEqual(header)
    expect(decodeJwt(assertion)).toEqual({
      iss: 'rs',
      sub: 'rs',
      aud: 'https://as.test',
      jti: expect.any(String),
      iat: 1_000_000_000,
      exp: 1_000_000_060,
    })
  })

  it('fails if the assertion cannot be signed', async () => {
    await expect(authenticate({ ...authentication, algorithm: 'RS256' })).rejects.toMatchObject({
      reason: 'credentials_unavailable',
      message: 'the client assertion could not be signed',
      hint,
      dueTo: 'server',
      cause: expect.any(Error),
    })
  })
})

describe('bearer', () => {
  const withToken = (token: () => unknown) =>
    authenticate({
      method: 'bearer',
      clientId: undefined,
      token: token as () => string,
    })

  it('sends the token that the callback returns or resolves to', async () => {
    const expected = { headers: { authorization: 'Bearer abc' }, parameters: {} }
    expect(await withToken(() => 'abc')).toEqual(expected)
    expect(await withToken(async () => 'abc')).toEqual(expected)
  })

  it.each(['', 'a b', 'a\r\nb', undefined, 7])(
    'fails if the callback returns %j',
    async (value) => {
      await expect(withToken(() => value)).rejects.toMatchObject({
        reason: 'credentials_unavailable',
        message: 'authentication.token returned no bearer token',
        hint,
      })
    },
  )

  it('fails if the callback does, with what it threw as the cause', async () => {
    const thrown = new Error('no token')
    const token = () => {
      throw thrown
    }
    await expect(withToken(token)).rejects.toMatchObject({
      reason: 'credentials_unavailable',
      message: 'the callback authentication.token failed',
      hint,
      cause: { message: 'The callback authentication.token failed', cause: thrown },
    })
  })
})
