/**
 * @module Reads from `Cache-Control` how long a response may be used.
 *
 * @see {@link https://www.rfc-editor.org/rfc/rfc9111#section-5.2.2 | RFC 9111, section 5.2.2}
 */

const minLifetime = 60
const maxLifetime = 86_400

/**
 * Reads `max-age`, in seconds, limited to the range from 60 to 86,400. Returns `fallback` if `max-age` is
 * missing, malformed or repeated, and with `no-store` or `no-cache`, because keys must not be fetched for
 * every token.
 */
export function freshnessLifetime(cacheControl: string | undefined, fallback: number): number {
  if (cacheControl === undefined) return fallback
  const directives = cacheControl.split(',').map((directive) => directive.trim().toLowerCase())
  if (directives.includes('no-store') || directives.includes('no-cache')) return fallback
  const ages = directives.filter((directive) => directive.startsWith('max-age='))
  const seconds = /^max-age="?(\d{1,15})"?$/.exec(ages.at(0) ?? '')?.[1]
  if (ages.length !== 1 || seconds === undefined) return fallback
  return Math.min(maxLifetime, Math.max(minLifetime, Number(seconds)))
}
