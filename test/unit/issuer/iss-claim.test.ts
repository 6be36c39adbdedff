import { describe, expect, it } from 'vitest'
import { createUntrustedIssuerError, readIss } from '../../../src/issuer/iss-claim.ts'
import { failureOf } from '../../support/failure-of.ts'

describe('readIss', () => {
  it('returns a string that is not empty, unchanged', () => {
    expect(readIss('https://as.test/ ')).toBe('https://as.test/ ')
  })

  it('refuses a token without the claim', () => {
    expect(failureOf(() => readIss(undefined))).toEqual({ reason: 'missing_claim', name: 'iss' })
  })

  it.each([
    ['', ''],
    [null, 'null'],
    [5, '5'],
    [['https://as.test'], 'https://as.test'],
  ])('refuses the claim %j, and shows it', (iss, actual) => {
    expect(failureOf(() => readIss(iss))).toEqual({
      reason: 'invalid_claim',
      name: 'iss',
      expected: 'a string that is not empty',
      actual,
    })
  })
})

describe('createUntrustedIssuerError', () => {
  const names = ['https://a.test', 'https://b.test']

  it('shows the trusted issuers and the claim, in printable characters', () => {
    expect(createUntrustedIssuerError('https://c.test\n', names)).toMatchObject({
      reason: 'wrong_issuer',
      detail: { name: 'iss', expected: 'https://a.test https://b.test', actual: 'https://c.test?' },
    })
    expect(createUntrustedIssuerError('https://c.test', names).detail).not.toHaveProperty('hint')
  })

  it('has a hint if the claim and any trusted issuer differ only by a slash', () => {
    const { detail } = createUntrustedIssuerError('https://b.test/', names)
    expect(detail.hint).toMatch(/differ only by the slash at the end/)
  })

  it('has the hint of the caller instead, if there is one', () => {
    expect(createUntrustedIssuerError('https://b.test/', names, 'another').detail.hint).toBe(
      'another',
    )
  })
})
