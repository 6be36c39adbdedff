import type { HttpRequest } from 'oauth-resource-server'
import { describe, expect, it, vi } from 'vitest'
import {
  createGetCertificateThumbprint,
  hintForMissingCertificate,
} from '../../../src/credentials/client-certificate.ts'
import type { CertificateHeader } from '../../../src/options/mtls.ts'
import { makeCertificate } from '../../support/certificate.ts'
import { processFailures } from '../../support/process-failures.ts'

const { cert, der, thumbprint } = await makeCertificate({ commonName: 'client' })
const value = `:${der.toString('base64')}:`
const none = { headers: {} }

function failureOf(run: () => unknown): Error {
  try {
    run()
  } catch (error) {
    return error as Error
  }
  return expect.fail('nothing was thrown')
}

describe('a certificate from the TLS connection', () => {
  const getThumbprint = createGetCertificateThumbprint('tls')
  const connection = (raw: unknown = der) => ({ getPeerCertificate: vi.fn(() => ({ raw })) })

  it('is read once for each connection', () => {
    const socket = connection()
    for (let count = 0; count < 3; count++) {
      expect(getThumbprint({ ...none, socket })).toBe(thumbprint)
    }
    expect(socket.getPeerCertificate.mock.calls).toEqual([[true]])
  })

  it('is that of the HTTP/2 session, not of the object for one stream', () => {
    const socket = connection()
    const request = { ...none, socket: connection('other'), stream: { session: { socket } } }
    expect(getThumbprint(request as HttpRequest)).toBe(thumbprint)
  })

  it('is that of the socket if the HTTP/2 stream has no session', () => {
    const request = { ...none, socket: connection(), stream: { session: undefined } }
    expect(getThumbprint(request as HttpRequest)).toBe(thumbprint)
  })

  it('counts although the chain is not authorized', () => {
    expect(getThumbprint({ ...none, socket: { ...connection(), authorized: false } })).toBe(
      thumbprint,
    )
  })

  it('is looked for again where there was none', () => {
    const socket = { getPeerCertificate: vi.fn(() => ({})) }
    expect(getThumbprint({ ...none, socket })).toBeUndefined()
    socket.getPeerCertificate.mockReturnValueOnce({ raw: der })
    expect(getThumbprint({ ...none, socket })).toBe(thumbprint)
  })

  it.each<[string, unknown]>([
    ['no socket', undefined],
    ['null', null],
    ['text', 'socket'],
    ['a socket without TLS', {}],
    ['a method that is none', { getPeerCertificate: true }],
    ['an empty object, as Node returns it', { getPeerCertificate: () => ({}) }],
    ['null, as Node returns it after the end', { getPeerCertificate: () => null }],
    ['undefined', { getPeerCertificate: () => undefined }],
    ['text as certificate', connection('x')],
    ['bytes that are not a certificate', connection(Buffer.from('x'))],
  ])('is absent with %s', (_, socket) => {
    expect(getThumbprint({ ...none, socket })).toBeUndefined()
  })

  it('is absent where the connection throws', () => {
    const socket = {
      getPeerCertificate() {
        throw new Error('ERR_HTTP2_SOCKET_UNBOUND')
      },
    }
    expect(getThumbprint({ ...none, socket })).toBeUndefined()
  })

  it('8705-6.5-a is not read from a header field', () => {
    for (const name of ['client-cert', 'x-client-cert', 'x-ssl-cert', 'x-forwarded-client-cert']) {
      expect(getThumbprint({ headers: { [name]: value }, socket: {} })).toBeUndefined()
    }
  })
})

