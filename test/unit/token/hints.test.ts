import { InvalidTokenError, type ValidatorOptions } from 'oauth-resource-server'
import { describe, expect, it } from 'vitest'
import { createApi } from '../../support/checked-validator.ts'
import { AUD, ec1, makeKey, seconds, t0 } from '../../support/fixture.ts'

async function hintFor(
  token: string,
  changes: Partial<ValidatorOptions> = {},
): Promise<[reason: string, hint: string | undefined]> {
  const { validator } = createApi({ profile: 'jwt', ...changes })
  const error = await validator.validate(token).catch((reason) => reason)
  expect(error).toBeInstanceOf(InvalidTokenError)
  return [error.reason, error.detail.hint]
}

describe('the hint for a time in milliseconds', () => {
  it.each([
    ['iat', 'issued_in_future'],
    ['nbf', 'not_yet_valid'],
  ])('names %s and the unit', async (name, reason) => {
    expect(await hintFor(t0({ [name]: Date.now() }))).toEqual([
      reason,
      `${name} seems to be in milliseconds: the issuer must send seconds`,
    ])
  })

  it('is absent for a time that is only too late', async () => {
    expect(await hintFor(t0({ nbf: seconds() + 999 }))).toEqual(['not_yet_valid', undefined])
  })

  it('names the option now if the clock returns seconds', async () => {
    expect(await hintFor(t0(), { now: () => Date.now() / 1000 })).toEqual([
      'issued_in_future',
      'the clock shows a time before 2001: the option now must return milliseconds',
    ])
  })
})

describe('the hint for a claim of another JSON type', () => {
  it.each([
    [{ sub: 42 }, 'sub is a number: the issuer must send a string'],
    [{ client_id: 42 }, 'client_id is a number: the issuer must send a string'],
    [{ exp: '1700000000' }, 'exp is a string: the issuer must send a number'],
    [{ iat: '2026-01-01T00:00:00Z' }, 'iat is a string: the issuer must send a number'],
  ])('names the type of %j', async (claims, hint) => {
    expect(await hintFor(t0(claims))).toEqual(['invalid_claim', hint])
  })
})

describe('the hint for a token of another kind', () => {
  const idToken = 'this seems to be an ID token: the client must send its access token instead'
  const refreshToken =
    'this seems to be a refresh token: the client must send its access token instead'

  it.each([
    ['Okta', { aud: 'client-1', client_id: undefined, nonce: 'n', auth_time: 1, at_hash: 'x' }],
    ['Auth0', { aud: 'client-1', client_id: undefined, nonce: 'n' }],
    ['Keycloak', { aud: ['client-1'], azp: 'client-1', typ: 'ID' }],
    ['Amazon Cognito', { aud: 'client-1', token_use: 'id' }],
    ['an issuer that sends c_hash', { aud: ['client-1', 'client-2'], c_hash: 'x' }],
    ['an issuer that sends auth_time', { aud: 'client-1', azp: 'client-1', auth_time: 1 }],
  ])('recognises an ID token of %s', async (_, claims) => {
    expect(await hintFor(t0(claims, { typ: 'JWT' }))).toEqual(['wrong_audience', idToken])
  })

  it.each([
    ['client_id is its audience', { aud: 'client-1', client_id: 'client-1', nonce: 'n' }],
    ['azp is its audience', { aud: 'client-1', azp: 'client-1', client_id: 'other', nonce: 'n' }],
  ])('recognises an ID token whose %s', async (_, claims) => {
    expect(await hintFor(t0(claims, { typ: 'JWT' }))).toEqual(['wrong_audience', idToken])
  })

  it.each([
    ['another client as azp', { aud: 'client-1', azp: 'other', client_id: 'client-1', nonce: 'n' }],
    ['another client as client_id', { aud: 'client-1', client_id: 'other', nonce: 'n' }],
    ['two audiences', { aud: ['client-1', 'client-2'], client_id: undefined, nonce: 'n' }],
  ])('is absent for a token with %s', async (_, claims) => {
    expect(await hintFor(t0(claims, { typ: 'JWT' }))).toEqual(['wrong_audience', undefined])
  })

  it('recognises an ID token by its type', async () => {
    const claims = { aud: 'client-1', at_hash: 'x' }
    const strict = { profile: 'rfc9068' } as const
    expect(await hintFor(t0(claims, { typ: 'JWT' }), strict)).toEqual(['wrong_type', idToken])
  })

  it('is absent for an access token with auth_time and nonce for another API', async () => {
    const claims = { aud: 'https://other.test', azp: 'client-1', auth_time: 1, nonce: 'n' }
    expect(await hintFor(t0(claims))).toEqual(['wrong_audience', undefined])
  })

  it('recognises an ID token whose audience is a list of one client', async () => {
    const claims = { aud: ['client-1'], client_id: undefined, nonce: 'n' }
    expect(await hintFor(t0(claims, { typ: 'JWT' }))).toEqual(['wrong_audience', idToken])
  })

  it('is absent for a token without nonce and auth_time, even if its audience is a client', async () => {
    expect(await hintFor(t0({ aud: 'client-1' }))).toEqual(['wrong_audience', undefined])
  })

  it('is absent if the token is only too old', async () => {
    expect(await hintFor(t0({ exp: 1, at_hash: 'x' }))).toEqual(['expired', undefined])
  })

  it.each(['Refresh', 'Offline'])('recognises a refresh token of Keycloak, typ %s', async (typ) => {
    expect(await hintFor(t0({ typ }, { alg: 'HS512', typ: 'JWT' }))).toEqual([
      'wrong_algorithm',
      refreshToken,
    ])
    expect(await hintFor(t0({ typ, aud: 'https://as.test' }))).toEqual([
      'wrong_audience',
      refreshToken,
    ])
  })

  it.each([
    ['wrong_audience', { aud: '00000003-0000-0000-c000-000000000000' }],
    ['wrong_issuer', { iss: 'https://sts.windows.net/tenant/' }],
    ['bad_signature', {}],
  ])('recognises an Entra token for Microsoft Graph that leads to %s', async (reason, claims) => {
    const header = { typ: 'JWT', nonce: 'n', kid: 'rsa1' }
    const token = t0(claims, header, makeKey('RS256', 'rsa1'))
    expect(await hintFor(token)).toEqual([reason, expect.stringContaining('Microsoft Graph')])
  })
})

