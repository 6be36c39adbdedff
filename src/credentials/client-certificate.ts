/**
 * @module Finds the certificate with which the client of a request authenticated in TLS, and computes
 * its thumbprint. Does not validate the certificate: possession of its key is what counts.
 *
 * @see {@link https://www.rfc-editor.org/rfc/rfc8705#section-3 | RFC 8705, section 3}
 */
import type { HttpRequest } from '../access-token.ts'
import { callbackError, ignoreRejection } from '../internal/callback.ts'
import { getFieldValues, isRepeatedField } from '../internal/field-values.ts'
import type { CertificateHeader, CertificateSource } from '../options/mtls.ts'
import {
  calculateCertificateThumbprint,
  decodePemOrBase64,
  maxCertificateLength,
  readCertificateHeader,
} from './certificate-header.ts'

/**
 * Returns the thumbprint of the client certificate: SHA-256 of its DER, in base64url. `undefined` if the
 * request has no certificate that can be read.
 *
 * @throws Error if a function of the application throws. The thrown value is the `cause`.
 */
export type GetCertificateThumbprint = (request: HttpRequest) => string | undefined

export function createGetCertificateThumbprint(
  source: CertificateSource,
): GetCertificateThumbprint {
  if (source === 'tls') return getTlsThumbprint
  if (typeof source !== 'function') return (request) => getHeaderThumbprint(request, source)
  return (request) => {
    let certificate: unknown
    try {
      certificate = source(request)
    } catch (cause) {
      throw callbackError('mtls.certificate', cause)
    }
    ignoreRejection(certificate)
    return readCertificate(certificate)
  }
}

/** Explains to the operator why a request has no certificate that could be used. */
export function hintForMissingCertificate(request: HttpRequest, source: CertificateSource): string {
  if (source === 'tls') {
    return 'the connection has no client certificate: it is not a TLS connection (behind a proxy, set mtls.certificate), or the server did not ask for one (requestCert), or the client sent none'
  }
  if (typeof source === 'function') {
    return 'the function mtls.certificate returned nothing that could be read as one certificate (a promise cannot)'
  }
  const { header, format } = source
  const values = getFieldValues(request.headers, header)
  if (values.length === 0) return `the request has no header field ${header}`
  const value = getSingleField(request, header)
  return value !== undefined && readCertificateHeader(value, format) !== undefined
    ? `the header field ${header} has a certificate, but mtls.certificate.trusted did not return true`
    : `the header field ${header} could not be read as exactly one certificate in the format ${format}`
}

function readCertificate(certificate: unknown): string | undefined {
  if (typeof certificate !== 'string' && !(certificate instanceof Uint8Array)) return undefined
  if (certificate.length > maxCertificateLength) return undefined
  return calculateCertificateThumbprint(
    typeof certificate === 'string' ? decodePemOrBase64(certificate) : certificate,
  )
}

/** The part of a TLSSocket that is used. */
interface PeerSocket {
  readonly getPeerCertificate: (detailed: true) => { readonly raw?: unknown } | null | undefined
}

/** The members of a request of `node:http`, `node:https` or `node:http2` that lead to its connection. */
interface RequestOnConnection {
  readonly socket?: unknown
  readonly stream?: { readonly session?: { readonly socket?: unknown } } | undefined
}

/** A cache by connection, because reading a certificate takes 40 µs. */
const thumbprints = new WeakMap<object, string>()

function getTlsThumbprint(request: HttpRequest): string | undefined {
  const { socket, stream } = request as RequestOnConnection
  // In HTTP/2, the request's `socket` is another object for each request of a connection.
  const connection = stream?.session?.socket ?? socket
  if (typeof connection !== 'object' || connection === null) return undefined
  const cached = thumbprints.get(connection)
  if (cached !== undefined) return cached
  const thumbprint = calculateCertificateThumbprint(
    readPeerCertificate(connection as Partial<PeerSocket>),
  )
  // A missing certificate is not cached: the server may ask for it later, by renegotiation.
  if (thumbprint !== undefined) thumbprints.set(connection, thumbprint)
  return thumbprint
}

/** Does not check `authorized`, which is false for a self-signed certificate (RFC 8705 §6.2). */
function readPeerCertificate(connection: Partial<PeerSocket>): Uint8Array | undefined {
  try {
    const raw = connection.getPeerCertificate?.(true)?.raw
    return raw instanceof Uint8Array ? raw : undefined
  } catch {
    // Thrown if the connection belongs to a closed HTTP/2 session.
    return undefined
  }
}

function getHeaderThumbprint(
  request: HttpRequest,
  { header, format, trusted }: CertificateHeader,
): string | undefined {
  let isTrusted: unknown
  try {
    isTrusted = trusted(request)
  } catch (cause) {
    throw callbackError('mtls.certificate.trusted', cause)
  }
  if (isTrusted !== true) {
    ignoreRejection(isTrusted)
    return undefined
  }
  const value = getSingleField(request, header)
  return value === undefined ? undefined : readCertificateHeader(value, format)
}

/** Returns the value of a header field that occurs once. */
function getSingleField(request: HttpRequest, name: string): string | undefined {
  if (isRepeatedField(request, name)) return undefined
  const values = getFieldValues(request.headers, name)
  const [value] = values
  return values.length === 1 && typeof value === 'string' ? value.trim() : undefined
}
