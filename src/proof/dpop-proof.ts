/**
 * @module Parses DPoP proofs and runs the checks that need neither the key of a proof nor stored state.
 *
 * @see {@link https://www.rfc-editor.org/rfc/rfc9449#section-4.3 | RFC 9449, section 4.3}
 */
import { Buffer } from 'node:buffer'
import type { HttpRequest } from '../access-token.ts'
import { InvalidDpopProofError, type InvalidDpopProofReason } from '../errors.ts'
import { decodeAsciiBase64url, isAscii } from '../internal/base64url.ts'
import {
  decodeJsonObject,
  findExtension,
  notBase64url,
  splitJws,
} from '../internal/compact-serialization.ts'
import { getFieldValues } from '../internal/field-values.ts'
import { isJsonObject, type JsonObject } from '../internal/json-object.ts'
import { isNumericDate } from '../internal/numeric-date.ts'
import { getOwn } from '../internal/own-property.ts'
import { printable } from '../internal/printable.ts'
import { removeQuery } from '../internal/remove-query.ts'
import { sha256 } from '../internal/sha256.ts'
import { type Algorithm, isAlgorithm } from '../signature/algorithms.ts'
import { matchesHtu } from './htu.ts'

const maxProofLength = 8_192

/** The header of a proof with an acceptable type and algorithm. The key is not validated. */
export interface ProofHeader {
  readonly algorithm: Algorithm
  readonly jwk: JsonObject
}

export interface ProofClaims {
  readonly jti: string
  readonly htm: string
  readonly htu: string
  readonly ath: string
  readonly iat: number
  readonly exp: number | undefined
  readonly nbf: number | undefined
  readonly nonce: string | undefined
}

/** The parts of a proof. Nothing in them is verified. */
export interface ParsedProof {
  /** The first segment, still encoded. */
  readonly header: string
  readonly claims: ProofClaims
  readonly signingInput: Buffer
  readonly signature: Buffer
}

/**
 * Returns the one value of the header field `DPoP`.
 *
 * @throws InvalidDpopProofError with `missing`, or with `malformed` for several fields or a value that is not
 * a string
 */
export function getDpopHeader({ headers }: HttpRequest): string {
  const values = getFieldValues(headers, 'dpop')
  const [value] = values
  if (value === undefined) throw new InvalidDpopProofError('missing', { name: 'DPoP' })
  // RFC 9449 §4.3, check 1. Node joins several fields with a comma, which no JWT contains.
  if (values.length > 1) throw malformed('more than one DPoP header field')
  if (typeof value !== 'string') throw malformed('the DPoP header field is not a string')
  return value
}

/**
 * Parses a proof, except its header.
 *
 * @throws InvalidDpopProofError with `malformed`, `missing_claim` or `invalid_claim`
 */
export function parseDpopProof(proof: string): ParsedProof {
  if (proof.length > maxProofLength) throw malformed(`longer than ${maxProofLength} characters`)
  if (!isAscii(proof)) throw malformed('not ASCII')
  // RFC 9449 §4.3, check 2
  const segments = splitJws(proof)
  if (segments === undefined) throw malformed('not three parts separated by dots')
  const signature = decodeAsciiBase64url(segments.signature)
  if (signature === undefined) throw malformed(`the signature ${notBase64url}`)
  return {
    header: segments.header,
    claims: readClaims(decodeSegment(segments.payload, 'payload')),
    signingInput: Buffer.from(segments.signingInput, 'latin1'),
    signature,
  }
}

/**
 * Parses the header of a proof.
 *
 * @param segment The encoded header: ASCII.
 * @throws InvalidDpopProofError with `malformed`, `critical_header`, `wrong_type`, `wrong_algorithm`
 * or `invalid_key` (`jwk` is not an object)
 */
export function parseProofHeader(segment: string, algorithms: readonly Algorithm[]): ProofHeader {
  const header = decodeSegment(segment, 'header')
  const extension = findExtension(header)
  if (extension !== undefined) throw invalidProof('critical_header', extension)
  // RFC 9449 §4.3, check 4; RFC 7515 §4.1.9: a media type.
  const typ = getOwn(header, 'typ')
  if (typeof typ !== 'string' || !dpopType.test(typ)) {
    throw invalidProof('wrong_type', 'typ', 'dpop+jwt', typ)
  }
  // RFC 9449 §4.3, check 5
  const alg = getOwn(header, 'alg')
  if (!isAlgorithm(alg) || !algorithms.includes(alg)) {
    throw invalidProof('wrong_algorithm', 'alg', algorithms.join(' '), alg)
  }
  const jwk = getOwn(header, 'jwk')
  if (!isJsonObject(jwk)) {
    throw invalidProof('invalid_key', 'jwk', 'a JSON object', jwk)
  }
  return { algorithm: alg, jwk }
}

const dpopType = /^(?:application\/)?dpop\+jwt$/i

