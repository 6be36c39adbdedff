import { describe, expect, it } from 'vitest'
import {
  calculateCertificateThumbprint,
  decodePemOrBase64,
  readCertificateHeader,
} from '../../../src/credentials/certificate-header.ts'
import { makeCertificate } from '../../support/certificate.ts'
import vectors from '../../vectors/rfc-examples/rfc-examples.json' with { type: 'json' }

const client = await makeCertificate({ commonName: 'client' })
const victim = await makeCertificate({ commonName: 'victim' })
const { thumbprint, cert, der } = client
const base64 = der.toString('base64')
const hex = Buffer.from(thumbprint, 'base64url').toString('hex')
const victimHex = Buffer.from(victim.thumbprint, 'base64url').toString('hex')
const escaped = encodeURIComponent(cert)

describe('a thumbprint', () => {
  it('8705-3.1-a is the one of RFC 8705, appendix A', () => {
    const { pem, 'x5t#S256': expected } = vectors.mtls
    expect(readCertificateHeader(pem, 'escaped-pem')).toBe(expected)
    expect(calculateCertificateThumbprint(decodePemOrBase64(pem))).toBe(expected)
  })

  it.each([
    ['no bytes', []],
    ['text', [...Buffer.from('certificate')]],
    ['a truncated certificate', [...der.subarray(0, -1)]],
    ['a certificate with a byte more', [...der, 0]],
    ['a SET', [0x31, 1, 0]],
    ['fewer bytes than its length of one byte', [0x30, 5, 0]],
    ['fewer bytes than its length of two bytes', [0x30, 0x81, 200, 0]],
    ['an indefinite length', [0x30, 0x80, 0, 0]],
    ['an indefinite length and 128 bytes', [0x30, 0x80, ...Array(128).fill(0)]],
    ['a length of three bytes', [0x30, 0x83, 0, 0, 1, 0]],
  ])('is not that of %s', (_, bytes) => {
    expect(calculateCertificateThumbprint(Uint8Array.from(bytes))).toBeUndefined()
  })

  it.each([
    ['short', Buffer.from([0x30, 1, 0])],
    ['of 200 bytes', Buffer.concat([Buffer.from([0x30, 0x81, 200]), Buffer.alloc(200)])],
  ])('is that of a DER sequence that is %s', (_, bytes) => {
    expect(calculateCertificateThumbprint(bytes)).toHaveLength(43)
  })
})

describe('8705-6.5-b the format rfc9440', () => {
  it('is DER in base64 between colons', () => {
    expect(readCertificateHeader(`:${base64}:`, 'rfc9440')).toBe(thumbprint)
  })

  it.each([
    '',
    ':',
    '::',
    base64,
    `:${base64}`,
    `${base64}:`,
    `:${base64}"`,
    `"${base64}:`,
    `: ${base64}:`,
    `:${base64}:;a=1`,
    `:${base64}:, :${base64}:`,
    `:${base64.replaceAll('=', '')}`,
    `:${base64.slice(0, 40)}:`,
    `:${der.toString('base64url')}==:`,
    `"${base64}"`,
    cert,
  ])('is not %j', (value) => {
    expect(readCertificateHeader(value, 'rfc9440')).toBeUndefined()
  })
})

describe('8705-6.5-b the format escaped-pem', () => {
  it.each([
    ['percent-encoded', escaped],
    ['percent-encoded except + = /, as by AWS', encodeURI(cert)],
    ['with spaces for line breaks', cert.replaceAll('\n', ' ')],
    ['with CRLF and tabs, as $ssl_client_cert of nginx', cert.replaceAll('\n', '\r\n\t')],
    ['without its first and last line, as Traefik does it', base64],
    ['the same percent-encoded', encodeURIComponent(base64)],
  ])('is PEM %s', (_, value) => {
    expect(readCertificateHeader(value, 'escaped-pem')).toBe(thumbprint)
  })

  it.each([
    ['nothing', ''],
    ['a broken escape', `${escaped}%`],
    ['an escape that is not UTF-8', `%ff${escaped}`],
    ['two certificates', cert + cert],
    ['two certificates, separated by a comma', `${base64},${base64}`],
    ['a first line alone', `-----BEGIN CERTIFICATE-----${base64}`],
    ['a last line alone', `${base64}-----END CERTIFICATE-----`],
    ['another last line', `-----BEGIN CERTIFICATE-----${base64}-----END CERTIFICATES----`],
    ['a first line that is the last one', '-----BEGIN CERTIFICATE-----'],
    ['a key', client.key],
    ['an escaped twice PEM', encodeURIComponent(escaped)],
    ['(null)', '(null)'],
  ])('is not %s', (_, value) => {
    expect(readCertificateHeader(value, 'escaped-pem')).toBeUndefined()
  })
})

