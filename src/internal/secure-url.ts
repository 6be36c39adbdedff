/**
 * @module Validates the URLs that may be fetched: `https`, and `http` on loopback. They must be in the
 * form that the URL parser returns, so that the text that is compared and logged is the URL that is
 * fetched.
 *
 * @see {@link https://www.rfc-editor.org/rfc/rfc8414#section-2 | RFC 8414, section 2}
 * @see {@link https://url.spec.whatwg.org/#url-parsing | WHATWG URL, parsing}
 */
import { printable } from './printable.ts'

/**
 * Validates a URL from which keys are fetched. Its scheme, host and port may be written in any case
 * and with the default port; everything else must be in its parsed form.
 *
 * @param allowInsecureHttp Accepts `http` URLs of other hosts too.
 * @returns What is wrong with it; `undefined` if nothing.
 */
export function validateFetchedUrl(text: unknown, allowInsecureHttp: boolean): string | undefined {
  const problem = findPublishedUrlProblem(text, { allowInsecureHttp })
  if (problem !== undefined) return problem
  const url = new URL(text as string)
  return validateForm(withParsedOrigin(text as string, url), url)
}

/**
 * Validates a URL that is published and compared, but not fetched: it may have another form than its
 * parsed one.
 *
 * @param allowInsecureHttp Accepts `http` beyond loopback too.
 * @returns What is wrong with it; `undefined` if nothing.
 */
export function findPublishedUrlProblem(
  url: unknown,
  { allowInsecureHttp }: { readonly allowInsecureHttp: boolean },
): string | undefined {
  if (!isAbsoluteUrl(url)) return 'is not an absolute URL'
  return validateParts(url) ?? validateTransport(new URL(url), allowInsecureHttp)
}

/**
 * Validates an issuer identifier whose metadata is fetched: a URL as above, without a query, and equal
 * to its own parsed form.
 *
 * @returns What is wrong with it; `undefined` if nothing.
 * @see {@link https://www.rfc-editor.org/rfc/rfc8414#section-2 | RFC 8414, section 2}
 */
export function validateFetchedIssuer(
  issuer: unknown,
  allowInsecureHttp: boolean,
): string | undefined {
  return (
    findPublishedUrlProblem(issuer, { allowInsecureHttp }) ?? validateHttpIssuer(issuer as string)
  )
}

/**
 * Validates the form of an identifier that is an `http` or `https` URL: no credentials, no query, no
 * fragment, and equal to its own parsed form. Otherwise it could pass a comparison of prefixes and
 * still be fetched from elsewhere, as `https://host/a/../b`.
 *
 * @returns What is wrong with it; `undefined` if nothing, and for every other identifier.
 */
export function validateHttpIssuer(issuer: string): string | undefined {
  if (!hasHttpScheme(issuer)) return undefined
  if (!isAbsoluteUrl(issuer)) return 'is not an absolute URL'
  const problem = validateParts(issuer)
  if (problem !== undefined) return problem
  if (issuer.includes('?')) return 'has a query'
  const url = new URL(issuer)
  return validateForm(issuer, url) ?? validatePath(url.pathname)
}

function hasHttpScheme(text: string): boolean {
  if (!URL.canParse(text)) return /^\s*https?:/iu.test(text)
  const { protocol } = new URL(text)
  return protocol === 'https:' || protocol === 'http:'
}

// The URL parser removes spaces and control characters, reads a backslash as a slash, and adds missing
// slashes.
function isAbsoluteUrl(text: unknown): text is string {
  return (
    typeof text === 'string' &&
    /^[a-z]+:\/\/[^\s\p{Cc}\\]+$/iu.test(text) &&
    !/^https?:\/\/[/?#]/i.test(text) &&
    URL.canParse(text)
  )
}

function readAuthority(text: string): string {
  return /^[a-z]+:\/\/[^/?#]*/i.exec(text)?.[0] ?? ''
}

function validateParts(text: string): string | undefined {
  if (readAuthority(text).includes('@')) return 'has credentials in it'
  return text.includes('#') ? 'has a fragment' : undefined
}

function validateTransport(
  { protocol, hostname }: URL,
  allowInsecureHttp: boolean,
): string | undefined {
  if (protocol === 'https:') return undefined
  if (protocol !== 'http:') return 'is not an https URL'
  if (allowInsecureHttp || isLoopback(hostname)) return undefined
  return 'is an http URL beyond loopback, which needs allowInsecureHttp: true'
}

function isLoopback(hostname: string): boolean {
  return hostname === 'localhost' || hostname === '[::1]' || /^127(?:\.\d{1,3}){3}$/.test(hostname)
}

// The parser admits characters at which other parsers end the host, for example in `https://a.test}.b.test`.
const hostPattern = /^(?:[a-z0-9._-]+|\[[0-9a-f:.]+\])$/

function validateForm(text: string, { href, hostname, pathname, search }: URL): string | undefined {
  if (!hostPattern.test(hostname)) return 'has a character in its host that no host name has'
  // The URL parser turns an empty path into '/'.
  const isOwnForm = text === href || (pathname === '/' && search === '' && `${text}/` === href)
  return isOwnForm ? undefined : `is not in its parsed form, which is ${printable(href)}`
}

/** Returns the text with its scheme and host in lower case and without a default port. */
function withParsedOrigin(text: string, { protocol, pathname, search }: URL): string {
  const authority = readAuthority(text)
  const port = protocol === 'https:' ? /:443$/ : /:80$/
  const rest = text.slice(authority.length)
  const path = pathname === '/' && search !== '' && !rest.startsWith('/') ? `/${rest}` : rest
  return authority.toLowerCase().replace(port, '') + path
}

// Many servers decode these characters before they resolve `..`, and Servlet containers remove path
// parameters, which begin with `;`.
function validatePath(pathname: string): string | undefined {
  if (/%(?:2e|2f|5c|25)/i.test(pathname)) {
    return 'has an encoded dot, slash, backslash or percent sign'
  }
  return /\/\.{1,2};/.test(pathname) ? 'has a path segment of dots' : undefined
}
