/**
 * @module Checks URLs: only `https`, and `http` on loopback or with `allowInsecureHttp`. A URL that is
 * fetched must also be in the form that the URL parser returns, except for its scheme, host and default
 * port, so that the text that is compared and logged is the URL that is fetched.
 *
 * @see {@link https://www.rfc-editor.org/rfc/rfc8414#section-2 | RFC 8414, section 2}
 * @see {@link https://url.spec.whatwg.org/#url-parsing | WHATWG URL, parsing}
 */
import { parseUrl } from './parse-url.ts'
import { printable } from './printable.ts'

/**
 * Checks a URL that is fetched, other than an issuer identifier. Its scheme and host may be in any case,
 * and it may name the default port; everything else must be in its parsed form.
 *
 * @param allowInsecureHttp Accepts `http` URLs of other hosts too.
 * @returns What is wrong with the URL; `undefined` if nothing.
 */
export function findFetchedUrlProblem(
  text: unknown,
  allowInsecureHttp: boolean,
): string | undefined {
  const problem = findPublishedUrlProblem(text, { allowInsecureHttp })
  if (problem !== undefined) return problem
  const url = new URL(text as string)
  return findFormProblem(withParsedOrigin(text as string, url), url)
}

/**
 * Checks a URL that is published and compared, but not fetched, so it need not be in its parsed form.
 *
 * @param allowInsecureHttp Accepts `http` URLs of other hosts too.
 * @returns What is wrong with the URL; `undefined` if nothing.
 */
export function findPublishedUrlProblem(
  url: unknown,
  { allowInsecureHttp }: { readonly allowInsecureHttp: boolean },
): string | undefined {
  if (!isAbsoluteUrl(url)) return 'is not an absolute URL'
  return findPartProblem(url) ?? findTransportProblem(new URL(url), allowInsecureHttp)
}

/**
 * Checks an issuer identifier whose metadata is fetched: a URL without a query, equal to its own parsed
 * form.
 *
 * @param allowInsecureHttp Accepts `http` URLs of other hosts too.
 * @returns What is wrong with the identifier; `undefined` if nothing.
 * @see {@link https://www.rfc-editor.org/rfc/rfc8414#section-2 | RFC 8414, section 2}
 */
export function findFetchedIssuerProblem(
  issuer: unknown,
  allowInsecureHttp: boolean,
): string | undefined {
  return (
    findPublishedUrlProblem(issuer, { allowInsecureHttp }) ??
    findHttpIssuerProblem(issuer as string)
  )
}

/**
 * Checks the form of an issuer identifier that is an `http` or `https` URL: no credentials, no query, no
 * fragment, no encoded dot or slash in its path, and equal to its own parsed form. Otherwise
 * `https://host/a/../b` would begin with `https://host/a/`, although `https://host/b` is fetched.
 *
 * @returns What is wrong with the identifier; `undefined` if nothing, and for every other identifier.
 */
export function findHttpIssuerProblem(issuer: string): string | undefined {
  if (!hasHttpScheme(issuer)) return undefined
  if (!isAbsoluteUrl(issuer)) return 'is not an absolute URL'
  const problem = findPartProblem(issuer)
  if (problem !== undefined) return problem
  if (issuer.includes('?')) return 'has a query'
  const url = new URL(issuer)
  return findFormProblem(issuer, url) ?? findPathProblem(url.pathname)
}

function hasHttpScheme(text: string): boolean {
  const url = parseUrl(text)
  if (url === undefined) return /^\s*https?:/iu.test(text)
  return url.protocol === 'https:' || url.protocol === 'http:'
}

// The URL parser removes spaces and control characters, reads a backslash as a slash, and adds missing
// slashes.
function isAbsoluteUrl(text: unknown): text is string {
  return (
    typeof text === 'string' &&
    /^[a-z]+:\/\/[^\s\p{Cc}\\]+$/iu.test(text) &&
    !/^https?:\/\/[/?#]/i.test(text) &&
    parseUrl(text) !== undefined
  )
}

function readAuthority(text: string): string {
  return /^[a-z]+:\/\/[^/?#]*/i.exec(text)?.[0] ?? ''
}

function findPartProblem(text: string): string | undefined {
  if (readAuthority(text).includes('@')) return 'has credentials in it'
  return text.includes('#') ? 'has a fragment' : undefined
}

function findTransportProblem(
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

// The URL parser accepts characters at which other parsers end the host: `https://a.test}.b.test`.
const hostPattern = /^(?:[a-z0-9._-]+|\[[0-9a-f:.]+\])$/

function findFormProblem(text: string, { href, hostname }: URL): string | undefined {
  if (!hostPattern.test(hostname)) return 'has a character in its host that no host name has'
  // The URL parser turns an empty path into '/'.
  const isParsedForm = text === href || `${text}/` === href
  return isParsedForm ? undefined : `is not in its parsed form, which is ${printable(href)}`
}

/**
 * Returns the text with its scheme and host in lower case, without a default port, and with the path `/`
 * if it has no path.
 */
function withParsedOrigin(text: string, { protocol }: URL): string {
  const authority = readAuthority(text)
  const port = protocol === 'https:' ? /:443$/ : /:80$/
  const rest = text.slice(authority.length)
  const path = rest.startsWith('/') ? rest : `/${rest}`
  return authority.toLowerCase().replace(port, '') + path
}

// Many servers decode these characters before they resolve `..`. Servlet containers remove path parameters,
// which begin with `;`.
function findPathProblem(pathname: string): string | undefined {
  if (/%(?:2e|2f|5c|25)/i.test(pathname)) {
    return 'has an encoded dot, slash, backslash or percent sign'
  }
  return /\/\.{1,2};/.test(pathname) ? 'has a path segment of dots' : undefined
}
