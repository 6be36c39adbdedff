import { type AccessToken, InsufficientScopeError, type Requirement } from 'oauth-resource-server'
import * as forExpress from 'oauth-resource-server/express'
import * as forHttp from 'oauth-resource-server/http'
import * as forKoa from 'oauth-resource-server/koa'
import { describe, expect, it, vi } from 'vitest'
import { createRequirementEvaluator } from '../../../src/requirement/evaluate.ts'
import {
  type CompiledRequirement,
  compileRequirement,
} from '../../../src/requirement/requirement.ts'
import { challengeScopes } from '../../../src/requirement/scopes.ts'
import { fixtureOptions, fixtureValidator, t0 } from '../../support/fixture.ts'

const compile = (requirement: unknown) => compileRequirement(requirement as Requirement, 'route')
const token = (...scopes: string[]) =>
  ({ issuer: 'https://as.test', scopes, claims: {} }) as never as AccessToken

const evaluate = createRequirementEvaluator({ now: () => 1_000, clockTolerance: 5 })
/** Returns the result as a promise, whether it is available now or later. */
const satisfy = async (granted: AccessToken, requirements: readonly CompiledRequirement[]) =>
  evaluate(granted, requirements)

describe('a requirement', () => {
  it.each([
    ['one scope', { scopes: 'a' }, { scopes: ['a'], anyScope: [] }],
    ['scopes in a string', { scopes: ' a  b ' }, { scopes: ['a', 'b'], anyScope: [] }],
    ['scopes in a list', { scopes: ['a', 'b:c/d'] }, { scopes: ['a', 'b:c/d'], anyScope: [] }],
    ['scopes named twice', { scopes: 'a b a' }, { scopes: ['a', 'b'], anyScope: [] }],
    ['any of several scopes', { anyScope: 'a b' }, { scopes: [], anyScope: ['a', 'b'] }],
    [
      'undefined members',
      { scopes: 'a', anyScope: undefined, check: undefined, chekc: undefined },
      { scopes: ['a'], anyScope: [] },
    ],
  ])('accepts %s', (_name, requirement, expected) => {
    expect(compile(requirement)).toMatchObject(expected)
  })

  it.each([
    ['nothing', undefined, 'route takes an object with'],
    ['null', null, 'route takes an object with'],
    ['a scope without a name', 'read:a', 'route takes an object with'],
    ['a list', ['read:a'], 'route takes an object with'],
    ['a function', () => true, 'route takes an object with'],
    [
      'a misspelt name',
      { scope: 'a' },
      'route has no option "scope"; its options are scopes, anyScope, authentication, authorizationDetails, check',
    ],
    [
      'a correct and a misspelt name',
      { scopes: 'a', anyscope: 'b' },
      'route has no option "anyscope"',
    ],
    [
      'no requirement at all',
      {},
      'route requires nothing: set scopes, anyScope, authentication, authorizationDetails or check',
    ],
    ['requirements that are undefined', { scopes: undefined }, 'route requires nothing'],
    ['no scope', { scopes: '' }, 'route.scopes must not be empty'],
    ['only spaces', { scopes: '  ' }, 'route.scopes must not be empty'],
    ['an empty list', { scopes: [] }, 'route.scopes must not be empty'],
    [
      'an empty list beside scopes',
      { scopes: 'a', anyScope: [] },
      'route.anyScope must not be empty',
    ],
    ['an empty scope', { scopes: [''] }, 'route.scopes must be a scope or a list of scopes'],
    ['two scopes in one entry', { scopes: ['a b'] }, 'route.scopes must be'],
    ['a tab between scopes', { scopes: 'a\tb' }, 'route.scopes must be'],
    ['a number', { scopes: 1 }, 'route.scopes must be'],
    ['null for scopes', { scopes: null }, 'route.scopes must be'],
    ['a list with null', { anyScope: ['a', null] }, 'route.anyScope must be'],
    ['a check that is not a function', { check: true }, 'route.check must be a function'],
    ['null for check', { scopes: 'a', check: null }, 'route.check must be a function'],
  ])('does not accept %s', (_name, requirement, message) => {
    expect(() => compile(requirement)).toThrow(TypeError)
    expect(() => compile(requirement)).toThrow(message)
  })

  it.each([
    [
      'authorize in Express',
      'authorize.scopes',
      (requirement: Requirement) => forExpress.authorize(requirement),
    ],
    [
      'authorize in Koa',
      'authorize.scopes',
      (requirement: Requirement) => forKoa.authorize(requirement),
    ],
    [
      'authorize in http',
      'authorize.scopes',
      (requirement: Requirement) => forHttp.authorize(requirement),
    ],
    [
      'authenticate',
      'authenticate.requirement.scopes',
      (requirement: Requirement) => forExpress.authenticate(fixtureOptions(), { requirement }),
    ],
    [
      'createValidator',
      'requirement.scopes',
      (requirement: Requirement) => fixtureValidator({ requirement }),
    ],
  ])('is checked at construction by %s', (_name, label, construct) => {
    expect(() => construct({ scopes: [] })).toThrow(new RegExp(`^${label} must not be empty`))
  })

  it('is checked by the methods of a validator, which reject', async () => {
    const { authenticate, validate, authorize } = fixtureValidator()
    const accepted = await validate(t0())
    const wrong = { scope: 'a' } as Requirement
    const message = 'requirement has no option "scope"'
    await expect(validate(t0(), wrong)).rejects.toThrow(message)
    await expect(authenticate({ headers: {} }, wrong)).rejects.toThrow(message)
    await expect(authorize(accepted, wrong)).rejects.toThrow(message)
  })

  it('is copied, so that later changes have no effect', () => {
    const scopes = ['a']
    const requirement = { scopes, check: () => true }
    const compiled = compile(requirement)
    scopes.length = 0
    requirement.check = () => false
    expect(compiled.scopes).toEqual(['a'])
    expect(compiled.check?.(token())).toBe(true)
    expect(() => Object.assign(compiled, { scopes: [] })).toThrow(TypeError)
    expect(() => (compiled.scopes as string[]).push('b')).toThrow(TypeError)
  })

  it('has no effect through members that objects inherit', () => {
    const inherited = Object.assign(Object.create({ check: () => true, anyScope: 'x' }), {
      scopes: 'a',
    })
    const requirement = compile(inherited)
    expect(requirement).toMatchObject({ scopes: ['a'], anyScope: [], check: undefined })
    expect(() => compile(Object.create({ scopes: 'a' }))).toThrow('route requires nothing')
    const prototype: { check?: unknown; authorizationDetails?: unknown } = Object.prototype
    prototype.check = () => false
    prototype.authorizationDetails = () => false
    try {
      expect(evaluate(token('a'), [compile({ scopes: 'a' })])).toBeUndefined()
      expect(() => compile({})).toThrow('route requires nothing')
    } finally {
      delete prototype.check
      delete prototype.authorizationDetails
    }
  })

  it('is not compiled twice', () => {
    const compiled = compile({ scopes: 'a' })
    expect(compile(compiled)).toBe(compiled)
  })
})

