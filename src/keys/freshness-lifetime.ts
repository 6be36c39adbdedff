/**
 * @module How long an answer may be used, from its `Cache-Control`.
 *
 * @see {@link https://www.rfc-editor.org/rfc/rfc9111#section-5.2.2 | RFC 9111, section 5.2.2}
 */

const floor = 60
const ceiling = 86_400

/**
 * Reads `max-age`, in seconds, between 60 and 86,400. Where there is none, or the header forbids
 * storing or is malformed, `fallback` counts: an issuer that says no-store must not be asked for
 * every token.
 */
export function freshnessLifetime(cacheControl: string | undefined, fallback: number): number {
  if (cacheControl === undefined) return fallback
  const directives = cacheControl.split(',').map((directive) => directive.trim().toLowerCase())
  if (directives.includes('no-store') || directives.includes('no-cache')) return fallback
  const ages = directives.filter((directive) => directive.startsWith('max-age='))
  const seconds = /^max-age="?(\d{1,15})"?$/.exec(ages[0] ?? '')?.[1]
  if (ages.length !== 1 || seconds === undefined) return fallback
  return Math.min(ceiling, Math.max(floor, Number(seconds)))
}