describe('8705-6.5-b the format xfcc', () => {
  const by = 'By=http://frontend.example.com'
  const subject = 'Subject="/C=US/O=Example, Inc./CN=\\"Client\\""'

  it.each([
    ['Hash alone', `Hash=${hex}`],
    ['Hash among others', `${by};Hash=${hex};${subject};URI=spiffe://a/b;DNS=a.test;DNS=b.test`],
    ['names in another case', `by=x;HASH=${hex.toUpperCase()}`],
    ['Hash in quotes', `Hash="${hex}"`],
    ['Cert alone', `Cert="${escaped}"`],
    ['both', `${by};Hash=${hex};Cert="${escaped}";Chain="${escaped}"`],
  ])('is an element with %s', (_, value) => {
    expect(readCertificateHeader(value, 'xfcc')).toBe(thumbprint)
  })

  it.each([
    ['without Hash and Cert', `${by};${subject}`],
    ['with Chain alone', `Chain="${escaped}"`],
    ['with a Hash that is not a SHA-256', `Hash=${hex.slice(2)}`],
    ['with a longer Hash', `Hash=${hex}00`],
    ['with a Hash in base64url', `Hash=${thumbprint}`],
    ['with a Cert that is none', 'Cert="certificate"'],
    ['with a Cert that is empty', `Hash=${hex};Cert=""`],
    ['with a Hash that is not the one of its Cert', `Hash=${victimHex};Cert="${escaped}"`],
    ['with a Hash that is malformed beside a Cert', `Hash=x;Cert="${escaped}"`],
    ['with a Cert that is malformed beside a Hash', `Hash=${hex};Cert="x"`],
    ['twice', `Hash=${hex},Hash=${hex}`],
    ['with a Cert twice', `Cert="${escaped}";Cert="${escaped}"`],
    ['with white space before it', `By=a; Hash=${hex}`],
  ])('is not an element %s', (_, value) => {
    expect(readCertificateHeader(value, 'xfcc')).toBeUndefined()
  })

  it.each([
    [
      'another element, by a name in the certificate',
      `${by};Hash=${hex};URI=http://x,Hash=${victimHex}`,
    ],
    [
      'another Hash, by a name in the certificate',
      `${by};Hash=${hex};URI=http://x;hash=${victimHex}`,
    ],
    [
      'an element that swallows the next one',
      `Hash=${victimHex};X=",${by};Hash=${hex};URI=http://x"`,
    ],
    ['an element before that of the proxy', `Hash=${victimHex},${by};Hash=${hex};URI=http://x`],
    ['a subject with a Hash', `Hash=${hex};Subject="CN=;Hash=${victimHex}"`],
    ['a Cert of another client', `Cert="${encodeURIComponent(victim.cert)}",${by};Hash=${hex}`],
    ['a Hash in front of a Cert', `Hash=${victimHex},Cert="${escaped}"`],
  ])('does not let a client write %s', (_, value) => {
    expect(readCertificateHeader(value, 'xfcc')).toBeUndefined()
  })
})

it('reads a field of 16,384 characters, and no longer one', () => {
  expect(readCertificateHeader(cert.padEnd(16_384), 'escaped-pem')).toBe(thumbprint)
  expect(readCertificateHeader(cert.padEnd(16_385), 'escaped-pem')).toBeUndefined()
})

it.each(['rfc9440', 'escaped-pem', 'xfcc'] as const)(
  'ignores more than 16,384 characters in the format %s, at once',
  (format) => {
    for (const text of ['A', ';', '%41', 'hash=', '"', ' ']) {
      const start = performance.now()
      expect(readCertificateHeader(text.repeat(16_385 / text.length + 1), format)).toBeUndefined()
      expect(readCertificateHeader(text.repeat(16_384 / text.length), format)).toBeUndefined()
      expect(performance.now() - start).toBeLessThan(100)
    }
  },
)