describe('the scopes that a challenge names', () => {
  it('are those of all requirements, each once, in their order', () => {
    const requirements = [
      { scopes: 'b a' },
      { scopes: 'c', anyScope: 'a d' },
      { check: () => true },
    ]
    expect(challengeScopes(requirements.map(compile))).toEqual(['b', 'a', 'c', 'd'])
    expect(challengeScopes([])).toEqual([])
  })

  it('MCP-scope-e do not contain offline_access, which a token must still have', () => {
    const requirement = compile({ scopes: 'a offline_access' })
    expect(challengeScopes([requirement])).toEqual(['a'])
    expect(() => evaluate(token('a'), [requirement])).toThrow(InsufficientScopeError)
  })
})

describe('a token and requirements', () => {
  const check = (result: unknown) => ({ check: () => result })

  it.each([
    ['all scopes', ['b', 'x', 'a'], [{ scopes: 'a b' }]],
    ['one of several', ['b'], [{ anyScope: 'a b' }]],
    ['all, and one of several', ['c', 'b'], [{ scopes: 'c', anyScope: 'a b' }]],
    ['several requirements', ['a', 'b'], [{ scopes: 'a' }, { scopes: 'b' }]],
    ['a check', [], [check(true)]],
    ['a check that takes time', [], [check(Promise.resolve(true))]],
    ['nothing', [], []],
  ])('fit: %s', async (_name, scopes, requirements) => {
    await expect(satisfy(token(...scopes), requirements.map(compile))).resolves.toBeUndefined()
  })

  it.each([
    ['one scope is missing', ['a'], [{ scopes: 'a b' }]],
    ['no scope of several is there', ['c'], [{ anyScope: 'a b' }]],
    ['scopes are there but none of several', ['c'], [{ scopes: 'c', anyScope: 'a b' }]],
    ['one of several is there but scopes are not', ['a'], [{ scopes: 'c', anyScope: 'a b' }]],
    ['the second requirement does not hold', ['a'], [{ scopes: 'a' }, { scopes: 'b' }]],
    ['a scope has another case', ['A'], [{ scopes: 'a' }]],
    ['a scope is longer', ['ab'], [{ scopes: 'a' }]],
    ['the check is false', ['a'], [{ scopes: 'a', ...check(false) }]],
    ['the check resolves to false', [], [check(Promise.resolve(false))]],
    ['the check forgot to return', [], [check(undefined)]],
    ['the check returns something like true', [], [check(1)]],
  ])('do not fit: %s', async (_name, scopes, requirements) => {
    const compiled = requirements.map(compile)
    const error = await satisfy(token(...scopes), compiled).catch((reason: unknown) => reason)
    expect(error).toBeInstanceOf(InsufficientScopeError)
    expect(error).toMatchObject({
      scopes: challengeScopes(compiled),
      detail: { issuer: 'https://as.test' },
    })
  })

  it('have a detail with the required and the granted scopes, and with the check', async () => {
    const scopes = compile({ scopes: 'a b' })
    await expect(satisfy(token('a', 'c'), [scopes])).rejects.toMatchObject({
      detail: { expected: 'a b', actual: 'a c' },
    })
    await expect(satisfy(token('a'), [compile(check(false))])).rejects.toMatchObject({
      detail: { hint: 'check did not return true' },
    })
    const hint = await satisfy(token(), [scopes]).catch((error) => error.detail.hint)
    expect(hint).toBeUndefined()
  })

  it.each([
    [{ scp: ['a', 'b'] }, 'the token has its scopes in the claim scp: see the option scopeClaim'],
    [{ scp: 'a b' }, 'the token has its scopes in the claim scp: see the option scopeClaim'],
    [
      { scope: ['a', 'b'] },
      'the token has its scopes in the claim scope: see the option scopeClaim',
    ],
    [
      { scope: '', roles: ['a'] },
      'the token has its scopes in the claim roles: see the option scopeClaim',
    ],
    [{ scope: '' }, undefined],
    [Object.create({ scp: 'a' }), undefined],
  ])('have a hint about scopes in another claim: %j', async (claims, hint) => {
    const granted = { ...token(), header: { alg: 'RS256' }, claims: claims as never }
    const error = await satisfy(granted, [compile({ scopes: 'a' })]).catch((reason) => reason)
    expect(error.detail.hint).toBe(hint)
  })

  it('run the check last, with the token, and only if the scopes suffice', async () => {
    const spy = vi.fn(() => true)
    const requirement = compile({ scopes: 'a', check: spy })
    await expect(satisfy(token('b'), [requirement])).rejects.toThrow(InsufficientScopeError)
    await expect(satisfy(token('a'), [compile({ scopes: 'x' }), requirement])).rejects.toThrow()
    expect(spy).not.toHaveBeenCalled()
    const enough = token('a')
    await satisfy(enough, [requirement])
    expect(spy.mock.calls).toEqual([[enough]])
  })

  it('throw an Error whose cause is what the check threw', async () => {
    const error = new RangeError('boom')
    const failure = { message: 'The callback check failed', cause: error }
    const throwing = () => {
      throw error
    }
    await expect(satisfy(token(), [compile({ check: throwing })])).rejects.toMatchObject(failure)
    const rejecting = compile({ check: async () => throwing() })
    await expect(satisfy(token(), [rejecting])).rejects.toMatchObject(failure)
  })
})

