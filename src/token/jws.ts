/**
 * @module Parses a JWT in the JWS compact serialization, strictly. Does not validate claims and does not
 * verify the signature.
 *
 * @see {@link https://www.rfc-editor.org/rfc/rfc7515#section-5.2 | RFC 7515, section 5.2}
 * @see {@link https://www.rfc-editor.org/rfc/rfc7519#section-7.2 | RFC 7519, section 7.2}
 */
import type { Buffer } from 'node:buffer'
import type { JoseHeader } from '../access-token.ts'
import { InvalidTokenError } from '../errors.ts'
import { decodeAsciiBase64url } from '../internal/base64url.ts'
import {
  countSegments,
  decodeJsonObject,
  findExtension,
  notBase64url,
  splitJws,
} from '../internal/compact-serialization.ts'
import type { JsonObject } from '../internal/json-object.ts'
import { getOwn } from '../internal/own-property.ts'
import { printable } from '../internal/printable.ts'
import type { Claims } from './claim.ts'
import { malformed, validateHeaderLength, validateTokenText } from './token-text.ts'

/** A parsed token. Claims and header are untrusted until the signature is verified. */
export interface ParsedJwt {
  readonly header: JoseHeader
  readonly claims: Claims
  /** What is signed: everything before the second dot. ASCII. */
  readonly signingInput: string
  readonly signature: Buffer
}

/**
 * Parses a token. Every token that can be parsed is a token68 (RFC 6750 §2.1).
 *
 * @param parsedHeader The header, if the same header was parsed before.
 * @throws InvalidTokenError with `malformed`, `encrypted`, `critical_header`, `wrong_algorithm`
 * (`alg` is not a string) or `wrong_type` (`typ` is not a string, or the content is a nested JWT).
 */
export function parseCompactJws(token: string, parsedHeader?: JoseHeader): ParsedJwt {
  validateTokenText(token)
  const segments = splitJws(token)
  if (segments === undefined) throw createFormError(token)
  validateHeaderLength(segments.header.length)
  const header = parsedHeader ?? validateHeader(parseObject(segments.header, 'header'))
  const claims = parseObject(segments.payload, 'payload')
  const signature = decodeAsciiBase64url(segments.signature)
  if (signature === undefined) throw malformed(`signature ${notBase64url}`)
  return {
    header,
    claims,
    signingInput: segments.signingInput,
    signature,
  }
}

const encryptedHint =
  'a JWE: no issuer has decryptionKeys. Some issuers send one when the client requests no audience'
const opaqueHint =
  'not three parts separated by dots: a JWT that was changed, an opaque token, whose issuer needs introspection, or no token'
const changedHint = ': the token was changed, or it is an opaque token'
const noValueHint = 'the client sent the text undefined or null instead of a token'

// RFC 7519 §7.2
function createFormError(token: string): InvalidTokenError {
  // RFC 7516 §9: five parts are a JWE.
  if (countSegments(token) === 5) return new InvalidTokenError('encrypted', { hint: encryptedHint })
  return malformed(token === 'undefined' || token === 'null' ? noValueHint : opaqueHint)
}

function parseObject(segment: string, part: 'header' | 'payload'): JsonObject {
  const object = decodeJsonObject(segment)
  if (typeof object !== 'string') return object
  // An opaque token may contain two dots. Its first part is no header then.
  const mayBeOpaque = part === 'header' && object === notBase64url
  throw malformed(`${part} ${object}${mayBeOpaque ? changedHint : ''}`)
}

function validateHeader(header: JsonObject): JoseHeader {
  const extension = findExtension(header)
  if (extension === 'crit') throw new InvalidTokenError('critical_header')
  if (extension !== undefined) throw new InvalidTokenError('critical_header', { name: extension })
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
