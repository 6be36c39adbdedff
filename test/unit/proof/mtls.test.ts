import { createHash } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { validateCertificateBinding } from '../../../src/proof/mtls.ts'
import { failureOf } from '../../support/failure-of.ts'

const thumbprint = 'A4DtL2JmUMhAsvJj5tKyn64SqzmuXbMrJa0n761y5v0'
const other = 'B4DtL2JmUMhAsvJj5tKyn64SqzmuXbMrJa0n761y5v0'
const name = 'cnf.x5t#S256'
const bytes = Buffer.from(thumbprint, 'base64url')

const validate = (x5tS256: unknown, actual?: string) =>
  failureOf(() => validateCertificateBinding(x5tS256, actual))

describe('validateCertificateBinding', () => {
  it('8705-3-a accepts the certificate that the token is bound to', () => {
    expect(validate(thumbprint, thumbprint)).toBeUndefined()
  })

  it('8705-3-b refuses another certificate', () => {
    expect(validate(thumbprint, other)).toEqual({
      reason: 'binding_mismatch',
      name,
      expected: thumbprint,
      actual: other,
      hint: 'the request has another client certificate',
    })
  })

  it('8705-3-c refuses a request without a certificate', () => {
    expect(validate(thumbprint)).toEqual({
      reason: 'binding_mismatch',
      name,
      expected: thumbprint,
      hint: 'the request has no client certificate',
    })
  })

  it('8705-3-e refuses a token that is not bound', () => {
    expect(validate(undefined, thumbprint)).toEqual({
      reason: 'missing_claim',
      name,
      hint: 'the token is not bound to a client certificate',
    })
  })

  it.each<[string, unknown]>([
    ['with padding', `${thumbprint}=`],
    ['with white space', `${thumbprint} `],
    ['in base64', '+/DtL2JmUMhAsvJj5tKyn64SqzmuXbMrJa0n761y5v0'],
    ['with unused bits', thumbprint.replace(/0$/, '1')],
    ['in hex', bytes.toString('hex')],
    ['in hex with colons', bytes.toString('hex').toUpperCase().match(/../g)?.join(':')],
    ['of SHA-1', createHash('sha1').update('a').digest('base64url')],
    ['of SHA-512', createHash('sha512').update('a').digest('base64url')],
    ['that is empty', ''],
  ])('8705-3.1-a refuses a thumbprint %s, whatever the certificate', (_, value) => {
    const failure = { reason: 'invalid_claim', name, actual: value }
    expect(validate(value, thumbprint)).toMatchObject(failure)
    expect(validate(value, value as string)).toMatchObject(failure)
    expect(validate(value)).toMatchObject(failure)
  })

  it.each([1, null, true, [thumbprint], { 0: thumbprint }])(
    '8705-3.1-b refuses %j, which is not a string',
    (value) => {
      expect(validate(value, thumbprint)).toMatchObject({ reason: 'invalid_claim', name })
      expect(validate(value)).toMatchObject({ reason: 'invalid_claim', name })
    },
  )
})
