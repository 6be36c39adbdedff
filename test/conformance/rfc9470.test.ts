/** RFC 9470, step-up authentication: the challenge of a protected resource. */
import {
  AccessTokenError,
  InsufficientAuthenticationError,
  InsufficientScopeError,
  type Requirement,
  type ValidatorOptions,
} from 'oauth-resource-server'
import { describe, expect, it } from 'vitest'
import { withApis } from '../support/adapters.ts'
import { parseChallenges } from '../support/challenge-parser.ts'
import { type Expected, expectEverywhere, OK, S403, T401, U401 } from '../support/expectations.ts'
import { AUD, claimsT0, fixtureValidator, seconds, signParts, t0 } from '../support/fixture.ts'
import {
  active,
  createApi as createIntrospectingApi,
  startAuthorizationServer,
} from '../support/introspection.ts'
import { bearer } from '../support/requests.ts'

const stepUp: Requirement = { authentication: { acrValues: ['gold', 'silver'], maxAge: 300 } }
const levelOnly: Requirement = { authentication: { acrValues: ['gold', 'silver'] } }
const at = seconds()
const now = () => at * 1000

const accepts = (claims: Record<string, unknown>, requirement = stepUp) =>
  expect(fixtureValidator({ now }).validate(t0(claims), requirement)).resolves.toBeDefined()

/** The error of a refused token, and its one challenge. */
async function refuse(
  claims: Record<string, unknown>,
  requirement: Requirement = stepUp,
  options: Partial<ValidatorOptions> = {},
) {
  const validator = fixtureValidator({ now, ...options })
  const error: unknown = await validator.validate(t0(claims), requirement).then(
    () => expect.fail('the token was accepted'),
    (reason) => reason,
  )
  if (!(error instanceof AccessTokenError)) throw error
  const lines = error.headers['WWW-Authenticate'] ?? []
  expect(lines).toHaveLength(1)
  const [challenge, ...others] = parseChallenges(lines[0] as string)
  expect(others).toEqual([])
  return { error, parameters: challenge?.parameters ?? {} }
}

/** U401: 401 with both requirements in one challenge. */
async function challenges(claims: Record<string, unknown>, requirement?: Requirement) {
  const { error, parameters } = await refuse(claims, requirement)
  expect(error).toBeInstanceOf(InsufficientAuthenticationError)
  expect(error.status).toBe(401)
  expect(parameters).toMatchObject({
    realm: AUD,
    error: 'insufficient_user_authentication',
    error_description: error.message,
    acr_values: 'gold silver',
  })
  expect(error.body).toEqual({
    error: 'insufficient_user_authentication',
    error_description: error.message,
  })
  return parameters
}

describe('§3 authentication requirements challenge', () => {
  it('9470-3-a, 9470-status refuses another acr with 401 and the values in order of preference', async () => {
    const parameters = await challenges({ acr: 'bronze', auth_time: at })
    expect(parameters.acr_values).toBe('gold silver')
    const reversed = { authentication: { acrValues: ['silver', 'gold'] } }
    const { error, parameters: others } = await refuse({ acr: 'bronze' }, reversed)
    expect(others.acr_values).toBe('silver gold')
    expect(error.headers['WWW-Authenticate']?.[0]).toContain('acr_values="silver gold"')
  })

  it('9470-3-b accepts one of the values, compared exactly', async () => {
    await accepts({ acr: 'silver', auth_time: at })
    await accepts({ acr: 'gold', auth_time: at })
    for (const acr of ['Silver', 'gold silver', ['gold'], 'goldx']) {
      await challenges({ acr, auth_time: at })
    }
  })

  it('9470-3-c refuses a token without acr', async () => {
    await challenges({ auth_time: at })
  })

  it('9470-3-d accepts an authentication of exactly the largest age, and none that is older', async () => {
    await accepts({ acr: 'gold', auth_time: at - 299 })
    await accepts({ acr: 'gold', auth_time: at - 300 })
    const { max_age } = await challenges({ acr: 'gold', auth_time: at - 301 })
    expect(max_age).toBe('300')
  })

  it('9470-3-d does not extend the largest age by the tolerance for clocks', async () => {
    const claims = { acr: 'gold', auth_time: at - 301 }
    const { error } = await refuse(claims, stepUp, { clockTolerance: 300 })
    expect(error).toBeInstanceOf(InsufficientAuthenticationError)
  })

  it('9470-3-e refuses a token whose auth_time is missing or not a number', async () => {
    for (const auth_time of [undefined, String(at), null, [at], true]) {
      await challenges({ acr: 'gold', auth_time })
    }
    const payload = JSON.stringify(claimsT0({ acr: 'gold', auth_time: 0 }))
    const endless = payload.replace('"auth_time":0', '"auth_time":1e400')
    const header = JSON.stringify({ alg: 'RS256', typ: 'at+jwt', kid: 'rsa1' })
    await expect(
      fixtureValidator({ now }).validate(signParts(header, endless), stepUp),
    ).rejects.toThrow(InsufficientAuthenticationError)
  })

  it('9470-3-f refuses an auth_time in the future', async () => {
    await challenges({ acr: 'gold', auth_time: at + 3600 })
    await accepts({ acr: 'gold', auth_time: at + 5 })
  })

  it('9470-3-g, 9470-acr-chars refuses malformed requirements at construction', () => {
    const wrong = [
      ...[-1, 1.5, 'x', Number.NaN].map((maxAge) => ({ maxAge })),
      ...['a"b', 'a b', 'a\\b', ''].map((acrValues) => ({ acrValues })),
    ]
    for (const authentication of wrong) {
      const requirement = { authentication } as Requirement
      expect(() => fixtureValidator({ requirement })).toThrow(TypeError)
    }
    const urn = 'urn:mace:incommon:iap:silver'
    const requirement = { authentication: { acrValues: urn } }
    expect(() => fixtureValidator({ requirement })).not.toThrow()
  })

  it('9470-3-g accepts a largest age of 0', async () => {
    const requirement = { authentication: { maxAge: 0 } }
    const { parameters } = await refuse({ auth_time: at - 1 }, requirement)
    expect(parameters.max_age).toBe('0')
    await accepts({ auth_time: at }, requirement)
  })

  it('9470-3-h names acr_values and max_age in one challenge, whichever is not met', async () => {
    for (const claims of [
      { acr: 'bronze', auth_time: at - 301 },
      { acr: 'bronze', auth_time: at },
      { acr: 'gold', auth_time: at - 301 },
    ]) {
      expect(await challenges(claims)).toMatchObject({ max_age: '300' })
    }
    expect(await challenges({ acr: 'bronze' }, levelOnly)).not.toHaveProperty('max_age')
  })

  it('9470-3-i names the scopes too where they are lacking, in one error', async () => {
    const requirement = { ...stepUp, scopes: 'read:a write:a' }
    const parameters = await challenges({ acr: 'bronze', auth_time: at }, requirement)
    expect(parameters.scope).toBe('read:a write:a')
    const { error, parameters: others } = await refuse({ acr: 'gold', auth_time: at }, requirement)
    expect(error).toBeInstanceOf(InsufficientScopeError)
    expect(others).toMatchObject({ error: 'insufficient_scope', scope: 'read:a write:a' })
    await accepts({ acr: 'gold', auth_time: at, scope: 'read:a write:a' }, requirement)
  })

  it('9470-prec refuses an invalid token as invalid before it looks at the authentication', async () => {
    const { error } = await refuse({ acr: 'bronze', exp: at - 600 })
    expect(error).toMatchObject({ status: 401, code: 'invalid_token', reason: 'expired' })
  })

  it('9470-3-h combines the requirement of the validator with that of the call', async () => {
    const { parameters } = await refuse({ acr: 'bronze' }, levelOnly, {
      requirement: { authentication: { maxAge: 60 }, scopes: 'read:a' },
    })
    expect(parameters).toMatchObject({ acr_values: 'gold silver', max_age: '60', scope: 'read:a' })
  })
})