describe('a certificate from a header field', () => {
  const source = (changes: Partial<CertificateHeader> = {}) =>
    createGetCertificateThumbprint({
      header: 'client-cert',
      format: 'rfc9440',
      trusted: () => true,
      ...changes,
    })
  const getThumbprint = source()

  it.each<[string, HttpRequest]>([
    ['headers', { headers: { 'client-cert': value } }],
    ['headers in another case', { headers: { 'Client-Cert': value } }],
    ['a list of one', { headers: { 'client-cert': [value] } }],
    ['Headers', { headers: new Headers({ 'Client-Cert': value }) }],
    ['raw headers', { headers: { 'client-cert': value }, rawHeaders: ['CLIENT-CERT', value] }],
    [
      'distinct headers',
      { headers: { 'client-cert': value }, headersDistinct: { 'client-cert': [value] } },
    ],
    ['outer white space', { headers: { 'client-cert': ` ${value}\t` } }],
  ])('is read from %s', (_, request) => {
    expect(getThumbprint(request)).toBe(thumbprint)
  })

  it.each<[string, HttpRequest]>([
    ['no headers', { headers: undefined }],
    ['null', { headers: null }],
    ['another field', { headers: { 'x-client-cert': value } }],
    ['an inherited field', { headers: Object.create({ 'client-cert': value }) }],
    ['an empty field', { headers: { 'client-cert': '' } }],
    ['garbage', { headers: { 'client-cert': '\0' } }],
    ['a number', { headers: { 'client-cert': 5 as unknown as string } }],
    ['no field in Headers', { headers: new Headers() }],
    ['a field that was removed', { headers: {}, rawHeaders: ['Client-Cert', value] }],
  ])('is absent with %s', (_, request) => {
    expect(getThumbprint(request)).toBeUndefined()
  })

  it.each<[string, HttpRequest]>([
    ['a list', { headers: { 'client-cert': [value, value] } }],
    ['two names', { headers: { 'client-cert': value, 'Client-Cert': value } }],
    [
      'Headers',
      {
        headers: new Headers([
          ['client-cert', value],
          ['client-cert', value],
        ]),
      },
    ],
    ['headers that are joined', { headers: { 'client-cert': `${value}, ${value}` } }],
    [
      'raw headers',
      {
        headers: { 'client-cert': value },
        rawHeaders: ['Client-Cert', value, 'client-cert', value],
      },
    ],
    [
      'distinct headers',
      { headers: { 'client-cert': value }, headersDistinct: { 'client-cert': [value, value] } },
    ],
  ])('8705-6.5-b is absent where the field occurs twice: %s', (_, request) => {
    expect(getThumbprint(request)).toBeUndefined()
  })

  it('8705-6.5-a is ignored unless trusted returns true, with the request', () => {
    const request = { headers: { 'client-cert': value }, socket: { remoteAddress: '127.0.0.1' } }
    const trusted = vi.fn(() => true)
    expect(source({ trusted })(request)).toBe(thumbprint)
    expect(trusted.mock.calls).toEqual([[request]])
    for (const result of [false, undefined, null, 1, 'true', {}, Promise.resolve(true)]) {
      expect(source({ trusted: () => result as boolean })(request)).toBeUndefined()
    }
  })

  it('is ignored where trusted rejects, which does not end the process', async () => {
    const trusted = () => Promise.reject(new Error('x')) as unknown as boolean
    const failures = await processFailures(async () => {
      expect(source({ trusted })({ headers: { 'client-cert': value } })).toBeUndefined()
    })
    expect(failures).toEqual([])
  })

  it.each([new Error('x'), undefined, 'x'])(
    'passes on what trusted throws as a cause: %s',
    (cause) => {
      const trusted = () => {
        throw cause
      }
      const error = failureOf(() => source({ trusted })({ headers: {} }))
      expect(error).toEqual(new Error('The callback mtls.certificate.trusted failed'))
      expect(error.cause).toBe(cause)
    },
  )

  it('is absent in a fetch request without the field', () => {
    expect(getThumbprint(new Request('https://rs.test'))).toBeUndefined()
  })
})

describe('a certificate from a function', () => {
  it.each<[string, unknown]>([
    ['DER', der],
    ['DER in a Uint8Array', Uint8Array.from(der)],
    ['PEM', cert],
  ])('is %s', (_, certificate) => {
    const request = { headers: {} }
    const read = vi.fn(() => certificate as string)
    expect(createGetCertificateThumbprint(read)(request)).toBe(thumbprint)
    expect(read.mock.calls).toEqual([[request]])
  })

  it.each<[string, unknown]>([
    ['undefined', undefined],
    ['null', null],
    ['an empty text', ''],
    ['no bytes', new Uint8Array()],
    ['an object', { raw: der }],
    ['a promise', Promise.resolve(der)],
    ['a certificate of more than 16,384 bytes', sequenceOf(16_381)],
    ['a text of more than 16,384 characters', cert + ' '.repeat(16_384)],
  ])('is absent with %s', (_, certificate) => {
    const read = () => certificate as string
    expect(createGetCertificateThumbprint(read)(none)).toBeUndefined()
  })

  it('is absent with a promise that rejects, which does not end the process', async () => {
    const read = () => Promise.reject(new Error('x')) as unknown as undefined
    const failures = await processFailures(async () => {
      expect(createGetCertificateThumbprint(read)(none)).toBeUndefined()
    })
    expect(failures).toEqual([])
  })

  it('has at most 16,384 bytes', () => {
    expect(createGetCertificateThumbprint(() => sequenceOf(16_380))(none)).toHaveLength(43)
  })

  function sequenceOf(length: number): Buffer {
    return Buffer.concat([
      Buffer.from([0x30, 0x82, length >> 8, length & 255]),
      Buffer.alloc(length),
    ])
  }

  it.each([new Error('x'), null])('passes on what it throws as a cause: %s', (cause) => {
    const read = () => {
      throw cause
    }
    const error = failureOf(() => createGetCertificateThumbprint(read)(none))
    expect(error).toEqual(new Error('The callback mtls.certificate failed'))
    expect(error.cause).toBe(cause)
  })
})

describe('the hint for a missing certificate', () => {
  const field = { header: 'client-cert', format: 'rfc9440', trusted: () => false } as const

  it.each<[string, HttpRequest, Parameters<typeof hintForMissingCertificate>[1], RegExp]>([
    [
      'TLS',
      none,
      'tls',
      /^the connection has no client certificate: .*mtls\.certificate.*requestCert/,
    ],
    [
      'a function',
      none,
      () => undefined,
      /^the function mtls\.certificate returned nothing .*promise/,
    ],
    ['no field', none, field, /^the request has no header field client-cert$/],
    [
      'a field that is not trusted',
      { headers: { 'client-cert': value } },
      field,
      /^the header field client-cert has a certificate, but .*trusted did not return true$/,
    ],
    [
      'garbage',
      { headers: { 'client-cert': 'x' } },
      field,
      /could not be read as exactly one .* rfc9440$/,
    ],
    [
      'a field that is repeated',
      { headers: { 'client-cert': [value, value] } },
      field,
      /could not be read as exactly one certificate/,
    ],
  ])('names the cause: %s', (_, request, source, expected) => {
    expect(hintForMissingCertificate(request, source)).toMatch(expected)
  })
})
