import { InsufficientAuthenticationError, InsufficientScopeError } from 'oauth-resource-server'
import { describe, expect, it } from 'vitest'
import type { AccessToken, Requirement } from '../../../src/access-token.ts'
import { printable } from '../../../src/internal/printable.ts'
import {
  combineAuthentication,
  compileAuthentication,
  findAuthenticationProblem,
} from '../../../src/requirement/authentication.ts'
import { createRequirementEvaluator } from '../../../src/requirement/evaluate.ts'
import { compileRequirement } from '../../../src/requirement/requirement.ts'

const now = 1_800_000_000
const compile = (value: unknown) => compileAuthentication(value as never, 'route.authentication')

function problem(claims: Record<string, unknown>, requirement: unknown, time = now, tolerance = 5) {
  const compiled = compile(requirement)
  if (compiled === undefined) return expect.fail('nothing was required')
  return findAuthenticationProblem(claims as never, compiled, time, tolerance)
}

describe('a required authentication', () => {
  it.each([
    ['one value', { acrValues: 'gold' }, { acrValues: ['gold'], maxAge: undefined }],
    ['a URN', { acrValues: 'urn:mace:a/b' }, { acrValues: ['urn:mace:a/b'], maxAge: undefined }],
    [
      'values in order of preference, each once',
      { acrValues: ['b', 'a', 'b'] },
      { acrValues: ['b', 'a'], maxAge: undefined },
    ],
    ['an age', { maxAge: 300 }, { acrValues: [], maxAge: 300 }],
    ['an age of 0', { maxAge: 0 }, { acrValues: [], maxAge: 0 }],
  ])('can be %s', (_name, value, expected) => {
    expect(compile(value)).toEqual(expected)
    expect(compile(value)).toSatisfy(Object.isFrozen)
  })

  it.each([
    ['no object', 'gold', 'route.authentication takes an object with acrValues, maxAge'],
    ['an unknown name', { acr: 'gold' }, 'route.authentication has no option "acr"'],
    ['nothing', {}, 'route.authentication requires nothing: set acrValues or maxAge'],
    ['inherited', Object.create({ maxAge: 1 }), 'route.authentication requires nothing'],
    ['an empty list', { acrValues: [] }, 'route.authentication.acrValues must not be empty'],
    ['an empty value', { acrValues: '' }, 'route.authentication.acrValues must be a value'],
    ['a value with a space', { acrValues: 'gold silver' }, 'acrValues must be a value'],
    ['a value with a quote', { acrValues: ['a"b'] }, 'acrValues must be a value'],
    ['a value with a backslash', { acrValues: 'a\\b' }, 'acrValues must be a value'],
    ['a value with a line end', { acrValues: 'a\n' }, 'acrValues must be a value'],
    ['a value beyond ASCII', { acrValues: 'é' }, 'acrValues must be a value'],
    ['a number as value', { acrValues: 1 }, 'acrValues must be a value'],
    ['a negative age', { maxAge: -1 }, 'route.authentication.maxAge must be a whole number'],
    ['a fraction', { maxAge: 1.5 }, 'maxAge must be a whole number of seconds, 0 or more'],
    ['text as age', { maxAge: '300' }, 'maxAge must be a whole number'],
    ['no limit as age', { maxAge: Number.POSITIVE_INFINITY }, 'maxAge must be a whole number'],
    ['NaN as age', { maxAge: Number.NaN }, 'maxAge must be a whole number'],
    ['null as age', { acrValues: 'a', maxAge: null }, 'maxAge must be a whole number'],
  ])('9470-3-g, 9470-acr-chars is refused at construction if it is %s', (_name, value, message) => {
    expect(() => compile(value)).toThrow(TypeError)
    expect(() => compile(value)).toThrow(message)
  })
})

describe('the claim acr', () => {
  const required = { acrValues: ['gold', 'silver'] }

  it.each(['gold', 'silver'])('suffices where it is %s', (acr) => {
    expect(problem({ acr }, required)).toBeUndefined()
  })

  it.each([
    'bronze',
    'Silver',
    'gold silver',
    ['gold'],
    'goldx',
    '',
    'gold ',
    1,
    null,
    undefined,
    { gold: true },
  ])('does not suffice if it is %j', (acr) => {
    expect(problem({ acr }, required)).toMatchObject({ name: 'acr', expected: 'gold silver' })
  })

  it('does not suffice if it is missing or inherited', () => {
    expect(problem({}, required)).toMatchObject({ name: 'acr', actual: 'undefined' })
    expect(problem(Object.create({ acr: 'gold' }), required)).toMatchObject({ name: 'acr' })
  })

  it('is not read if only an age is required', () => {
    expect(problem({ acr: 'bronze', auth_time: now }, { maxAge: 1 })).toBeUndefined()
  })
})

