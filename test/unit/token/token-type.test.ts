import { describe, expect, it } from 'vitest'
import type { Profile } from '../../../src/options/types.ts'
import { validateType } from '../../../src/token/token-type.ts'
import { failureOf } from '../../support/failure-of.ts'

describe('typ', () => {
  it('is ignored if it is inherited', () => {
    const header = Object.create({ typ: 'at+jwt' })
    expect(failureOf(() => validateType(header, 'rfc9068'))).toMatchObject({ reason: 'wrong_type' })
  })

  const failureFor = (typ: string | undefined, profile: Profile) =>
    failureOf(() => validateType({ alg: 'x', ...(typ !== undefined && { typ }) }, profile))

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
    expect(failureFor(typ, 'jwt') === undefined).toBe(jwt)
    expect(failureFor(typ, 'rfc9068') === undefined).toBe(rfc9068)
  })

  it('is reported with the expected value, and in the profile rfc9068 with a hint', () => {
    expect(failureFor('x', 'jwt')).toEqual({
      reason: 'wrong_type',
      name: 'typ',
      expected: 'JWT or at+jwt',
      actual: 'x',
    })
    expect(failureFor(undefined, 'rfc9068')).toEqual({
      reason: 'wrong_type',
      name: 'typ',
      expected: 'at+jwt',
      actual: 'undefined',
      hint: "an issuer that sends typ JWT needs profile 'jwt'",
    })
  })
})
