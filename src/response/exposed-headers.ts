/**
 * @module Which response headers a script of another origin can read. If the application allows the origin,
 * the script must be able to read the challenge too, because it cannot act on it otherwise.
 *
 * @see {@link https://fetch.spec.whatwg.org/#http-access-control-expose-headers | Fetch Standard}
 */

/**
 * Adds header names to `Access-Control-Expose-Headers`.
 *
 * @param allowOrigin `Access-Control-Allow-Origin` of the response, as `getHeader` returns it.
 * @param exposed `Access-Control-Expose-Headers` of the response, as `getHeader` returns it.
 * @param names The header names that the response needs to expose.
 * @returns The new value; `undefined` if the response allows no other origin, or lists all `names` already.
 */
export function exposeHeaders(
  allowOrigin: unknown,
  exposed: unknown,
  names: readonly string[],
): string | undefined {
  if (allowOrigin === undefined || allowOrigin === null || allowOrigin === '') return undefined
  const present = parseNames(exposed)
  // `*` does not apply to requests with credentials, so names are added even to `*`.
  const lowerCase = present.map((name) => name.toLowerCase())
  const missing = names.filter((name) => !lowerCase.includes(name.toLowerCase()))
  return missing.length === 0 ? undefined : [...present, ...missing].join(', ')
}

function parseNames(value: unknown): string[] {
  const lines = Array.isArray(value) ? value : [value]
  return lines
    .flatMap((line) => (typeof line === 'string' ? line.split(',') : []))
    .map((name) => name.trim())
    .filter((name) => name !== '')
}
