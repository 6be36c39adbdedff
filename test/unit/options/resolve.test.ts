import { createValidator, type ValidatorOptions } from 'oauth-resource-server'
import * as forExpress from 'oauth-resource-server/express'
import * as forHttp from 'oauth-resource-server/http'
import * as forKoa from 'oauth-resource-server/koa'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { resolveOptions } from '../../../src/options/resolve.ts'
import { allAlgorithms } from '../../../src/signature/algorithms.ts'
import { makeCurveKey } from '../../support/encryption.ts'
import { AUD, ec1, fixtureOptions, fixtureValidator, ISS, jwks, t0 } from '../../support/fixture.ts'
import {
  accepts,
  construct,
  expectRefused,
  noStrings,
  read,
  refuses,
  withIssuer,
} from '../../support/validator-options.ts'

describe('the names of options', () => {
  it.each([
    ['optional', "authenticate's second argument"],
    ['jwksUri', 'issuer: { issuer, jwksUri }'],
    ['scopes', 'requirement: { scopes }'],
    ['timeout', 'keys: { timeout }'],
  ])('F-cfg %s in the wrong place is refused with the right place', (name, place) => {
    const options = { ...fixtureOptions(), [name]: 'x' }
    expect(() => createValidator(options)).toThrow(
      `createValidator has no option "${name}"; it belongs in ${place}`,
    )
  })

  it.each([
    ['audiance', () => construct({ audiance: AUD })],
    ['Issuer', () => construct({ Issuer: ISS })],
    ['clockTolerence', () => construct({ clockTolerence: 5 })],
    ['cacheMaxAge', () => construct({ keys: { cacheMaxAge: 5 } })],
    ['max', () => construct({ tokenCache: { max: 5 } })],
    ['jwksURI', () => withIssuer({ jwksURI: 'https://as.test/jwks' })],
    ['clockTolerance', () => withIssuer({ clockTolerance: 5 })],
    ['scope', () => construct({ requirement: { scope: 'a' } })],
    ['optinal', () => forExpress.authenticate(fixtureOptions(), { optinal: true } as never)],
    ['passErors', () => forKoa.authenticate(fixtureOptions(), { passErors: true } as never)],
    ['scopes', () => forHttp.authenticate(fixtureOptions(), { scopes: 'a' } as never)],
    ['audience', () => forHttp.authenticate(fixtureValidator(), { audience: AUD } as never)],
    ['scope', () => forExpress.authorize({ scope: 'a' } as never)],
  ])('F-cfg a misspelt or misplaced option is refused: %s', (name, make) => {
    expect(make).toThrow(TypeError)
    expect(make).toThrow(`has no option "${name}"; its options are `)
  })

  it('F-cfg the error lists all options, and each of them is accepted', () => {
    const names =
      'issuer, audience, resource, profile, algorithms, clockTolerance, maxTokenAge, scopeClaim, requirement, impliedScopes, revoked, tokenLocations, realm, publicUrl, dpop, mtls, keys, tokenCache, fetch, now, onEvent'
    expect(() => construct({ x: 1 })).toThrow(
      `createValidator has no option "x"; its options are ${names}`,
    )
    const all: Record<keyof ValidatorOptions, unknown> = {
      issuer: {
        issuer: ISS,
        jwks,
        audience: AUD,
        profile: 'jwt',
        algorithms: ['RS256'],
        scopeClaim: 'scp',
        maxTokenAge: 60,
        allowInsecureHttp: false,
        introspection: { authentication: { method: 'none' }, endpoint: `${ISS}/introspect` },
        decryptionKeys: { keys: [makeCurveKey('P-256')] },
      },
      audience: AUD,
      resource: AUD,
      profile: 'jwt',
      algorithms: ['RS256'],
      clockTolerance: 5,
      maxTokenAge: 60,
      scopeClaim: 'scope',
      requirement: { scopes: 'a', anyScope: 'b', check: () => true },
      impliedScopes: { admin: ['a'] },
      revoked: () => false,
      tokenLocations: ['header'],
      realm: 'api',
      publicUrl: 'https://rs.test/prefix',
      dpop: true,
      mtls: true,
      keys: { maxAge: 60, staleIfError: 60, timeout: 1 },
      tokenCache: { maxEntries: 10 },
      fetch,
      now: Date.now,
      onEvent: () => {},
    }
    expect(Object.keys(all).join(', ')).toBe(names)
    expect(() => createValidator(all as never as ValidatorOptions)).not.toThrow()
  })

  it('F-cfg an option that is undefined counts as absent, whatever its name', () => {
    const absent = Object.fromEntries(
      [
        'profile',
        'algorithms',
        'clockTolerance',
        'maxTokenAge',
        'scopeClaim',
        'requirement',
        'revoked',
        'tokenLocations',
        'realm',
        'keys',
        'tokenCache',
        'fetch',
        'now',
        'onEvent',
        'audiance',
      ].map((name) => [name, undefined]),
    )
    const bare = { issuer: ISS, audience: AUD }
    expect(JSON.stringify(resolveOptions({ ...bare, ...absent }))).toBe(
      JSON.stringify(resolveOptions(bare)),
    )
    expect(() =>
      construct({ keys: { maxAge: undefined }, tokenCache: { maxEntries: undefined } }),
    ).not.toThrow()
  })

  it.each([[undefined], [null], ['https://as.test'], [5], [[]], [() => ({})]])(
    'F-cfg %s are refused as options',
    (options) => {
      expect(() => createValidator(options as never)).toThrow(
        'createValidator takes an object with',
      )
      expect(() => forExpress.authenticate(options as never)).toThrow(TypeError)
      expect(() => forKoa.authenticate(options as never)).toThrow(TypeError)
      expect(() => forHttp.authenticate(options as never)).toThrow(TypeError)
    },
  )

  it('F-cfg changes after construction have no effect', async () => {
    const audience = [AUD]
    const algorithms = ['RS256' as const]
    const tokenLocations = ['header' as const]
    const options = fixtureOptions({ audience, algorithms, tokenLocations })
    const validator = createValidator(options)
    audience[0] = 'https://other.test'
    algorithms.length = 0
    tokenLocations.length = 0
    Object.assign(options, { audience: false, profile: 'jwt' })
    await accepts(validator, t0())
    await refuses(validator, t0({ aud: 'https://other.test' }), 'wrong_audience')
    await refuses(validator, t0({}, { typ: 'JWT' }), 'wrong_type')
  })
})

