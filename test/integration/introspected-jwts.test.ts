/** JWTs about which the issuer is asked as well, and which issuer an opaque token is sent to. */
import { createValidator, type IssuerOptions, type ValidatorOptions } from 'oauth-resource-server'
import { createTestIssuer, type TestIssuer } from 'oauth-resource-server/testing'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { AUD, claimsT0, ISS, jwks, t0 } from '../support/fixture.ts'
import {
  active,
  createApi,
  credentials,
  type Respond,
  type Setup,
  startAuthorizationServer,
} from '../support/introspection.ts'

const authentication = {
  method: 'client_secret_basic',
  clientId: 'test-client',
  clientSecret: 'test-secret',
} as const

let issuer: TestIssuer
beforeEach(async () => {
  issuer = await createTestIssuer()
})
afterEach(() => issuer.close())

/** Asks the test issuer about every token. */
function createAll(changes: Partial<ValidatorOptions> = {}, options: Partial<IssuerOptions> = {}) {
  return createValidator({
    issuer: { issuer: issuer.issuer, introspection: { authentication, tokens: 'all' }, ...options },
    audience: issuer.audience,
    now: issuer.clock.now,
    ...changes,
  })
}

const reasonOf = (promise: Promise<unknown>) =>
  promise.then(
    () => 'OK',
    (error) => error.reason ?? error.code,
  )

describe("tokens: 'all'", () => {
  it('asks about a JWT that was verified locally, and caches the response', async () => {
    const { validate } = createAll()
    const token = await issuer.token({ scope: 'read' })
    for (let count = 0; count < 3; count++) expect((await validate(token)).scopes).toEqual(['read'])
    expect(issuer.requests.introspection).toBe(1)
  })

  it('reports a JWT as cached only if neither it nor the response was verified for this request', async () => {
    const reported: boolean[] = []
    const onEvent: ValidatorOptions['onEvent'] = (event) => {
      if (event.type === 'token.accepted') reported.push(event.cached)
    }
    // A cache with one entry forgets the first JWT before the response about it.
    const { validate } = createAll({ onEvent, tokenCache: { maxEntries: 1 } })
    const first = await issuer.token()
    await validate(first)
    await validate(first)
    await validate(await issuer.token())
    await validate(first)
    expect(reported).toEqual([false, true, false, false])
    expect(issuer.requests.introspection).toBe(2)
  })

  it('refuses a revoked JWT as soon as the response is too old, cached or not', async () => {
    const { validate } = createAll()
    const token = await issuer.token()
    await validate(token)
    issuer.revoke(token)
    expect(await reasonOf(validate(token))).toBe('OK')
    issuer.clock.advance(10)
    expect(await reasonOf(validate(token))).toBe('inactive')
  })

  it('7662-route never asks about a JWT that fails a local check', async () => {
    const { validate } = createAll()
    for (const name of ['expired', 'tampered', 'wrongAudience', 'foreignKey', 'algNone'] as const) {
      expect(await reasonOf(validate(await issuer.tokens[name]()))).not.toBe('OK')
    }
    expect(issuer.requests.introspection).toBe(0)
  })

  it.each(['.', '..', '...'])(
    '7662-route never asks about a JWT with additional dots: %s',
    async (dots) => {
      for (const tokens of ['opaque', 'all'] as const) {
        const { validate } = createAll({}, { introspection: { authentication, tokens } })
        const jwt = await issuer.token()
        for (const token of [jwt + dots, dots + jwt]) {
          expect(await reasonOf(validate(token))).toMatch(/^(malformed|encrypted)$/)
        }
      }
      expect(issuer.requests.introspection).toBe(0)
    },
  )

  it('validates every cached JWT again: its key, its times, and the issuer', async () => {
    const { validate } = createAll({ keys: { maxAge: 60 } })
    const token = await issuer.token({ exp: Math.floor(issuer.clock.now() / 1000) + 90_000 })
    await validate(token)
    await issuer.rotate({ withdraw: true })
    issuer.clock.advance(61)
    await reasonOf(validate(token))
    issuer.clock.advance(1)
    expect(await reasonOf(validate(token))).toBe('unknown_key')
  })

  it('answers with 503 while the endpoint is down, though the JWT is valid', async () => {
    const { validate } = createAll()
    const token = await issuer.token()
    issuer.introspectionFault('error')
    expect(await reasonOf(validate(token))).toBe('service_unavailable')
    await issuer.up()
    issuer.clock.advance(2)
    expect(await reasonOf(validate(token))).toBe('OK')
  })

  it('works with a function as issuer, and with other options from then on', async () => {
    let audience = issuer.audience
    const { validate } = createAll({
      issuer: () => ({
        issuer: issuer.issuer,
        audience,
        introspection: { authentication, tokens: 'all', maxAge: 3_600 },
      }),
    })
    const token = await issuer.token({ exp: Math.floor(issuer.clock.now() / 1000) + 90_000 })
    expect(await reasonOf(validate(token))).toBe('OK')
    audience = 'https://other.example.com'
    issuer.clock.advance(601)
    expect(await reasonOf(validate(token))).toBe('wrong_audience')
    expect(await reasonOf(validate(issuer.opaqueToken()))).toBe('malformed')
  })
})

