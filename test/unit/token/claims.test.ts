import { describe, expect, it } from 'vitest'
import type { InvalidTokenError } from '../../../src/errors.ts'
import {
  checkClaims,
  checkTime,
  checkType,
  type Profile,
  readTimes,
} from '../../../src/token/claims.ts'

const failing = (check: () => void) => {
  try {
    check()
  } catch (error) {
    const { reason, detail } = error as InvalidTokenError
    return { reason, ...detail }
  }
  return undefined
}

describe('typ', () => {
  const verdict = (typ: string | undefined, profile: Profile) =>
    failing(() => checkType({ alg: 'x', ...(typ !== undefined && { typ }) }, profile))

  it.each([
    ['at+jwt', true, true],
    ['application/at+jwt', true, true],
    [undefined, true, false],
    ['JWT', true, false],
    ['application/jwt', true, false],
    ['id+jwt', false, false],
    ['jwt+at', false, false],
    ['', false, false],
  ])('%j is an access token for the profile jwt: %j, for rfc9068: %j', (typ, jwt, rfc9068) => {
    expect(verdict(typ, 'jwt') === undefined).toBe(jwt)
    expect(verdict(typ, 'rfc9068') === undefined).toBe(rfc9068)
  })

  it('is told with what was expected, and the strict profile says how to relax', () => {
    expect(verdict('x', 'jwt')).toEqual({
      reason: 'wrong_type',
      name: 'typ',
      expected: 'JWT or at+jwt',
      actual: 'x',
    })
    expect(verdict(undefined, 'rfc9068')).toEqual({
      reason: 'wrong_type',
      name: 'typ',
      expected: 'at+jwt',
      actual: 'undefined',
      hint: "an issuer that sends typ JWT needs profile 'jwt'",
    })
  })
})

describe('times', () => {
  const now = 1_000_000
  const verdict = (claims: object, rules: { clockTolerance?: number; maxTokenAge?: number } = {}) =>
    failing(() =>
      checkTime(
        readTimes({ exp: now + 1, ...claims }),
        { clockTolerance: 0, maxTokenAge: undefined, ...rules },
        now,
      ),
    )

  it.each<[object, object, string | undefined]>([
    [{}, {}, undefined],
    [{ exp: undefined }, {}, 'missing_claim'],
    [{ exp: now }, {}, 'expired'],
    [{ exp: now + 0.0001 }, {}, undefined],
    [{ exp: now - 9 }, { clockTolerance: 10 }, undefined],
    [{ exp: now - 10 }, { clockTolerance: 10 }, 'expired'],
    [{ exp: Number.NaN }, {}, 'invalid_claim'],
    [{ exp: Number.POSITIVE_INFINITY }, {}, 'invalid_claim'],
    [{ exp: '9' }, {}, 'invalid_claim'],
    [{ nbf: now }, {}, undefined],
    [{ nbf: now + 0.0001 }, {}, 'not_yet_valid'],
    [{ nbf: now + 10 }, { clockTolerance: 10 }, undefined],
    [{ nbf: Number.NEGATIVE_INFINITY }, {}, 'invalid_claim'],
    [{ iat: now + 60 }, {}, undefined],
    [{ iat: now + 61 }, {}, 'issued_in_future'],
    [{ iat: now + 90 }, { clockTolerance: 90 }, undefined],
    [{ iat: now + 91 }, { clockTolerance: 90 }, 'issued_in_future'],
    [{ iat: null }, {}, 'invalid_claim'],
    [{ iat: 0 }, {}, undefined],
    [{ iat: now - 99 }, { maxTokenAge: 100 }, undefined],
    [{ iat: now - 100 }, { maxTokenAge: 100 }, 'too_old'],
    [{ iat: now - 109 }, { maxTokenAge: 100, clockTolerance: 10 }, undefined],
    [{ iat: now - 110 }, { maxTokenAge: 100, clockTolerance: 10 }, 'too_old'],
    [{}, { maxTokenAge: 100 }, 'missing_claim'],
  ])('%j under %j: %s', (claims, rules, reason) => {
    expect(verdict(claims, rules)?.reason).toBe(reason)
  })

  it('are told with the limit and the value', () => {
    const expired = {
      reason: 'expired',
      name: 'exp',
      expected: `later than ${now - 5}`,
      actual: '0',
    }
    expect(verdict({ exp: 0 }, { clockTolerance: 5 })).toEqual(expired)
    expect(verdict({ nbf: now + 9 }, { clockTolerance: 5 })).toMatchObject({
      name: 'nbf',
      expected: `not later than ${now + 5}`,
      actual: `${now + 9}`,
    })
    expect(verdict({ iat: 1 }, { maxTokenAge: 10 })).toEqual({
      reason: 'too_old',
      name: 'iat',
      expected: `later than ${now - 10}`,
      actual: '1',
    })
    expect(verdict({ iat: now + 61 })).toEqual({
      reason: 'issued_in_future',
      name: 'iat',
      expected: `not later than ${now + 60}`,
      actual: `${now + 61}`,
    })
    expect(verdict({}, { maxTokenAge: 10 })).toStrictEqual({ reason: 'missing_claim', name: 'iat' })
    expect(verdict({ iat: '2020-01-01' })).toMatchObject({
      name: 'iat',
      expected: 'a finite number of seconds',
      actual: '2020-01-01',
    })
  })

  it.each([Number.NaN, undefined])('never pass by a clock that shows %s', (broken) => {
    const rules = { clockTolerance: 5, maxTokenAge: undefined }
    expect(failing(() => checkTime(readTimes({ exp: 9e9 }), rules, broken as number))?.reason).toBe(
      'expired',
    )
  })

  it('that are inherited do not count', () => {
    expect(failing(() => readTimes(Object.create({ exp: 9e9 })))?.reason).toBe('missing_claim')
  })
})