describe('the evaluation', () => {
  it('returns no promise if no check returned one', () => {
    const requirements = [{ scopes: 'a' }, { anyScope: 'a b' }, { check: () => true }].map(compile)
    expect(evaluate(token('a'), requirements)).toBeUndefined()
    expect(() => evaluate(token(), requirements)).toThrow(InsufficientScopeError)
    const refusing = { check: () => false as boolean }
    expect(() => evaluate(token(), [compile(refusing)])).toThrow(InsufficientScopeError)
  })

  it('returns a promise if a check returned one, and runs the later checks in order', async () => {
    const order: string[] = []
    const check = (name: string, result: unknown) => ({
      check: () => {
        order.push(name)
        return result
      },
    })
    const requirements = [
      check('first', true),
      check('second', Promise.resolve(true)),
      check('third', true),
      check('fourth', Promise.resolve(false)),
      check('fifth', true),
    ].map(compile)
    const pending = evaluate(token(), requirements)
    expect(order).toEqual(['first', 'second'])
    expect(pending).toBeInstanceOf(Promise)
    await expect(pending).rejects.toThrow(InsufficientScopeError)
    expect(order).toEqual(['first', 'second', 'third', 'fourth'])
  })

  it('evaluates scopes before it runs any check', () => {
    const check = vi.fn(() => Promise.resolve(true))
    expect(() => evaluate(token(), [{ check }, { scopes: 'a' }].map(compile))).toThrow()
    expect(check).not.toHaveBeenCalled()
  })

  it.each([undefined, null, 'text', { status: 401 }])(
    'throws an Error for any value that a check throws or rejects with: %j',
    async (thrown) => {
      const throwing = () => {
        throw thrown
      }
      const requirements = [{ check: throwing }, { check: () => Promise.reject(thrown) }]
      for (const requirement of requirements) {
        const error = await satisfy(token(), [compile(requirement)]).catch((reason) => reason)
        expect(error).toBeInstanceOf(Error)
        expect(error).toMatchObject({ message: 'The callback check failed' })
        expect(error.cause).toBe(thrown)
      }
    },
  )

  it('names the scopes of earlier requirements of the request, without evaluating them again', async () => {
    const check = vi.fn(() => true)
    const earlier = [compile({ scopes: 'a', check })]
    const later = compile({ scopes: 'b' })
    expect(evaluate(token('b'), [later], earlier)).toBeUndefined()
    const refusal = (granted: AccessToken, requirements: CompiledRequirement[]) =>
      (async () => evaluate(granted, requirements, earlier))().catch((reason) => reason)
    expect(await refusal(token('a'), [later])).toMatchObject({ scopes: ['a', 'b'] })
    const refusing = compile({ scopes: 'b', check: async () => false })
    expect(await refusal(token('a', 'b'), [refusing])).toMatchObject({ scopes: ['a', 'b'] })
    expect(check).not.toHaveBeenCalled()
  })

  it('counts implied scopes, and names those that are required', () => {
    const expandScopes = (granted: readonly string[]) =>
      granted.includes('admin') ? [...granted, 'read', 'write'] : granted
    const settings = { now: () => 1_000, clockTolerance: 5, expandScopes }
    const implying = createRequirementEvaluator(settings)
    const requirement = compile({ scopes: 'read', anyScope: 'write x' })
    expect(implying(token('admin'), [requirement])).toBeUndefined()
    expect(() => implying(token('read'), [requirement])).toThrow(
      expect.objectContaining({ scopes: ['read', 'write', 'x'] }),
    )
  })

  it('does not expand scopes that suffice', () => {
    const expandScopes = vi.fn((granted: readonly string[]) => granted)
    const settings = { now: () => 1_000, clockTolerance: 5, expandScopes }
    const implying = createRequirementEvaluator(settings)
    const requirements = [{ scopes: 'a' }, { check: () => true }].map(compile)
    expect(implying(token('a'), requirements)).toBeUndefined()
    expect(expandScopes).not.toHaveBeenCalled()
  })

  it('waits for a check that returns a thenable of another library', async () => {
    const thenable = (value: unknown) =>
      Object.fromEntries([['then', (resolve: (value: unknown) => void) => resolve(value)]])
    await expect(satisfy(token(), [compile({ check: () => thenable(true) })])).resolves.toBe(
      undefined,
    )
    await expect(satisfy(token(), [compile({ check: () => thenable(1) })])).rejects.toThrow()
  })
})