describe('the hint for a text that is not a JWT', () => {
  it.each(['AbCdEf0123456789', 'ya29.a0AfH6SMBx', 'a.b.c.d'])(
    'recognises an opaque token: %s',
    async (token) => {
      expect(await hintFor(token)).toEqual(['malformed', expect.stringContaining('opaque token')])
    },
  )

  it.each(['undefined', 'null'])('recognises a variable without a value: %s', async (token) => {
    expect(await hintFor(token)).toEqual([
      'malformed',
      expect.stringContaining('undefined or null instead of a token'),
    ])
  })

  it('recognises an encrypted token', async () => {
    expect(await hintFor('a.b.c.d.e')).toEqual(['encrypted', expect.stringMatching(/^a JWE: /)])
  })
})

describe('the hint for a key or an algorithm', () => {
  it('names a shared secret and a missing signature', async () => {
    expect(await hintFor(t0({}, { alg: 'HS256' }))).toEqual([
      'wrong_algorithm',
      expect.stringContaining('shared secret'),
    ])
    expect(await hintFor(t0({}, { alg: 'none' }))).toEqual([
      'wrong_algorithm',
      'the token is not signed',
    ])
    expect(await hintFor(t0(), { algorithms: ['ES256'] })).toEqual(['wrong_algorithm', undefined])
  })

  it('names another environment if the key is unknown or the signature is wrong', async () => {
    const environment = expect.stringContaining('another environment')
    expect(await hintFor(t0({}, { kid: 'gone' }))).toEqual(['unknown_key', environment])
    expect(await hintFor(t0({}, {}, makeKey('RS256', 'rsa1')))).toEqual([
      'bad_signature',
      environment,
    ])
  })

  it('names the missing kid', async () => {
    const jwks = { keys: [ec1.jwk] }
    const issuer = { issuer: 'https://as.test', jwks }
    expect(await hintFor(t0({}, { kid: undefined }), { issuer })).toEqual([
      'unknown_key',
      expect.stringContaining('has no kid'),
    ])
  })

  it('does not replace the more specific hint about a slash', async () => {
    expect(await hintFor(t0({ aud: `${AUD}/` }))).toEqual([
      'wrong_audience',
      expect.stringContaining('slash'),
    ])
  })
})
