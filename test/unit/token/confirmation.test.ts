import { describe, expect, it } from 'vitest'
import { readConfirmation } from '../../../src/token/confirmation.ts'
import { jkt1 } from '../../support/dpop.ts'
import { failureOf } from '../../support/failure-of.ts'

const malformed = (name: string, expected: string, actual: string) => ({
  reason: 'invalid_claim',
  name,
  expected,
  actual,
})

const reasonOf = (cnf: unknown) => {
  try {
    readConfirmation({ cnf })
  } catch (error) {
    return (error as { reason: string }).reason
  }
  return expect.fail('cnf was accepted')
}

describe('the claim cnf', () => {
  it('is absent in a bearer token', () => {
    expect(readConfirmation({})).toBeUndefined()
    expect(readConfirmation(Object.create({ cnf: { jkt: jkt1 } }))).toBeUndefined()
  })

  it('has the thumbprints of the methods that are known', () => {
    expect(readConfirmation({ cnf: { jkt: jkt1 } })).toEqual({ jkt: jkt1, x5tS256: undefined })
    expect(readConfirmation({ cnf: { 'x5t#S256': jkt1, kid: 'x' } })).toEqual({
      jkt: undefined,
      x5tS256: jkt1,
    })
    expect(readConfirmation({ cnf: { jkt: jkt1, 'x5t#S256': jkt1 } })).toEqual({
      jkt: jkt1,
      x5tS256: jkt1,
    })
  })

  it.each([null, 1, '', 'x', true, [], [{ jkt: jkt1 }]])('9449-6-c must not be %j', (cnf) => {
    expect(reasonOf(cnf)).toBe('invalid_claim')
  })

  const hex = Buffer.from(jkt1, 'base64url').toString('hex')
  it.each([
    1,
    null,
    '',
    [jkt1],
    {},
    `${jkt1}=`,
    hex,
    jkt1.slice(0, 42),
    `+${jkt1.slice(1)}`,
    `${jkt1.slice(0, 42)}B`,
  ])('9449-6-c must not contain the thumbprint %j', (thumbprint) => {
    expect(reasonOf({ jkt: thumbprint })).toBe('invalid_claim')
    expect(reasonOf({ 'x5t#S256': thumbprint })).toBe('invalid_claim')
    expect(reasonOf({ jkt: jkt1, 'x5t#S256': thumbprint })).toBe('invalid_claim')
  })

  it('is reported with the expected value if it is not valid', () => {
    expect(failureOf(() => readConfirmation({ cnf: 'x' }))).toStrictEqual(
      malformed('cnf', 'an object', 'x'),
    )
    for (const name of ['jkt', 'x5t#S256']) {
      expect(failureOf(() => readConfirmation({ cnf: { [name]: 'x' } }))).toStrictEqual(
        malformed(`cnf.${name}`, 'a SHA-256 thumbprint: 43 characters of base64url', 'x'),
      )
    }
    expect(failureOf(() => readConfirmation({ cnf: { kid: 'x', jwk: {} } }))).toStrictEqual({
      reason: 'unsupported_binding',
      name: 'cnf',
      expected: 'jkt or x5t#S256',
      actual: 'kid jwk',
    })
  })

  it('must contain a method that is known', () => {
    expect(reasonOf({})).toBe('unsupported_binding')
    expect(reasonOf({ kid: 'x', jwk: {} })).toBe('unsupported_binding')
    expect(reasonOf(JSON.parse(`{"__proto__":{"jkt":"${jkt1}"}}`))).toBe('unsupported_binding')
  })
})
