/**
 * @module The times in a JWT and the tolerance for them.
 *
 * @see {@link https://www.rfc-editor.org/rfc/rfc7519#section-2 | RFC 7519, section 2}
 */

/** Returns whether a value is a NumericDate: a JSON number, which need not be an integer. */
export function isNumericDate(value: unknown): value is number {
  // 1e400 in JSON is Infinity in JavaScript. Unlike isFinite(), this converts no text to a number.
  return Number.isFinite(value)
}

// In seconds. Clocks differ, and no RFC gives a number.
const minFutureTolerance = 60

/** Returns how many seconds a past event of an access token, such as `iat`, may be in the future. */
export function futureTolerance(clockTolerance: number): number {
  return Math.max(clockTolerance, minFutureTolerance)
}