describe('the claim auth_time', () => {
  it.each([
    [now - 300, now],
    [now - 299, now],
    [now, now],
    [now - 300, now + 0.999],
    [now - 299.5, now],
    // As far in the future as iat may be.
    [now + 60, now],
  ])('suffices if it is %d at %d with an age of 300', (time, at) => {
    expect(problem({ auth_time: time }, { maxAge: 300 }, at)).toBeUndefined()
  })

  it.each([
    [now - 301, now],
    [now - 300.5, now],
    [now - 300, now + 1],
    [now + 61, now],
    [now + 3600, now],
    [0, now],
    [-1, now],
  ])('does not suffice if it is %d at %d with an age of 300', (time, at) => {
    expect(problem({ auth_time: time }, { maxAge: 300 }, at)).toMatchObject({ name: 'auth_time' })
  })

  it('suffices in the same second with an age of 0, and not one second later', () => {
    expect(problem({ auth_time: now }, { maxAge: 0 }, now + 0.5)).toBeUndefined()
    expect(problem({ auth_time: now - 1 }, { maxAge: 0 })).toMatchObject({ name: 'auth_time' })
  })

  it('may be as far in the future as the clock tolerance, if that is more', () => {
    expect(problem({ auth_time: now + 100 }, { maxAge: 0 }, now, 100)).toBeUndefined()
    expect(problem({ auth_time: now + 101 }, { maxAge: 0 }, now, 100)).toBeDefined()
  })

  it.each([undefined, null, String(now), true, [now], {}, Number.POSITIVE_INFINITY, Number.NaN])(
    'does not suffice if it is %s',
    (time) => {
      expect(problem({ auth_time: time }, { maxAge: 300 })).toMatchObject({ name: 'auth_time' })
    },
  )

  it('does not suffice if it is missing or inherited', () => {
    expect(problem({}, { maxAge: 300 })).toMatchObject({ name: 'auth_time' })
    const inherited = Object.create({ auth_time: now })
    expect(problem(inherited, { maxAge: 300 })).toMatchObject({ name: 'auth_time' })
  })

  it('is not read if only values are required', () => {
    expect(problem({ acr: 'a', auth_time: 'x' }, { acrValues: 'a' })).toBeUndefined()
  })
})

describe('several required authentications', () => {
  const combine = (...values: unknown[]) =>
    combineAuthentication(values.map((value) => ({ authentication: compile(value) })))

  it.each([
    ['nothing', [undefined], [], undefined],
    ['the smaller age', [{ maxAge: 60 }, { maxAge: 300 }], [], 60],
    ['an age of 0', [{ maxAge: 60 }, { maxAge: 0 }], [], 0],
    ['values and an age', [{ acrValues: 'a' }, undefined, { maxAge: 5 }], ['a'], 5],
    [
      'the values in common',
      [{ acrValues: ['a', 'b', 'c'] }, { acrValues: ['c', 'b'] }],
      ['b', 'c'],
    ],
    ['the last list without common values', [{ acrValues: 'a' }, { acrValues: 'b' }], ['b']],
  ])('are combined to %s', (_name, values, acrValues, maxAge = undefined) => {
    expect(combine(...values)).toEqual({ acrValues, maxAge })
  })
})

describe('a requirement of authentication', () => {
  const evaluate = createRequirementEvaluator({ now: () => now, clockTolerance: 5 })
  const stepUp: Requirement = { authentication: { acrValues: ['gold', 'silver'], maxAge: 300 } }
  const token = (claims: Record<string, unknown>, ...scopes: string[]) =>
    ({ issuer: 'https://as.test', scopes, claims }) as never as AccessToken
  const fresh = { acr: 'gold', auth_time: now }

  function refusal(granted: AccessToken, requirements: Requirement[], earlier: Requirement[] = []) {
    const compiled = (list: Requirement[]) => list.map((item) => compileRequirement(item, 'route'))
    try {
      const result = evaluate(granted, compiled(requirements), compiled(earlier))
      return result === undefined ? undefined : expect.fail('a promise was created')
    } catch (error) {
      return error
    }
  }

  it('accepts a token with one of the values and a recent authentication', () => {
    expect(refusal(token(fresh), [stepUp])).toBeUndefined()
  })

  it('names every requirement in the refusal, also those that the token meets', () => {
    for (const claims of [{}, { acr: 'gold' }, { auth_time: now }, { ...fresh, acr: 'x' }]) {
      const error = refusal(token(claims), [stepUp])
      expect(error).toBeInstanceOf(InsufficientAuthenticationError)
      expect(error).toMatchObject({ acrValues: ['gold', 'silver'], maxAge: 300, scopes: [] })
      expect(error).toMatchObject({ detail: { issuer: 'https://as.test' } })
    }
  })

  it('comes before scopes of any requirement, and the error names the scopes too', () => {
    const requirements = [{ scopes: 'a' }, { ...stepUp, scopes: 'b' }]
    const error = refusal(token({}), requirements, [{ scopes: 'z' }])
    expect(error).toBeInstanceOf(InsufficientAuthenticationError)
    expect(error).toMatchObject({ scopes: ['z', 'a', 'b'] })
    expect(refusal(token(fresh), requirements)).toBeInstanceOf(InsufficientScopeError)
    expect(refusal(token(fresh, 'a', 'b'), requirements)).toBeUndefined()
  })

  it('names the earlier requirements of the request too', () => {
    const error = refusal(token({}), [{ authentication: { acrValues: 'gold' } }], [stepUp])
    expect(error).toMatchObject({ acrValues: ['gold'], maxAge: 300 })
  })
})

it('the problem names the times between which auth_time must be, in whole seconds', () => {
  expect(problem({ auth_time: 1 }, { maxAge: 300 }, now + 0.7)).toEqual({
    name: 'auth_time',
    expected: `between ${now - 300} and ${now + 60}`,
    actual: printable(1),
  })
})
