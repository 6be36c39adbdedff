/**
 * @module The part of a requirement that is about the user's authentication: how and when it took
 * place.
 *
 * @see {@link https://www.rfc-editor.org/rfc/rfc9470 | RFC 9470}
 */
import type { AuthenticationRequirement, JwtClaims } from '../access-token.ts'
import type { ErrorDetail } from '../errors.ts'
import { futureTolerance } from '../internal/numeric-date.ts'
import { getOwn } from '../internal/own-property.ts'
import { printable } from '../internal/printable.ts'
import { isScope } from '../internal/scope-syntax.ts'
import { checkList, readOwnOptions } from '../options/checks.ts'

export interface CompiledAuthentication {
  /** In order of preference; one suffices. An empty list requires nothing. */
  readonly acrValues: readonly string[]
  /** Seconds. */
  readonly maxAge: number | undefined
}

/** @throws TypeError for unknown names, malformed values, and a requirement of nothing. */
export function compileAuthentication(
  value: AuthenticationRequirement | undefined,
  label: string,
): CompiledAuthentication | undefined {
  if (value === undefined) return undefined
  const { acrValues, maxAge } = readOwnOptions<AuthenticationRequirement>(
    value,
    ['acrValues', 'maxAge'],
    label,
  )
  if (acrValues === undefined && maxAge === undefined) {
    throw new TypeError(`${label} requires nothing: set acrValues or maxAge`)
  }
  // RFC 9470 §3: a list separated by spaces, in a quoted-string. The characters are those of scopes.
  const expected = 'a value or a list of values without space, quote and backslash, in ASCII'
  const values = checkList(acrValues, `${label}.acrValues`, expected, isScope)
  // RFC 9470 §3: max_age has to represent a non-negative integer.
  if (maxAge !== undefined && !(Number.isSafeInteger(maxAge) && maxAge >= 0)) {
    throw new TypeError(`${label}.maxAge must be a whole number of seconds, 0 or more`)
  }
  return Object.freeze({ acrValues: Object.freeze([...new Set(values)]), maxAge })
}

/**
 * Returns why the authentication that the claims describe does not suffice; `undefined` if it does.
 *
 * @param now Seconds since 1970.
 * @param clockTolerance `auth_time` may be at most this many seconds in the future, or 60 if that is more.
 * Does not extend `maxAge`.
 */
export function findAuthenticationProblem(
  claims: Readonly<JwtClaims>,
  { acrValues, maxAge }: CompiledAuthentication,
  now: number,
  clockTolerance: number,
): ErrorDetail | undefined {
  if (acrValues.length > 0) {
    const acr = getOwn(claims, 'acr')
    if (typeof acr !== 'string' || !acrValues.includes(acr)) {
      return { name: 'acr', expected: printable(acrValues), actual: printable(acr) }
    }
  }
  if (maxAge === undefined) return undefined
  const time = getOwn(claims, 'auth_time')
  // Rounded down, because `auth_time` is usually a whole second: an age of exactly `maxAge` is accepted.
  const earliest = Math.floor(now) - maxAge
  // The same tolerance as for `iat`: a token may be issued directly after the authentication.
  const latest = now + futureTolerance(clockTolerance)
  if (typeof time === 'number' && time >= earliest && time <= latest) return undefined
  return {
    name: 'auth_time',
    expected: `between ${earliest} and ${Math.floor(latest)}`,
    actual: printable(time),
  }
}

/**
 * Combines requirements for one challenge: the smallest `maxAge`, and the values of `acr` that all lists have
 * in common. If a list has no value in common with those before it, no token satisfies all: that list then
 * replaces those before it.
 */
export function combineAuthentication(
  requirements: readonly { readonly authentication: CompiledAuthentication | undefined }[],
): CompiledAuthentication {
  let acrValues: readonly string[] = []
  let maxAge: number | undefined
  for (const { authentication } of requirements) {
    if (authentication === undefined) continue
    const next = authentication.acrValues
    const common = acrValues.filter((value) => next.includes(value))
    if (next.length > 0) acrValues = common.length > 0 ? common : next
    if (authentication.maxAge !== undefined) {
      maxAge = Math.min(maxAge ?? authentication.maxAge, authentication.maxAge)
    }
  }
  return { acrValues, maxAge }
}
