import { describe, expect, it } from 'vitest'
import { validateClaims } from '../../../src/token/claims.ts'
import { failureOf } from '../../support/failure-of.ts'

describe('claims', () => {
  const full = { aud: 'a', sub: 's', client_id: 'c', iat: 1, jti: 'j' }
  const failureFor = (claims: object, rules: object = {}) =>
    failureOf(() =>
      validateClaims({ ...claims }, { audience: ['a', 'b'], profile: 'rfc9068', ...rules }),
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
  ])('%j under %j: %s', (claims, rules, reason) => {
    expect(failureFor(claims, rules)?.reason).toBe(reason)
  })

  it('are reported with the expected value, and common mistakes with a hint', () => {
    expect(failureFor({ ...full, aud: ['a/', 'x'] })).toEqual({
      reason: 'wrong_audience',
      name: 'aud',
      expected: 'a b',
      actual: 'a/ x',
      hint: expect.stringMatching(/slash at the end/),
    })
    expect(failureFor({ ...full, aud: 'x' })).not.toHaveProperty('hint')
    expect(failureFor({ ...full, jti: undefined })).toEqual({
      reason: 'missing_claim',
      name: 'jti',
      hint: "an issuer that does not follow RFC 9068 needs profile 'jwt'",
    })
    expect(failureFor({ ...full, aud: undefined })).toStrictEqual({
      reason: 'missing_claim',
      name: 'aud',
    })
    expect(failureFor({ ...full, sub: 5 })).toEqual({
      reason: 'invalid_claim',
      name: 'sub',
      expected: 'a string that is not empty',
      actual: '5',
      hint: 'sub is a number: the issuer must send a string',
    })
    for (const sub of ['', true, {}]) {
      expect(failureFor({ ...full, sub })).not.toHaveProperty('hint')
    }
    expect(failureFor({ ...full, aud: [5] })).toStrictEqual({
      reason: 'invalid_claim',
      name: 'aud',
      expected: 'a string or an array of strings',
      actual: 'number',
    })
  })

  it('are compared with few audiences for a hint, because a token may have thousands', () => {
    const others = (count: number) => Array.from({ length: count }, (_, index) => `x${index}`)
    expect(failureFor({ ...full, aud: [...others(4), 'a/'] })).toHaveProperty('hint')
    expect(failureFor({ ...full, aud: [...others(5), 'a/'] })).not.toHaveProperty('hint')
    const many = { audience: [...others(5), 'a'] }
    expect(failureFor({ ...full, aud: 'a/' }, many)).not.toHaveProperty('hint')
    expect(failureFor({ ...full, aud: 'a/' }, { audience: [...others(4), 'a'] })).toHaveProperty(
      'hint',
    )
  })
})
