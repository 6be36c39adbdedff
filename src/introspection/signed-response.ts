/**
 * @module Verifies a signed introspection response. A defect of the response leads to a 503, never to a
 * refusal of the token.
 *
 * @see {@link https://www.rfc-editor.org/rfc/rfc9701#section-5 | RFC 9701, section 5}
 */
import type { Buffer } from 'node:buffer'
import type { JoseHeader } from '../access-token.ts'
import { AccessTokenError, ServiceUnavailableError } from '../errors.ts'
import { decodeAsciiBase64url, isAscii } from '../internal/base64url.ts'
import {
  decodeJsonObject,
  findExtension,
  notBase64url,
  splitJws,
} from '../internal/compact-serialization.ts'
import { QueueFullError } from '../internal/fair-queue.ts'
import { isJsonObject, type JsonObject } from '../internal/json-object.ts'
import { isNumericDate } from '../internal/numeric-date.ts'
import { copyOwnMembers, getOwn } from '../internal/own-property.ts'
import { printable } from '../internal/printable.ts'
import { IntrospectionError } from './introspection-error.ts'

/** A parsed response whose signature is not verified. */
interface SignedResponse {
  readonly header: JoseHeader
  readonly claims: JsonObject
  readonly signingInput: string
  readonly signature: Buffer
}

export interface SignedResponseRules {
  readonly issuer: string
  /** One of these must be in `aud`: the client id or the identifier of this API. */
  readonly audiences: readonly string[]
  readonly algorithms: readonly string[]
  /** Seconds. */
  readonly clockTolerance: number
  /**
   * Finds the issuer's key that verifies the signature; `undefined` if there is none. May throw or reject
   * with the errors of `verifySignature`.
   */
  readonly findKey: (response: SignedResponse) => unknown
}

// RFC 9701 §5; RFC 7515 §4.1.9: the prefix of the media type may be left out.
const responseType = /^(?:application\/)?token-introspection\+jwt$/i
/** Seconds by which `iat` may differ from now, or `clockTolerance` if that is more. */
const minIatTolerance = 60

/**
 * Verifies a signed response and returns its member `token_introspection`.
 *
 * @param now Seconds since 1970.
 * @throws IntrospectionError, by rejecting, with `invalid_signed_response` or `keys_unavailable`
 */
export async function verifySignedResponse(
  text: string,
  rules: SignedResponseRules,
  now: number,
): Promise<JsonObject> {
  const response = parseSignedResponse(text)
  const { header, claims } = response
  validateHeader(header, rules)
  validateResponseClaims(claims, rules, now)
  await verifyResponseSignature(response, rules)
  const result = getOwn(claims, 'token_introspection')
  // RFC 9701 §5: only this member describes the token.
  if (!isJsonObject(result)) {
    throw invalid('it has no member token_introspection')
  }
  return result
}

function invalid(problem: string, cause?: unknown): IntrospectionError {
  return new IntrospectionError(
    'invalid_signed_response',
    `the signed introspection response is not accepted: ${problem}`,
    { dueTo: 'server_or_token', cause },
  )
}

function parseSignedResponse(text: string): SignedResponse {
  const segments = isAscii(text) ? splitJws(text) : undefined
  if (segments === undefined) throw invalid('it is not a JWS in the compact serialization')
  const header = decodeJsonObject(segments.header)
  if (typeof header === 'string') throw invalid(`its header ${header}`)
  const claims = decodeJsonObject(segments.payload)
  if (typeof claims === 'string') throw invalid(`its payload ${claims}`)
  const signature = decodeAsciiBase64url(segments.signature)
  if (signature === undefined) throw invalid(`its signature ${notBase64url}`)
  const { signingInput } = segments
  return { header: copyOwnMembers(header) as JoseHeader, claims, signingInput, signature }
}

function validateHeader(header: JoseHeader, { algorithms }: SignedResponseRules): void {
  if (findExtension(header as unknown as JsonObject) !== undefined) {
    throw invalid('it uses an extension that is not supported')
  }
  const { typ, alg, kid } = header as Readonly<Record<string, unknown>>
  if (typeof typ !== 'string' || !responseType.test(typ)) {
    throw invalid(`its typ is ${printable(typ)}, not token-introspection+jwt`)
  }
  if (!algorithms.includes(alg as string)) {
    throw invalid(`its algorithm ${printable(alg)} is not accepted`)
  }
  if (kid !== undefined && typeof kid !== 'string') throw invalid('its kid is not a string')
}

function validateResponseClaims(
  claims: JsonObject,
  { issuer, audiences, clockTolerance }: SignedResponseRules,
  now: number,
): void {
  const iss = getOwn(claims, 'iss')
  if (iss !== issuer) throw invalid(`its iss is ${printable(iss)}, not the issuer`)
  const aud = getOwn(claims, 'aud')
  const values: readonly unknown[] = Array.isArray(aud) ? aud : [aud]
  if (!values.some((value) => audiences.includes(value as string))) {
    throw invalid(`its aud is ${printable(aud)}, not ${printable(audiences)}`)
  }
  const iat = getOwn(claims, 'iat')
  if (!isNumericDate(iat)) throw invalid('it has no iat')
  const tolerance = Math.max(clockTolerance, minIatTolerance)
  if (Math.abs(now - iat) > tolerance) {
    throw invalid(`its iat is ${iat}, more than ${tolerance} s from now`)
  }
  // RFC 9701 §5 discourages exp. It is validated if it is present.
  const exp = getOwn(claims, 'exp')
  if (exp !== undefined && !(typeof exp === 'number' && now < exp + clockTolerance)) {
    throw invalid('it has expired')
  }
}

async function verifyResponseSignature(response: SignedResponse, { findKey }: SignedResponseRules) {
  let key: unknown
  try {
    key = await findKey(response)
  } catch (error) {
    if (error instanceof ServiceUnavailableError) {
      const { message, retryAfter, detail } = error
      const hint = detail.hint
      // The requests to this API filled the queue of verifications, so the server is not the cause.
      const dueTo = error.cause instanceof QueueFullError ? 'own_load' : 'server'
      throw new IntrospectionError('keys_unavailable', message, {
        hint,
        retryAfter,
        dueTo,
        cause: error,
      })
    }
    if (error instanceof AccessTokenError) throw invalid('its signature is not valid', error)
    throw error
  }
  if (key === undefined) throw invalid('no key of the issuer fits its header')
}