describe('RFC 9470 section 6.2, introspection', () => {
  it('9470-6.2 uses acr and auth_time of an introspection response as those of a JWT', async () => {
    const now = Math.floor(Date.now() / 1000)
    const server = await startAuthorizationServer(({ form }) =>
      form.get('token') === 'strong'
        ? active({ acr: 'gold', auth_time: now })
        : active({ acr: 'bronze', auth_time: now - 3_600 }),
    )
    const { validator } = createIntrospectingApi(server)
    const requirement = { authentication: { acrValues: ['gold', 'silver'], maxAge: 300 } }
    expect((await validator.validate('strong', requirement)).claims.acr).toBe('gold')
    await expect(validator.validate('weak', requirement)).rejects.toMatchObject({
      code: 'insufficient_user_authentication',
      acrValues: ['gold', 'silver'],
      maxAge: 300,
    })
  })
})

describe('in every adapter', () => {
  const metadata = 'https://rs.test/.well-known/oauth-protected-resource/api'
  const routes = {
    '/p': {},
    '/stepup': { authenticate: { requirement: stepUp } },
    '/scoped': { authorize: [{ scopes: 'read:a' }, { ...stepUp, scopes: 'write:a' }] },
    '/recent': { authenticate: { optional: true }, authorize: { authentication: { maxAge: 300 } } },
    '/two': {
      authenticate: { requirement: stepUp },
      authorize: [{ scopes: 'read:a' }, { authentication: { acrValues: 'gold', maxAge: 60 } }],
    },
  }
  const both = { acr_values: 'gold silver', max_age: '300' }
  const scope = 'read:a write:a'
  const at = (path: string, claims: Record<string, unknown>) => bearer(t0(claims), { path })
  const table: readonly (readonly [string, Record<string, unknown>, Expected])[] = [
    ['/stepup', { acr: 'gold', auth_time: seconds() }, OK],
    ['/stepup', { acr: 'bronze', auth_time: seconds() }, U401(both)],
    ['/stepup', { acr: 'gold', auth_time: seconds() - 400 }, U401(both)],
    ['/stepup', {}, U401(both)],
    ['/stepup', { exp: 1 }, T401('expired')],
    ['/scoped', { acr: 'gold', auth_time: seconds() }, S403(scope)],
    ['/scoped', {}, U401({ ...both, scope })],
    ['/scoped', { acr: 'silver', auth_time: seconds(), scope }, OK],
    ['/recent', {}, U401({ max_age: '300' })],
    ['/recent', { auth_time: seconds() }, OK],
    [
      '/two',
      { acr: 'silver', auth_time: seconds() },
      U401({ acr_values: 'gold', max_age: '60', scope: 'read:a' }),
    ],
    ['/two', { acr: 'gold', auth_time: seconds() }, OK],
  ]

  it('9470-3-a, 9470-3-d, 9470-3-i, 9470-3-k, 9470-status gives the same status and challenge', () =>
    withApis({ direct: true, validator: { resource: AUD }, routes }, async (apis) => {
      for (const [path, claims, expected] of table) {
        await expectEverywhere(apis, at(path, claims), expected, { metadata })
      }
      await expectEverywhere(apis, { path: '/recent' }, { status: 401 }, { metadata })
    }))
})
