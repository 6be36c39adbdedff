/**
 * @module Validates `exp`, `nbf` and `iat`. Pure functions: the time is an argument.
 *
 * @see {@link https://www.rfc-editor.org/rfc/rfc7519#section-4.1.4 | RFC 7519, section 4.1.4}
 */
import { InvalidTokenError, type InvalidTokenReason } from '../errors.ts'
import { futureTolerance, isNumericDate } from '../internal/numeric-date.ts'
import { getOwn } from '../internal/own-property.ts'
import { type Claims, invalidClaim, missingClaim } from './claim.ts'

export interface TimeRules {
  /** Seconds. */
  readonly clockTolerance: number
  /** Seconds since `iat`; `undefined` for no limit. */
  readonly maxTokenAge: number | undefined
}

/** The claims that are compared with the clock, in seconds since 1970. */
export interface TimeClaims {
  readonly exp: number
  readonly nbf: number | undefined
  readonly iat: number | undefined
}

/**
 * Reads `exp`, `nbf` and `iat`. The result is cached with the token.
 *
 * @throws InvalidTokenError
 */
export function readTimeClaims(claims: Claims): TimeClaims {
  const exp = readNumericDate(claims, 'exp')
  if (exp === undefined) throw missingClaim('exp')
  return { exp, nbf: readNumericDate(claims, 'nbf'), iat: readNumericDate(claims, 'iat') }
}

/**
 * Validates `exp`, `nbf` and `iat`. Runs on every request, for cached tokens too.
 *
 * @param now Seconds since 1970.
 * @throws InvalidTokenError
 */
export function validateTime({ exp, nbf, iat }: TimeClaims, rules: TimeRules, now: number): void {
  const { clockTolerance, maxTokenAge } = rules
  // RFC 7519 §4.1.4: the current time MUST be before exp.
  if (!(now < exp + clockTolerance)) {
    throw outOfRange('expired', 'exp', exp, 'later than', now - clockTolerance)
  }
  // RFC 7519 §4.1.5
  if (nbf !== undefined && !(now + clockTolerance >= nbf)) {
    throw outOfRange('not_yet_valid', 'nbf', nbf, 'not later than', now + clockTolerance)
  }
  if (iat === undefined) {
    if (maxTokenAge !== undefined) throw missingClaim('iat')
    return
  }
  const latest = now + futureTolerance(clockTolerance)
  if (!(iat <= latest)) throw outOfRange('issued_in_future', 'iat', iat, 'not later than', latest)
  if (maxTokenAge === undefined) return
  const earliest = now - clockTolerance - maxTokenAge
  if (!(iat > earliest)) throw outOfRange('too_old', 'iat', iat, 'later than', earliest)
}

function readNumericDate(claims: Claims, name: string): number | undefined {
  const value = getOwn(claims, name)
  if (value === undefined) return undefined
  if (!isNumericDate(value)) {
    const hint =
      typeof value === 'string' ? `${name} is a string: the issuer must send a number` : undefined
    throw invalidClaim(name, value, 'a finite number of seconds', hint)
  }
  return value
}

// In seconds this is the year 5138, in milliseconds the year 1973.
const smallestMilliseconds = 1e11
// The year 2001. An earlier time is wrong: this package did not exist.
const earliestClock = 1e9

function outOfRange(
  reason: InvalidTokenReason,
  name: string,
  value: number,
  expected: string,
  limit: number,
): InvalidTokenError {
  const hint =
    value >= smallestMilliseconds
      ? `${name} seems to be in milliseconds: the issuer must send seconds`
      : limit < earliestClock && value >= earliestClock
        ? 'the clock shows a time before 2001: the option now must return milliseconds'
        : undefined
  return new InvalidTokenError(reason, {
    name,
    expected: `${expected} ${Math.floor(limit)}`,
    actual: String(value),
    ...(hint !== undefined && { hint }),
  })
}
