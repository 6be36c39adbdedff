/**
 * @module The rules for claims and for `typ`: what a token must say of itself before its signature
 * is worth checking. Pure functions; the clock is an argument.
 *
 * @see {@link https://www.rfc-editor.org/rfc/rfc9068#section-4 | RFC 9068, section 4}
 */
import type { JoseHeader } from '../access-token.ts'
import { InvalidTokenError, type InvalidTokenReason, printable, slashHint } from '../errors.ts'

/**
 * How strictly a token must follow RFC 9068. `jwt`: `typ` absent, `JWT` or `at+jwt`; `iss`, `aud` and
 * `exp` present. `rfc9068`: `typ` is `at+jwt` and all seven claims are present.
 */
export type Profile = 'jwt' | 'rfc9068'

export interface ClaimRules {
  readonly issuer: string
  /** `false`: any audience, or none, will do. */
  readonly audience: readonly string[] | false
  readonly profile: Profile
}

export interface TimeRules {
  /** Seconds. */
  readonly clockTolerance: number
  /** Seconds since `iat`; `undefined` for no limit. */
  readonly maxTokenAge: number | undefined
}

type Claims = Readonly<Record<string, unknown>>

// RFC 9068 §2.1, RFC 7515 §4.1.9: a media type, whose prefix may be left out, in any case.
const accessTokenType = /^(?:application\/)?at\+jwt$/i
const plainType = /^(?:application\/)?(?:at\+)?jwt$/i

/** RFC 9068 §4, RFC 8725 §3.11: a JWT of another kind is no access token, whoever signed it. */
export function checkType(header: JoseHeader, profile: Profile): void {
  const { typ } = header
  const fits =
    typ === undefined
      ? profile === 'jwt'
      : (profile === 'jwt' ? plainType : accessTokenType).test(typ)
  if (fits) return
  throw new InvalidTokenError('wrong_type', {
    name: 'typ',
    expected: profile === 'jwt' ? 'JWT or at+jwt' : 'at+jwt',
    actual: printable(typ),
    ...(profile === 'rfc9068' && { hint: "an issuer that sends typ JWT needs profile 'jwt'" }),
  })
}

// How far `iat` may lie in the future, in seconds: clocks differ, and no RFC gives a number.
const minFutureTolerance = 60

/** The claims that time is held against, in seconds since 1970. */
export interface TimeClaims {
  readonly exp: number
  readonly nbf: number | undefined
  readonly iat: number | undefined
}

/** Reads `exp`, `nbf` and `iat`, once for each token. */
export function readTimes(claims: Claims): TimeClaims {
  const exp = numericDate(claims, 'exp')
  if (exp === undefined) throw missing('exp')
  return { exp, nbf: numericDate(claims, 'nbf'), iat: numericDate(claims, 'iat') }
}

/**
 * Judges `exp`, `nbf` and `iat`. Runs again for every cached token, so it looks at nothing else.
 *
 * @param now Seconds since 1970.
 */
export function checkTime({ exp, nbf, iat }: TimeClaims, rules: TimeRules, now: number): void {
  const { clockTolerance, maxTokenAge } = rules
  // RFC 7519 §4.1.4: the current time MUST be before it.
  if (!(now < exp + clockTolerance)) {
    throw outside('expired', 'exp', exp, 'later than', now - clockTolerance)
  }
  // RFC 7519 §4.1.5
  if (nbf !== undefined && !(now + clockTolerance >= nbf)) {
    throw outside('not_yet_valid', 'nbf', nbf, 'not later than', now + clockTolerance)
  }
  if (iat === undefined) {
    if (maxTokenAge !== undefined) throw missing('iat')
    return
  }
  const latest = now + Math.max(clockTolerance, minFutureTolerance)
  if (!(iat <= latest)) throw outside('issued_in_future', 'iat', iat, 'not later than', latest)
  if (maxTokenAge === undefined) return
  const earliest = now - clockTolerance - maxTokenAge
  if (!(iat > earliest)) throw outside('too_old', 'iat', iat, 'later than', earliest)
}

const namesOfText = ['sub', 'client_id', 'jti']

/** Judges every claim but those of time. */
export function checkClaims(claims: Claims, rules: ClaimRules): void {
  checkAudience(claims, rules)
  for (const name of namesOfText) {
    const value = own(claims, name)
    // RFC 9068 §2.2
    if (value === undefined && rules.profile === 'rfc9068') throw missing(name, profileHint)
    if (value !== undefined && (typeof value !== 'string' || value === '')) {
      throw invalid(name, value, 'a string that is not empty')
    }
  }
  if (rules.profile === 'rfc9068' && own(claims, 'iat') === undefined) {
    throw missing('iat', profileHint)
  }
  // RFC 7800 §3.1, RFC 9449 §7.2: a binding that is not checked is no binding.
  if (Object.hasOwn(claims, 'cnf')) {
    throw new InvalidTokenError('unsupported_binding', {
      name: 'cnf',
      hint: 'DPoP-bound and certificate-bound tokens are not supported',
    })
  }
}

const profileHint = "an issuer that does not follow RFC 9068 needs profile 'jwt'"

function checkAudience(claims: Claims, { audience, profile }: ClaimRules): void {
  const aud = own(claims, 'aud')
  if (aud === undefined) {
    if (audience === false && profile === 'jwt') return
    throw missing('aud')
  }
  // RFC 7519 §4.1.3: a string, or an array of strings; anything else is malformed.
  const values = typeof aud === 'string' ? [aud] : aud
  if (!Array.isArray(values) || !values.every((value) => typeof value === 'string')) {
    throw invalid('aud', aud, 'a string or an array of strings')
  }
  if (audience === false || values.some((value) => audience.includes(value))) return
  // Only the first few: the token is not verified yet, and may name thousands.
  const [hint] = values
    .slice(0, 5)
    .flatMap((value) => audience.slice(0, 5).map((expected) => slashHint(expected, value)))
    .filter((text) => text !== undefined)
  throw new InvalidTokenError('wrong_audience', {
    name: 'aud',
    expected: printable(audience),
    actual: printable(values),
    ...(hint !== undefined && { hint }),
  })
}

/** A claim of the token, and never what somebody added to every object. */
export function own(claims: Claims, name: string): unknown {
  return Object.hasOwn(claims, name) ? claims[name] : undefined
}

// RFC 7519 §2: a JSON number, which need not be an integer. 1e400 is Infinity in JavaScript.
function numericDate(claims: Claims, name: string): number | undefined {
  const value = own(claims, name)
  if (value === undefined) return undefined
  if (typeof value !== 'number' || !Number.isFinite(value)) {
    throw invalid(name, value, 'a finite number of seconds')
  }
  return value
}

function missing(name: string, hint?: string): InvalidTokenError {
  return new InvalidTokenError('missing_claim', { name, ...(hint !== undefined && { hint }) })
}

function invalid(name: string, value: unknown, expected: string): InvalidTokenError {
  return new InvalidTokenError('invalid_claim', { name, expected, actual: printable(value) })
}

function outside(
  reason: InvalidTokenReason,
  name: string,
  value: number,
  expected: string,
  limit: number,
): InvalidTokenError {
  return new InvalidTokenError(reason, {
    name,
    expected: `${expected} ${Math.floor(limit)}`,
    actual: String(value),
  })
}
