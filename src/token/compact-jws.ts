/**
 * @module Parses a JWT in the JWS compact serialization, strictly. Validates no claim and verifies no
 * signature.
 *
 * @see {@link https://www.rfc-editor.org/rfc/rfc7515#section-5.2 | RFC 7515, section 5.2}
 * @see {@link https://www.rfc-editor.org/rfc/rfc7519#section-7.2 | RFC 7519, section 7.2}
 */
import { Buffer, isUtf8 } from 'node:buffer'
import type { JoseHeader } from '../access-token.ts'
import { InvalidTokenError } from '../errors.ts'
import { decodeAsciiBase64url, isAscii } from '../internal/base64url.ts'
import { getOwn } from '../internal/own-property.ts'
import { printable } from '../internal/printable.ts'
import type { Claims } from './claim.ts'

/** The longest token that is parsed, in characters: Node's limit for all headers of a request. */
export const maxTokenLength = 16_384
/** The longest header that is parsed, in characters. */
export const maxHeaderLength = 4_096

/** A parsed token. Claims and header are untrusted until the signature is verified. */
export interface ParsedJwt {
  readonly header: JoseHeader
  readonly claims: Claims
  /** Returns the signed octets: everything before the second dot, in ASCII. */
  readonly signingInput: () => Buffer
  readonly signature: Buffer
}

/**
 * Parses a token. Every token that can be parsed is a token68 (RFC 6750 §2.1).
 *
 * @param known The parsed header, if the same header was parsed before.
 * @throws InvalidTokenError with `malformed`, `encrypted`, `critical_header`, `wrong_algorithm`
 * (`alg` is not a string) or `wrong_type` (`typ` is not a string, or the content is a nested JWT).
 */
export function parseCompactJws(token: string, known?: JoseHeader): ParsedJwt {
  if (typeof token !== 'string') throw malformed('the token is not a string')
  if (token.length > maxTokenLength) throw malformed(`longer than ${maxTokenLength} characters`)
  if (!isAscii(token)) throw malformed('not ASCII')
  // RFC 7515 §7.1: exactly two dots.
  const first = token.indexOf('.')
  const second = token.indexOf('.', first + 1)
  if (first === -1 || second === -1) throw notJwt(token)
  const third = token.indexOf('.', second + 1)
  if (third !== -1) {
    // RFC 7516 §9: five parts are a JWE.
    const fourth = token.indexOf('.', third + 1)
    const five = fourth !== -1 && token.indexOf('.', fourth + 1) === -1
    if (five) throw new InvalidTokenError('encrypted', { hint: encryptedHint })
    throw notJwt(token)
  }
  if (first > maxHeaderLength) throw malformed(`header longer than ${maxHeaderLength} characters`)
  const header = known ?? validateHeader(parseObject(token.slice(0, first), 'header'))
  const claims = parseObject(token.slice(first + 1, second), 'payload')
  const signature = decodeAsciiBase64url(token.slice(second + 1))
  if (signature === undefined) throw malformed('signature is not canonical base64url')
  return {
    header,
    claims,
    signingInput: () => Buffer.from(token.slice(0, second), 'latin1'),
    signature,
  }
}

const encryptedHint =
  'a JWE: no issuer has decryptionKeys. Some issuers send one when the client requests no audience'
const opaqueHint =
  'not three parts separated by dots: a JWT that was changed, an opaque token, whose issuer needs introspection, or no token'
const noValueHint = 'the client sent the text undefined or null: it had no token when it sent this'

// RFC 7519 §7.2
function notJwt(token: string): InvalidTokenError {
  return malformed(token === 'undefined' || token === 'null' ? noValueHint : opaqueHint)
}

/** An opaque token may contain dots. Its first part then is not a header. */
function opaqueOr(part: string): string {
  return part === 'header' ? ': the token was changed, or it is an opaque token' : ''
}

function malformed(hint: string): InvalidTokenError {
  return new InvalidTokenError('malformed', { hint })
}

/**
 * Parses a segment as a JSON object in UTF-8. Refuses a byte order mark. Of members with the same name
 * the last one is used, as RFC 7519 §4 allows and `JSON.parse` implements.
 */
function parseObject(segment: string, part: string): Record<string, unknown> {
  const bytes = decodeAsciiBase64url(segment)
  if (bytes === undefined) throw malformed(`${part} is not canonical base64url${opaqueOr(part)}`)
  const text = bytes.toString()
  // Octets that are not UTF-8 become U+FFFD, which valid JSON may contain too.
  if (text.includes('\ufffd') && !isUtf8(bytes)) throw malformed(`${part} is not UTF-8`)
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    throw malformed(`${part} is not JSON`)
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw malformed(`${part} is not a JSON object`)
  }
  return value as Record<string, unknown>
}

function validateHeader(header: Record<string, unknown>): JoseHeader {
  // RFC 7515 §4.1.11: this package implements no extension, so a critical one is refused.
  if (Object.hasOwn(header, 'crit')) throw new InvalidTokenError('critical_header')
  // RFC 7797 §7: a JWT is always base64url.
  if (Object.hasOwn(header, 'b64') && header.b64 !== true) {
    throw new InvalidTokenError('critical_header', { name: 'b64' })
  }
  const alg = getOwn(header, 'alg')
  const typ = getOwn(header, 'typ')
  const kid = getOwn(header, 'kid')
  const cty = getOwn(header, 'cty')
  // RFC 7515 §4.1.1
  if (typeof alg !== 'string')
    throw new InvalidTokenError('wrong_algorithm', actualMember('alg', alg))
  if (typ !== undefined && typeof typ !== 'string') {
    throw new InvalidTokenError('wrong_type', actualMember('typ', typ))
  }
  if (kid !== undefined && typeof kid !== 'string') throw malformed('kid is not a string')
  // RFC 7519 §5.2: the payload is another JWT.
  if (typeof cty === 'string' && /^(?:application\/)?jwt$/i.test(cty)) {
    throw new InvalidTokenError('wrong_type', actualMember('cty', cty))
  }
  return header as unknown as JoseHeader
}

function actualMember(name: string, value: unknown): { name: string; actual: string } {
  return { name, actual: printable(value) }
}
