/**
 * @module Compares the claim `htu` with the target URI of a request. Does not use `new URL`, which does not
 * decode `%7E`, keeps the case of percent-encodings and accepts invalid URIs.
 *
 * @see {@link https://www.rfc-editor.org/rfc/rfc9449#section-4.3 | RFC 9449, section 4.3}
 */
import { removeQuery } from '../internal/remove-query.ts'

/** Longer URIs match only an identical one. By default, Node accepts request headers of 16 KiB in all. */
const maxUriLength = 16_384

/**
 * Returns whether two URIs are equivalent. Query and fragment of both are ignored; everything else is
 * normalised by RFC 3986 §6.2.2 and §6.2.3. A URI matches no other URI if it is not an absolute http or https
 * URI, has user information, or has a character in its host that `httpUri` does not list.
 */
export function matchesHtu(htu: string, targetUri: string): boolean {
  if (htu === targetUri) return true
  const normalized = normalizeHttpUri(htu)
  return normalized !== undefined && normalized === normalizeHttpUri(targetUri)
}

// Scheme, host (an IPv6 address in brackets or a name), port, path. Each part excludes the character
// that ends it, so matching takes linear time.
const httpUri = /^(https?):\/\/(\[[0-9a-f:.]+\]|[a-z0-9._~-]+)(?::([0-9]*))?(\/.*)?$/i
const defaultPorts: ReadonlyMap<string, string> = new Map([
  ['http', '80'],
  ['https', '443'],
])

/** Normalises an http or https URI and removes query and fragment; `undefined` for any other or longer text. */
function normalizeHttpUri(uri: string): string | undefined {
  if (uri.length > maxUriLength) return undefined
  const match = httpUri.exec(removeQuery(uri))
  if (match === null) return undefined
  const [, scheme = '', host = '', port = '', path = '/'] = match
  // RFC 3986 §6.2.2.1: scheme and host are case-insensitive.
  const lowerScheme = scheme.toLowerCase()
  // RFC 3986 §6.2.3: an empty port and the default port of the scheme are equivalent to none.
  const suffix = port === '' || port === defaultPorts.get(lowerScheme) ? '' : `:${port}`
  return `${lowerScheme}://${host.toLowerCase()}${suffix}${normalizePath(path)}`
}

function normalizePath(path: string): string {
  const decoded = path.includes('%') ? normalizeEncoding(path) : path
  return decoded.includes('/.') ? removeDotSegments(decoded) : decoded
}

const unreserved = /^[A-Za-z0-9\-._~]$/

/** RFC 3986 §6.2.2.1, §6.2.2.2: upper-case hex digits; unreserved characters are not encoded. */
function normalizeEncoding(path: string): string {
  return path.replace(/%[0-9a-f]{2}/gi, (encoded) => {
    const character = String.fromCharCode(Number.parseInt(encoded.slice(1), 16))
    return unreserved.test(character) ? character : encoded.toUpperCase()
  })
}

/** RFC 3986 §5.2.4 */
function removeDotSegments(path: string): string {
  const segments = path.slice(1).split('/')
  const kept: string[] = []
  for (const [index, segment] of segments.entries()) {
    const isDots = segment === '.' || segment === '..'
    if (segment === '..') kept.pop()
    if (!isDots) kept.push(segment)
    else if (index === segments.length - 1) kept.push('')
  }
  return `/${kept.join('/')}`
}