it.each([
  [{ authorizationDetails: 1 }, 'route.authorizationDetails must be a function'],
  [{ check: 1 }, 'route.check must be a function'],
  [{ authentication: {} }, 'route.authentication requires nothing: set acrValues or maxAge'],
])('names the member that is wrong in %j', (requirement, message) => {
  expect(() => compile(requirement)).toThrow(new TypeError(message))
})

it('has no hint where there is none', async () => {
  const error = await satisfy(token('a'), [compile({ scopes: 'b' })]).catch((reason) => reason)
  expect(error).toBeInstanceOf(InsufficientScopeError)
  expect(Object.keys(error.detail)).toEqual(['issuer', 'expected', 'actual'])
})

describe('a requirement that another copy of the package compiled', () => {
  const foreign = (source: object) => ({
    [Symbol.for('oauth-resource-server.requirement')]: source,
  })

  it('is compiled again', () => {
    expect(compile(foreign({ scopes: 'a b' }))).toMatchObject({ scopes: ['a', 'b'] })
    expect(() => compile(foreign({ mood: 'x' }))).toThrow(
      'route, of another copy of oauth-resource-server, has no option "mood"',
    )
  })

  it('is refused with its reason if no token can fulfil it', async () => {
    const requirement = compile(foreign({ unfulfillableReason: 'why' }))
    expect(requirement.unfulfillableReason).toBe('why')
    // A third copy reads the same source.
    expect(compile({ ...requirement })).toMatchObject({ unfulfillableReason: 'why' })
    const error = await satisfy(token('a'), [requirement]).catch((reason) => reason)
    expect(error).toBeInstanceOf(InsufficientScopeError)
    expect(error).toMatchObject({ scopes: [], detail: { hint: 'why' } })
  })

  it('is not one that only inherits the mark', () => {
    expect(() => compile(Object.create(foreign({ scopes: 'a' })))).toThrow('route requires nothing')
    expect(() => compile(undefined)).toThrow('route takes an object with')
  })
})
