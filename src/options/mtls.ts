/**
 * @module The option `mtls`: its types, its checks and its defaults.
 *
 * @see {@link https://www.rfc-editor.org/rfc/rfc8705#section-3 | RFC 8705, section 3}
 */
import type { HttpRequest } from '../access-token.ts'
import { checkBoolean, readOwnOptions } from './checks.ts'

/**
 * How a header field contains a certificate.
 *
 * - `rfc9440`: DER in base64 between colons, as in `Client-Cert` (RFC 9440).
 * - `escaped-pem`: PEM, percent-encoded or with spaces instead of line breaks, with or without its first
 *   and last line: nginx `$ssl_client_escaped_cert`, AWS `X-Amzn-Mtls-Clientcert-Leaf`, Traefik
 *   `X-Forwarded-Tls-Client-Cert`, HAProxy `%[ssl_c_der,base64]`.
 * - `xfcc`: the `Hash` or the `Cert` of Envoy's `x-forwarded-client-cert`, in a field with one element
 *   (`forward_client_cert_details: SANITIZE_SET`). A field with several elements is ignored: Envoy does
 *   not quote the names in a certificate, so a client's certificate can contain text like an element.
 */
export type CertificateHeaderFormat = 'rfc9440' | 'escaped-pem' | 'xfcc'

/** A header field in which a proxy sends the client's certificate to this API. */
export interface CertificateHeader {
  /** The name of the field. The proxy must remove the field from the requests of its clients. */
  readonly header: string
  readonly format: CertificateHeaderFormat
  /**
   * Returns true for a request that came through the proxy, for example by the address of its socket.
   * With any other result the field is ignored. What the function throws reaches the application as an
   * error; it does not refuse the token.
   */
  readonly trusted: (request: HttpRequest) => boolean
}

/** How tokens that are bound to a client certificate are accepted. */
export interface MtlsOptions {
  /**
   * True: tokens that are not bound to a certificate are refused.
   * @defaultValue false
   */
  readonly required?: boolean | undefined
  /**
   * Where the client's certificate is: in the TLS connection of the request, in a header field, or what
   * a function returns (DER or PEM; `undefined` for none). With `'tls'`, the server must ask for certificates
   * (`requestCert: true`); whether it trusts their issuer does not matter (RFC 8705 §6.2).
   * @defaultValue 'tls'
   */
  readonly certificate?:
    | 'tls'
    | CertificateHeader
    | ((request: HttpRequest) => Uint8Array | string | undefined)
    | undefined
}

/** Where a client certificate is read from. */
export type CertificateSource = NonNullable<MtlsOptions['certificate']>

/** The option `mtls` with its defaults. */
export interface ResolvedMtls {
  readonly required: boolean
  /** The name of a header field is in lower case. */
  readonly certificate: CertificateSource
}

const formats: readonly unknown[] = ['rfc9440', 'escaped-pem', 'xfcc']
// RFC 9110 §5.1
const fieldName = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/

/**
 * Resolves the option `mtls`. Returns `undefined` if mutual TLS is disabled.
 *
 * @throws TypeError that names the option.
 */
export function resolveMtls(value: unknown): ResolvedMtls | undefined {
  if (value === undefined || value === false) return undefined
  if (value === true) return resolveMtls({})
  const options = readOwnOptions<MtlsOptions>(value, ['required', 'certificate'], 'mtls')
  return {
    required: checkBoolean(options.required, 'mtls.required'),
    certificate: resolveSource(options.certificate),
  }
}

function resolveSource(value: unknown): CertificateSource {
  if (value === undefined) return 'tls'
  if (value === 'tls' || typeof value === 'function') return value as CertificateSource
  if (typeof value !== 'object') {
    throw new TypeError(
      "mtls.certificate must be 'tls', an object with header, format and trusted, or a function",
    )
  }
  const { header, format, trusted } = readOwnOptions<CertificateHeader>(
    value as object,
    ['header', 'format', 'trusted'],
    'mtls.certificate',
  )
  if (typeof header !== 'string' || !fieldName.test(header)) {
    throw new TypeError('mtls.certificate.header must be the name of a header field')
  }
  if (format === undefined || !formats.includes(format)) {
    throw new TypeError(`mtls.certificate.format must be one of ${formats.join(', ')}`)
  }
  // RFC 9440 §4: anyone can send a header field.
  if (typeof trusted !== 'function') {
    throw new TypeError(
      'mtls.certificate.trusted must be a function that returns true for requests from the proxy',
    )
  }
  return Object.freeze({ header: header.toLowerCase(), format, trusted })
}