describe('audience', () => {
  it('F-cfg2 cannot be missing or empty', () => {
    expectRefused(
      [undefined],
      (audience) => construct({ audience }),
      'audience is missing: it takes',
    )
    expectRefused(
      [[]],
      (audience) => construct({ audience }),
      'audience must not be empty: it takes',
    )
    expectRefused(
      ['', [''], [AUD, ''], [[AUD]], true, new Set([AUD]), ...noStrings],
      (audience) => construct({ audience }),
      'audience must be identifiers that are not empty, or false',
    )
    expectRefused(
      ['', []],
      (audience) => withIssuer({ jwks, audience }),
      `issuer ${ISS}: audience must`,
    )
  })

  it('is one identifier, or several of which one suffices, or explicitly false', async () => {
    const other = t0({ aud: 'https://other.test' })
    await refuses(fixtureValidator(), other, 'wrong_audience')
    await accepts(fixtureValidator({ audience: ['https://other.test', AUD] }), other)
    await accepts(fixtureValidator({ audience: false, profile: 'jwt' }), t0({ aud: undefined }))
  })

  it('of an issuer overrides the validator’s', async () => {
    const issuer = { issuer: ISS, jwks, audience: 'https://own.test' }
    await accepts(fixtureValidator({ issuer }), t0({ aud: 'https://own.test' }))
    await refuses(fixtureValidator({ issuer }), t0(), 'wrong_audience')
    const off = { issuer: ISS, jwks, audience: false as const }
    await accepts(fixtureValidator({ issuer: off }), t0({ aud: 'https://any.test' }))
  })
})