const answered = (respond: Respond, setup: Setup = {}) =>
  startAuthorizationServer(respond).then((server) =>
    createApi(server, {
      ...setup,
      settings: { issuer: ISS, jwks, ...setup.settings },
      options: { tokens: 'all', ...setup.options },
    }),
  )

describe("a response about a JWT, with tokens: 'all'", () => {
  const { sub, client_id } = claimsT0()
  const same = (changes: object = {}) => active({ sub, client_id, ...changes })

  it.each([
    ['OK', {}],
    ['OK', { sub: undefined, client_id: undefined, aud: undefined }],
    ['OK', { client_id: undefined, azp: client_id }],
    ['401 invalid_claim', { sub: 'user-2' }],
    ['401 invalid_claim', { client_id: 'client-2' }],
    ['401 invalid_claim', { client_id: undefined, azp: 'client-2' }],
    ['401 wrong_audience', { aud: 'https://other.test' }],
    ['401 wrong_issuer', { iss: 'https://other.test' }],
    ['401 inactive', { active: false }],
    ['401 unsupported_binding', { cnf: { jkt: `${'x'.repeat(42)}w` } }],
  ])('%s for %j', async (expected, changes) => {
    const api = await answered(() => same(changes))
    expect(await api.outcomeFor(t0())).toBe(expected)
    expect(await api.outcomeFor(t0())).toBe(expected)
  })

  it('decides alone what the token grants', async () => {
    const api = await answered(() => same({ scope: undefined, aud: undefined, extra: 1 }))
    const token = await api.introspect(t0({ scope: 'read:a', groups: ['admin'] }))
    expect(token).toMatchObject({ subject: sub, clientId: client_id, audience: [AUD], scopes: [] })
    expect(token.claims).toMatchObject({ sub, client_id, aud: AUD, extra: 1 })
    expect(token.claims).not.toHaveProperty('groups')
    expect(token).not.toHaveProperty('header')
  })

  it('may leave out what identifies the token, as its jti for a revocation list', async () => {
    const revoked: unknown[] = []
    const api = await answered(() => same({ jti: undefined, iat: undefined, exp: undefined }), {
      settings: { maxTokenAge: 3_600 },
      validator: { revoked: ({ claims }) => revoked.push(claims.jti) === 0 },
    })
    const { iat, exp } = claimsT0()
    const token = await api.introspect(t0({ jti: 'the-jti' }))
    expect(token.claims).toMatchObject({ jti: 'the-jti', iat, exp })
    expect(revoked).toEqual(['the-jti'])
  })

  it.each([
    ['OK', 60],
    ['401 too_old', 4_000],
  ])(
    'may lack iat: maxTokenAge then applies to the iat of the JWT: %s after %i s',
    async (expected, age) => {
      const api = await answered(() => same({ iat: undefined }), {
        settings: { maxTokenAge: 3_600 },
      })
      const iat = Math.floor(Date.now() / 1000) - 30
      const token = t0({ iat, exp: iat + 90_000 })
      await api.introspect(token)
      api.pass(age)
      expect(await api.outcomeFor(token)).toBe(expected)
    },
  )

  it('does not make a token valid for longer than the JWT is', async () => {
    const exp = Math.floor(Date.now() / 1000) + 60
    const api = await answered(() => same({ exp: exp + 600 }), { options: { maxAge: 3_600 } })
    const token = t0({ exp })
    expect((await api.introspect(token)).expiresAt).toBe(exp)
    api.pass(61)
    expect(await api.outcomeFor(token)).toBe('401 expired')
  })

  it('may name the audience of a lightweight token, and must', async () => {
    const lightweight = t0({ aud: undefined, sub: undefined, client_id: undefined })
    const named = await answered(() => same())
    expect(await named.introspect(lightweight)).toMatchObject({ subject: sub, audience: [AUD] })
    const unnamed = await answered(() => same({ aud: undefined }))
    expect(await unnamed.outcomeFor(lightweight)).toBe('401 missing_claim')
    const other = await answered(() => same({ aud: 'https://other.test' }))
    expect(await other.outcomeFor(lightweight)).toBe('401 wrong_audience')
    const strict = await answered(() => same(), { settings: { profile: 'rfc9068' } })
    expect(await strict.outcomeFor(lightweight)).toBe('401 missing_claim')
  })
})

