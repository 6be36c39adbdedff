import { describe, expect, it } from 'vitest'
import { resolveMtls } from '../../../src/options/mtls.ts'

const trusted = () => true
const header = { header: 'Client-Cert', format: 'rfc9440', trusted } as const

describe('mtls', () => {
  it.each([undefined, false])('is disabled by %s', (value) => {
    expect(resolveMtls(value)).toBeUndefined()
  })

  it.each([true, {}, { required: undefined, certificate: undefined }])(
    'has defaults: %o',
    (value) => {
      expect(resolveMtls(value)).toEqual({ required: false, certificate: 'tls' })
    },
  )

  it('takes the three sources of a certificate', () => {
    const read = () => undefined
    expect(resolveMtls({ required: true, certificate: 'tls' })?.required).toBe(true)
    expect(resolveMtls({ certificate: read })?.certificate).toBe(read)
    for (const format of ['rfc9440', 'escaped-pem', 'xfcc']) {
      const certificate = resolveMtls({ certificate: { ...header, format } })?.certificate
      expect(certificate).toEqual({ header: 'client-cert', format, trusted })
    }
  })

  it('does not change when the application changes its object', () => {
    const own = { ...header, trusted: () => false }
    const resolved = resolveMtls({ certificate: own })
    own.trusted = trusted
    expect(resolved?.certificate).not.toHaveProperty('trusted', trusted)
  })

  it.each<[unknown, string]>([
    ['yes', 'mtls takes an object with required, certificate'],
    [null, 'mtls takes an object with required, certificate'],
    [[], 'mtls takes an object with required, certificate'],
    [{ require: true }, 'mtls has no option "require"; its options are required, certificate'],
    [{ required: 1 }, 'mtls.required must be true or false'],
    [
      { certificate: 'header' },
      "mtls.certificate must be 'tls', an object with header, format and trusted, or a function",
    ],
    [{ certificate: null }, 'mtls.certificate takes an object with header, format, trusted'],
    [
      { certificate: { ...header, trust: true } },
      'mtls.certificate has no option "trust"; its options are header, format, trusted',
    ],
    [
      { certificate: { ...header, header: '' } },
      'mtls.certificate.header must be the name of a header field',
    ],
    [
      { certificate: { ...header, header: 'a:b' } },
      'mtls.certificate.header must be the name of a header field',
    ],
    [
      { certificate: { ...header, header: ['a'] } },
      'mtls.certificate.header must be the name of a header field',
    ],
    [
      { certificate: { ...header, format: 'pem' } },
      'mtls.certificate.format must be one of rfc9440, escaped-pem, xfcc',
    ],
    [
      { certificate: { ...header, format: undefined } },
      'mtls.certificate.format must be one of rfc9440, escaped-pem, xfcc',
    ],
    [
      { certificate: { ...header, trusted: true } },
      'mtls.certificate.trusted must be a function that returns true for requests from the proxy',
    ],
    [
      { certificate: { header: 'a', format: 'xfcc' } },
      'mtls.certificate.trusted must be a function that returns true for requests from the proxy',
    ],
    [
      { certificate: Object.assign(Object.create({ trusted }), { header: 'a', format: 'xfcc' }) },
      'mtls.certificate.trusted must be a function that returns true for requests from the proxy',
    ],
  ])('throws for %o', (value, message) => {
    expect(() => resolveMtls(value)).toThrow(new TypeError(message))
  })
})
