/**
 * @module Decodes the formats in which proxies pass a client certificate in a header field. No function here
 * throws: a malformed value is treated as absent.
 *
 * @see {@link https://www.rfc-editor.org/rfc/rfc9440#section-2 | RFC 9440, section 2}
 */
import { Buffer } from 'node:buffer'
import { sha256 } from '../internal/sha256.ts'
import type { CertificateHeaderFormat } from '../options/mtls.ts'

/** The longest certificate that is read, in characters or bytes: Node's default limit for all headers. */
export const maxCertificateLength = 16_384

/** Returns the thumbprint (RFC 8705 §3.1) of the certificate in the value of a header field. */
export function readCertificateHeader(
  value: string,
  format: CertificateHeaderFormat,
): string | undefined {
  if (value.length > maxCertificateLength) return undefined
  switch (format) {
    case 'rfc9440':
      return calculateCertificateThumbprint(decodeByteSequence(value))
    case 'escaped-pem':
      return calculateCertificateThumbprint(decodePemOrBase64(value))
    case 'xfcc':
      return readXfcc(value)
  }
}

/** Returns the thumbprint of a certificate in DER; `undefined` for bytes that are not one DER SEQUENCE. */
export function calculateCertificateThumbprint(der: Uint8Array | undefined): string | undefined {
  return der !== undefined && isDerSequence(der) ? sha256(der) : undefined
}

const firstLine = '-----BEGIN CERTIFICATE-----'
const lastLine = '-----END CERTIFICATE-----'

/** Decodes one certificate, which may be percent-encoded. The BEGIN and END lines may both be missing. */
export function decodePemOrBase64(text: string): Uint8Array | undefined {
  const plain = decodePercent(text)
  if (plain === undefined) return undefined
  const trimmed = plain.trim()
  const hasFirst = trimmed.startsWith(firstLine)
  if (hasFirst !== trimmed.endsWith(lastLine)) return undefined
  const body = hasFirst ? trimmed.slice(firstLine.length, -lastLine.length) : trimmed
  return decodeBase64(body.replace(/[ \t\r\n]/g, ''))
}

function decodePercent(text: string): string | undefined {
  try {
    return decodeURIComponent(text)
  } catch {
    return undefined
  }
}

/** RFC 9440 §2.2: an Item of Structured Fields, which is a Byte Sequence. */
function decodeByteSequence(value: string): Uint8Array | undefined {
  const isDelimited = value.startsWith(':') && value.endsWith(':')
  return isDelimited ? decodeBase64(value.slice(1, -1)) : undefined
}

/** Accepts only the canonical form, because `Buffer` skips every character that is not base64. */
function decodeBase64(text: string): Uint8Array | undefined {
  const bytes = Buffer.from(text, 'base64')
  return bytes.toString('base64') === text ? bytes : undefined
}

/** Returns whether the bytes are exactly one DER SEQUENCE. */
function isDerSequence(der: Uint8Array): boolean {
  const [tag = 0, length = 0, high = 0, low = 0] = der
  if (tag !== 0x30) return false
  if (length < 0x80) return der.length === 2 + length
  if (length === 0x81) return der.length === 3 + high
  return length === 0x82 && der.length === 4 + high * 256 + low
}

// Envoy: https://www.envoyproxy.io/docs/envoy/latest/configuration/http/http_conn_man/headers#x-forwarded-client-cert
const hashes = /hash=/gi
const certificates = /cert=/gi
const hashPair = /(?:^|;)hash="?([0-9a-f]{64})"?(?:$|;)/i
const certificatePair = /(?:^|;)cert="?([^",;]+)"?(?:$|;)/i

/**
 * Envoy writes `Hash` once per element. It does not quote URI and DNS names, so the name in a client's
 * certificate can contain `;Hash=…`. If `Hash=` or `Cert=` occurs more than once, the field is ignored.
 */
function readXfcc(value: string): string | undefined {
  const hashCount = value.match(hashes)?.length ?? 0
  const certificateCount = value.match(certificates)?.length ?? 0
  if (hashCount > 1 || certificateCount > 1) return undefined
  const hex = hashPair.exec(value)?.[1]
  const pem = certificatePair.exec(value)?.[1]
  const hash = hex === undefined ? undefined : Buffer.from(hex, 'hex').toString('base64url')
  const thumbprint =
    pem === undefined ? undefined : calculateCertificateThumbprint(decodePemOrBase64(pem))
  // If both are present, they must be readable and have the same thumbprint.
  if (hashCount === 0) return thumbprint
  return certificateCount === 0 || hash === thumbprint ? hash : undefined
}