describe('a function as issuer', () => {
  it.each(['opaque', 'with.two.dots', `a.${'b'.repeat(20)}`])(
    'is what the hint names for the opaque token %s',
    async (token) => {
      const { validate } = createValidator({ issuer: () => undefined, audience: AUD })
      await expect(validate(token)).rejects.toMatchObject({
        reason: 'malformed',
        detail: { hint: expect.stringContaining('listed in the option issuer, not a function') },
      })
    },
  )

  it.each(['undefined', 'null'])('is not what the hint names for the text %s', async (token) => {
    const { validate } = createValidator({ issuer: () => undefined, audience: AUD })
    await expect(validate(token)).rejects.toMatchObject({
      detail: { hint: expect.stringContaining('undefined or null') },
    })
  })
})

describe('several issuers', () => {
  it('an opaque token is sent to the issuer of its prefix, and to no other', async () => {
    const a = await startAuthorizationServer(() => active({ sub: 'a' }))
    const b = await startAuthorizationServer(() => active({ sub: 'b' }))
    const c = await startAuthorizationServer(() => active({ sub: 'c' }))
    const issuers = [
      { server: a, tokenPrefix: 'a_' },
      { server: b, tokenPrefix: 'a_b_' },
      { server: c, tokenPrefix: undefined },
    ].map(({ server, tokenPrefix }) => ({
      issuer: server.origin,
      introspection: { authentication: credentials, endpoint: server.endpoint, tokenPrefix },
    }))
    const { validate } = createValidator({ issuer: issuers, audience: AUD })
    const subjects = ['a_1', 'a_b_1', 'x'].map(async (token) => (await validate(token)).subject)
    expect(await Promise.all(subjects)).toEqual(['a', 'b', 'c'])
    expect([a, b, c].map(({ received }) => received.length)).toEqual([1, 1, 1])
    const without = createValidator({ issuer: issuers.slice(0, 2), audience: AUD })
    await expect(without.validate('x')).rejects.toMatchObject({
      reason: 'malformed',
      detail: { hint: expect.stringContaining('tokenPrefix') },
    })
    expect([a, b, c].map(({ received }) => received.length)).toEqual([1, 1, 1])
  })

  it('the JWTs of one are not affected by the introspection of another', async () => {
    const server = await startAuthorizationServer(() => ({ active: false }))
    const introspection = {
      authentication: credentials,
      endpoint: server.endpoint,
      tokens: 'all',
    } as const
    const { validate } = createValidator({
      issuer: [
        { issuer: ISS, jwks },
        { issuer: server.origin, introspection },
      ],
      audience: AUD,
    })
    expect((await validate(t0())).header?.alg).toBe('RS256')
    expect(await reasonOf(validate('opaque'))).toBe('inactive')
    expect(server.received).toHaveLength(1)
  })
})

describe('tokenCache: false', () => {
  it('asks about every request, and keeps refusals only', async () => {
    const server = await startAuthorizationServer(({ form }) => ({
      ...active(),
      active: form.get('token') === 'good',
    }))
    const api = createApi(server, { validator: { tokenCache: false } })
    for (const token of ['good', 'good', 'bad', 'bad']) await api.outcomeFor(token)
    expect(server.received.map(({ form }) => form.get('token'))).toEqual(['good', 'good', 'bad'])
  })
})