describe('claims', () => {
  const full = { aud: 'a', sub: 's', client_id: 'c', iat: 1, jti: 'j' }
  const verdict = (claims: object, rules: object = {}) =>
    failing(() =>
      checkClaims(
        { ...claims },
        { issuer: 'i', audience: ['a', 'b'], profile: 'rfc9068', ...rules },
      ),
    )

  it.each<[object, object, string | undefined]>([
    [full, {}, undefined],
    [{ ...full, aud: ['x', 'b'] }, {}, undefined],
    [{ ...full, aud: 'c' }, {}, 'wrong_audience'],
    [{ ...full, aud: [] }, {}, 'wrong_audience'],
    [{ ...full, aud: undefined }, {}, 'missing_claim'],
    [{ ...full, aud: undefined }, { audience: false }, 'missing_claim'],
    [{ aud: undefined }, { audience: false, profile: 'jwt' }, undefined],
    [{ aud: undefined }, { profile: 'jwt' }, 'missing_claim'],
    [{ aud: [1] }, { audience: false, profile: 'jwt' }, 'invalid_claim'],
    [{ ...full, sub: undefined }, {}, 'missing_claim'],
    [{ ...full, iat: undefined }, {}, 'missing_claim'],
    [{ aud: 'a' }, { profile: 'jwt' }, undefined],
    [{ aud: 'a', sub: '' }, { profile: 'jwt' }, 'invalid_claim'],
    [{ aud: 'a', jti: 1 }, { profile: 'jwt' }, 'invalid_claim'],
    [{ ...full, cnf: {} }, {}, 'unsupported_binding'],
    [{ ...full, cnf: null }, { profile: 'jwt' }, 'unsupported_binding'],
  ])('%j under %j: %s', (claims, rules, reason) => {
    expect(verdict(claims, rules)?.reason).toBe(reason)
  })

  it('are told with what was expected, and the commonest mistakes with a hint', () => {
    expect(verdict({ ...full, aud: ['a/', 'x'] })).toEqual({
      reason: 'wrong_audience',
      name: 'aud',
      expected: 'a b',
      actual: 'a/ x',
      hint: expect.stringMatching(/slash at the end/),
    })
    expect(verdict({ ...full, aud: 'x' })).not.toHaveProperty('hint')
    expect(verdict({ ...full, jti: undefined })).toEqual({
      reason: 'missing_claim',
      name: 'jti',
      hint: "an issuer that does not follow RFC 9068 needs profile 'jwt'",
    })
    expect(verdict({ ...full, aud: undefined })).toStrictEqual({
      reason: 'missing_claim',
      name: 'aud',
    })
    expect(verdict({ ...full, sub: 5 })).toEqual({
      reason: 'invalid_claim',
      name: 'sub',
      expected: 'a string that is not empty',
      actual: '5',
    })
    expect(verdict({ ...full, aud: [5] })).toEqual({
      reason: 'invalid_claim',
      name: 'aud',
      expected: 'a string or an array of strings',
      actual: 'number',
    })
    expect(verdict({ ...full, cnf: {} })).toEqual({
      reason: 'unsupported_binding',
      name: 'cnf',
      hint: 'DPoP-bound and certificate-bound tokens are not supported',
    })
  })

  it('are held against few audiences for a hint, for a token may name thousands', () => {
    const others = (count: number) => Array.from({ length: count }, (_, index) => `x${index}`)
    expect(verdict({ ...full, aud: [...others(4), 'a/'] })).toHaveProperty('hint')
    expect(verdict({ ...full, aud: [...others(5), 'a/'] })).not.toHaveProperty('hint')
    const many = { audience: [...others(5), 'a'] }
    expect(verdict({ ...full, aud: 'a/' }, many)).not.toHaveProperty('hint')
    expect(verdict({ ...full, aud: 'a/' }, { audience: [...others(4), 'a'] })).toHaveProperty(
      'hint',
    )
  })
})
