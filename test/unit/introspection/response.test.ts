import { describe, expect, it } from 'vitest'
import {
  readIntrospectionResponse,
  validateIntrospectedClaims,
} from '../../../src/introspection/response.ts'
import { ISS } from '../../support/fixture.ts'

describe('readIntrospectionResponse', () => {
  it('reads that a token is inactive, and nothing else then', () => {
    expect(readIntrospectionResponse({ active: false, sub: 'user-1' })).toEqual({ active: false })
  })

  it('leaves out members that are null, except cnf', () => {
    expect(readIntrospectionResponse({ active: true, sub: null, cnf: null, x: 0 })).toEqual({
      active: true,
      claims: { active: true, cnf: null, x: 0 },
    })
  })
})

describe('validateIntrospectedClaims', () => {
  const errorOf = (claims: Record<string, unknown>) => {
    try {
      validateIntrospectedClaims(claims, ISS)
    } catch (error) {
      return error
    }
    return undefined
  }

  it.each([
    ['iss', '', ''],
    ['sub', '', ''],
    ['client_id', 7, '7'],
    ['jti', ['a'], 'a'],
    ['token_type', {}, 'object'],
  ])('refuses the member %s with the value %j', (name, value, actual) => {
    expect(errorOf({ [name]: value })).toMatchObject({
      reason: 'invalid_claim',
      detail: { name, expected: 'a string that is not empty', actual },
    })
  })

  it('refuses another issuer, and names both', () => {
    expect(errorOf({ iss: ISS })).toBeUndefined()
    expect(errorOf({ iss: `${ISS}/` })).toMatchObject({
      reason: 'wrong_issuer',
      detail: {
        name: 'iss',
        expected: ISS,
        actual: `${ISS}/`,
        hint: 'the introspection endpoint answers for a token of another issuer',
      },
    })
  })

  it.each([undefined, null, 'jkt', {}, { 'x5t#S256': 'x' }])(
    'refuses the type DPoP with cnf %j',
    (cnf) => {
      expect(errorOf({ token_type: 'DPoP', cnf })).toMatchObject({
        reason: 'missing_claim',
        detail: {
          name: 'cnf.jkt',
          hint: 'the token is of type DPoP, but the response does not say to which key it is bound',
        },
      })
    },
  )
})