describe('profile, algorithms and claims', () => {
  it('profile is one of two names, and jwt by default', async () => {
    expectRefused(
      ['RFC9068', 'JWT', '', 'at+jwt', ...noStrings],
      (profile) => construct({ profile }),
      "profile must be 'jwt' or 'rfc9068'",
    )
    expectRefused(
      ['x'],
      (profile) => withIssuer({ jwks, profile }),
      `issuer ${ISS}: profile must be`,
    )
    const plain = t0({ jti: undefined }, { typ: 'JWT' })
    await accepts(fixtureValidator({ profile: undefined }), plain)
    await refuses(fixtureValidator(), plain, 'wrong_type')
    const issuer = { issuer: ISS, jwks, profile: 'rfc9068' as const }
    await refuses(fixtureValidator({ issuer, profile: 'jwt' }), plain, 'wrong_type')
  })

  it('F-cfg2 algorithms must be asymmetric signature algorithms, at least one', () => {
    expectRefused([[]], (algorithms) => construct({ algorithms }), 'algorithms must not be empty')
    expectRefused(
      [
        ['none'],
        ['HS256'],
        ['RS256', 'HS512'],
        ['rs256'],
        ['RS1'],
        ['ES256K'],
        [''],
        '',
        ['RS256', undefined],
        'RS256 PS256',
        ...noStrings,
      ],
      (algorithms) => construct({ algorithms }),
      `algorithms must be a list of ${allAlgorithms.join(', ')}`,
    )
    expectRefused(
      [['none']],
      (algorithms) => withIssuer({ jwks, algorithms }),
      `issuer ${ISS}: algorithms`,
    )
  })

  it('algorithms are those of the issuer, else those of the validator, else all', async () => {
    await accepts(fixtureValidator(), t0({}, {}, ec1))
    await refuses(fixtureValidator({ algorithms: ['RS256'] }), t0({}, {}, ec1), 'wrong_algorithm')
    const issuer = { issuer: ISS, jwks, algorithms: ['ES256' as const] }
    await accepts(fixtureValidator({ issuer, algorithms: ['RS256'] }), t0({}, {}, ec1))
    await refuses(fixtureValidator({ issuer, algorithms: ['RS256'] }), t0(), 'wrong_algorithm')
  })

  it('scopeClaim is the name of a claim or a function', async () => {
    expectRefused(
      ['', [], ['scp'], null, 5, {}],
      (scopeClaim) => construct({ scopeClaim }),
      'scopeClaim must be the name of a claim or a function',
    )
    const scopes = async (changes: Partial<ValidatorOptions>, claims: object) =>
      (await fixtureValidator(changes).validate(t0({ ...claims }))).scopes
    expect(await scopes({}, { scope: 'a b', scp: ['c'] })).toEqual(['a', 'b'])
    expect(await scopes({ scopeClaim: 'scp' }, { scope: 'a', scp: ['c', 'd'] })).toEqual(['c', 'd'])
    expect(await scopes({ scopeClaim: 'scp' }, { scope: 'a', scp: 'c d' })).toEqual(['c', 'd'])
    const scopeClaim = ({ permissions }: Record<string, unknown>) => permissions as string[]
    expect(await scopes({ scopeClaim }, { permissions: ['e'] })).toEqual(['e'])
    const issuer = { issuer: ISS, jwks, scopeClaim: 'scp' }
    expect(await scopes({ issuer, scopeClaim: 'x' }, { x: 'a', scp: 'c' })).toEqual(['c'])
  })

  it('requirement applies to every token', async () => {
    const validator = fixtureValidator({ requirement: { scopes: 'write:a' } })
    await accepts(validator, t0({ scope: 'write:a' }))
    await expect(validator.validate(t0())).rejects.toMatchObject({ scopes: ['write:a'] })
    expectRefused(
      [null, {}, 'write:a', { scopes: [] }],
      (requirement) => construct({ requirement }),
      'requirement',
    )
  })
})