function decodeSegment(segment: string, name: string): JsonObject {
  const object = decodeJsonObject(segment)
  if (typeof object === 'string') throw malformed(`the ${name} ${object}`)
  return object
}

/** RFC 9449 §4.3, check 3, and the types of the claims. */
function readClaims(claims: JsonObject): ProofClaims {
  return {
    jti: readString(claims, 'jti'),
    htm: readString(claims, 'htm'),
    htu: readString(claims, 'htu'),
    ath: readString(claims, 'ath'),
    iat: requireClaim('iat', readNumber(claims, 'iat')),
    exp: readNumber(claims, 'exp'),
    nbf: readNumber(claims, 'nbf'),
    nonce: Object.hasOwn(claims, 'nonce') ? readString(claims, 'nonce') : undefined,
  }
}

function readString(claims: JsonObject, name: string): string {
  const value = requireClaim(name, getOwn(claims, name))
  if (typeof value !== 'string' || value === '') {
    throw invalidProof('invalid_claim', name, 'a string that is not empty', value)
  }
  return value
}

function readNumber(claims: JsonObject, name: string): number | undefined {
  if (!Object.hasOwn(claims, name)) return undefined
  const value = claims[name]
  if (isNumericDate(value)) return value
  throw invalidProof('invalid_claim', name, 'a finite number of seconds', value)
}

function requireClaim<T>(name: string, value: T | undefined): T {
  if (value === undefined) throw invalidProof('missing_claim', name)
  return value
}

/** The request and the rules that the claims of a proof are compared with. */
export interface ProofContext extends ProofTimeContext {
  readonly method: string | undefined
  /** Without a query. If it is `undefined`, no proof matches. */
  readonly targetUri: string | undefined
  readonly token: string
}

export interface ProofTimeContext {
  /** Seconds since 1970. */
  readonly now: number
  /** Seconds. */
  readonly maxAge: number
  /** Seconds. */
  readonly clockTolerance: number
}

/**
 * Validates the claims of a proof, except for its nonce and whether it was used before.
 *
 * @throws InvalidDpopProofError
 */
export function validateProofClaims(claims: ProofClaims, context: ProofContext): void {
  const { htm, htu, ath } = claims
  const { method, targetUri, token } = context
  // RFC 9449 §4.3, check 8. RFC 9110 §9.1: methods are case-sensitive.
  if (htm !== method) throw invalidProof('wrong_method', 'htm', printable(method), htm)
  // Check 9
  if (targetUri === undefined || !matchesHtu(htu, targetUri)) {
    throw invalidProof('wrong_uri', 'htu', printable(targetUri), removeQuery(htu))
  }
  validateProofTime(claims, context)
  // Check 12, first part
  if (ath !== sha256(token)) throw invalidProof('wrong_token', 'ath')
}

// Clocks of clients differ, and the conformance suite of the OpenID Foundation sends an `iat` 10 s ahead.
const minProofFutureTolerance = 10

/** Returns how many seconds the `iat` of a proof may be in the future. */
export function proofFutureTolerance(clockTolerance: number): number {
  return Math.max(clockTolerance, minProofFutureTolerance)
}

/**
 * Validates `iat`, `exp` and `nbf`: RFC 9449 §4.3, check 11; RFC 7519 §4.1.4 and §4.1.5.
 *
 * @throws InvalidDpopProofError
 */
export function validateProofTime({ iat, exp, nbf }: ProofClaims, context: ProofTimeContext): void {
  const { now, maxAge, clockTolerance } = context
  const earliest = now - maxAge - clockTolerance
  if (!(iat > earliest)) throw outOfRange('too_old', 'iat', 'later than', earliest, iat)
  const latest = now + proofFutureTolerance(clockTolerance)
  if (!(iat <= latest)) throw outOfRange('issued_in_future', 'iat', 'not later than', latest, iat)
  if (exp !== undefined && !(now < exp + clockTolerance)) {
    throw outOfRange('expired', 'exp', 'later than', now - clockTolerance, exp)
  }
  if (nbf !== undefined && !(now + clockTolerance >= nbf)) {
    throw outOfRange('not_yet_valid', 'nbf', 'not later than', now + clockTolerance, nbf)
  }
}

function malformed(hint: string): InvalidDpopProofError {
  return new InvalidDpopProofError('malformed', { hint })
}

function invalidProof(
  reason: InvalidDpopProofReason,
  name: string,
  expected?: string,
  actual?: unknown,
): InvalidDpopProofError {
  if (expected === undefined) return new InvalidDpopProofError(reason, { name })
  return new InvalidDpopProofError(reason, { name, expected, actual: printable(actual) })
}

function outOfRange(
  reason: InvalidDpopProofReason,
  name: string,
  relation: string,
  limit: number,
  actual: number,
): InvalidDpopProofError {
  return invalidProof(reason, name, `${relation} ${Math.floor(limit)}`, actual)
}
