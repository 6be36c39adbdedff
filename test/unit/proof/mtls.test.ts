import { describe, expect, it } from 'vitest'
import { validateCertificateBinding } from '../../../src/proof/mtls.ts'
import { failureOf } from '../../support/failure-of.ts'

const thumbprint = 'A4DtL2JmUMhAsvJj5tKyn64SqzmuXbMrJa0n761y5v0'
const other = 'B4DtL2JmUMhAsvJj5tKyn64SqzmuXbMrJa0n761y5v0'
const name = 'cnf.x5t#S256'

const validate = (x5tS256: string, actual?: string) =>
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

  it('8705-3-b refuses a thumbprint of another length', () => {
    for (const x5tS256 of [`${thumbprint}=`, '']) {
      expect(validate(x5tS256, thumbprint)).toMatchObject({ reason: 'binding_mismatch' })
    }
  })

  it('8705-3-c refuses a request without a certificate', () => {
    expect(validate(thumbprint)).toEqual({
      reason: 'binding_mismatch',
      name,
      expected: thumbprint,
      hint: 'the request has no client certificate',
    })
  })
})