describe('locations, realm, cache and callbacks', () => {
  it('tokenLocations is a list of header, body and query', () => {
    expectRefused(
      [[]],
      (tokenLocations) => construct({ tokenLocations }),
      'tokenLocations must not be empty',
    )
    expectRefused(
      [['cookie'], ['Header'], ['header', ''], '', [undefined], ...noStrings],
      (tokenLocations) => construct({ tokenLocations }),
      "tokenLocations must be a list of 'header', 'body' and 'query'",
    )
    expect(read().tokenLocations).toEqual(['header'])
    expect(read({ tokenLocations: ['query', 'header', 'query'] }).tokenLocations).toEqual([
      'query',
      'header',
    ])
  })

  it('realm is printable ASCII, and by default the first audience', () => {
    expectRefused(
      ['', 'a\r\n', '\t', 'é', '😀', ...noStrings],
      (realm) => construct({ realm }),
      'realm must be a string of printable ASCII characters',
    )
    expect(read({ realm: 'my "api"' }).realm).toBe('my "api"')
    expect(read({ audience: ['https://a.test', 'b'] }).realm).toBe('https://a.test')
    expect(read({ audience: 'urn:é\n' }).realm).toBe('urn:??')
    expect(read({ audience: false }).realm).toBe('api')
  })

  it('tokenCache limits the cached tokens, or disables the cache', async () => {
    expectRefused(
      [null, true, 5, [], '100'],
      (tokenCache) => construct({ tokenCache }),
      'tokenCache takes an object with',
    )
    expectRefused(
      [0, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY, 1_000_001, '10', null],
      (maxEntries) => construct({ tokenCache: { maxEntries } }),
      'tokenCache.maxEntries must be a whole number between 1 and 1000000',
    )
    const cached = async (tokenCache: ValidatorOptions['tokenCache']) => {
      const onEvent = vi.fn()
      const { validate } = fixtureValidator({ tokenCache, onEvent })
      const token = t0()
      for (let time = 0; time < 2; time++) await validate(token)
      return onEvent.mock.calls.map(([event]) => event.cached)
    }
    expect(await cached(undefined)).toEqual([false, true])
    expect(await cached({})).toEqual([false, true])
    expect(await cached({ maxEntries: 1 })).toEqual([false, true])
    expect(await cached(false)).toEqual([false, false])
    expect(read().maxCachedTokens).toBe(10_000)
    expect(read({ tokenCache: { maxEntries: 1_000_000 } }).maxCachedTokens).toBe(1_000_000)
  })

  it('fetch, now and onEvent are functions', () => {
    for (const name of ['fetch', 'now', 'onEvent']) {
      expectRefused(
        [null, 5, 'x', {}, []],
        (value) => construct({ [name]: value }),
        `${name} must be a function`,
      )
    }
  })

  it('fetch makes the requests, and is by default the current global fetch', async () => {
    const answer = async () => Response.json(jwks)
    const own = vi.fn(answer)
    const issuer = { issuer: ISS, jwksUri: 'https://as.test/jwks' }
    await accepts(fixtureValidator({ issuer, fetch: own }), t0())
    expect(own).toHaveBeenCalledOnce()
    const validator = fixtureValidator({ issuer })
    const later = vi.spyOn(globalThis, 'fetch').mockImplementation(answer)
    await accepts(validator, t0())
    expect(later).toHaveBeenCalledWith('https://as.test/jwks', expect.anything())
    later.mockRestore()
  })

  it('onEvent receives the events', async () => {
    const onEvent = vi.fn()
    await fixtureValidator({ onEvent }).validate(t0())
    expect(onEvent.mock.calls).toMatchObject([
      [{ type: 'token.accepted', issuer: ISS, clientId: 'client-1' }],
    ])
  })

  it('the default clock and the default fetch are looked up on each call', async () => {
    const { now, fetch } = read()
    vi.useFakeTimers({ now: 12_345, toFake: ['Date'] })
    vi.stubGlobal('fetch', () => Promise.resolve('replaced'))
    onTestFinished(() => {
      vi.useRealTimers()
      vi.unstubAllGlobals()
    })
    expect(now()).toBe(12_345)
    const init = { headers: {}, redirect: 'manual', credentials: 'omit' } as const
    const { signal } = new AbortController()
    expect(await fetch('https://as.test', { ...init, signal })).toBe('replaced')
  })

  it('the default clock of a validator that was created under fake timers uses the real time afterwards', () => {
    vi.useFakeTimers({ now: 12_345, toFake: ['Date'] })
    const { now } = read()
    vi.useRealTimers()
    expect(Math.abs(now() - Date.now())).toBeLessThan(60_000)
  })

  it('construction fetches nothing', () => {
    const own = vi.fn()
    construct({ issuer: ISS, fetch: own })
    expect(own).not.toHaveBeenCalled()
  })
})

describe('the options of authenticate', () => {
  const adapters = { express: forExpress, koa: forKoa, http: forHttp }

  for (const [name, { authenticate }] of Object.entries(adapters)) {
    it(`are checked at construction in ${name}`, () => {
      const make = (options: object) => authenticate(fixtureValidator(), options)
      for (const option of ['optional', 'passErrors']) {
        expectRefused(
          ['true', 1, 0, null, {}],
          (value) => make({ [option]: value }),
          `authenticate.${option} must be true or false`,
        )
      }
      expectRefused(
        [{}, null, 'a'],
        (requirement) => make({ requirement }),
        'authenticate.requirement',
      )
      expectRefused(
        [null, 5, 'optional', []],
        (value) => make(value as object),
        'authenticate takes an object with',
      )
      expect(make({})).toHaveProperty('name', 'authenticate')
      expect(
        make({ optional: undefined, passErrors: undefined, requirement: undefined }),
      ).toBeTypeOf('function')
    })
  }
})
