/**
 * @module Which URLs may be fetched: `https`, and `http` within this machine.
 *
 * @see {@link https://www.rfc-editor.org/rfc/rfc8414#section-2 | RFC 8414, section 2}
 */

/**
 * Tells what is wrong with a URL from which keys or metadata would be fetched; `undefined` if nothing.
 *
 * @param allowInsecureHttp Admits `http` beyond loopback too.
 */
export function doubtUrl(text: unknown, allowInsecureHttp: boolean): string | undefined {
  // URL itself mends what is malformed; here it must be right as it stands.
  if (
    typeof text !== 'string' ||
    !URL.canParse(text) ||
    !/^[a-z]+:\/\/[^\s\p{Cc}]+$/iu.test(text)
  ) {
    return 'is not an absolute URL'
  }
  const { protocol, hostname, username, password } = new URL(text)
  if (username !== '' || password !== '') return 'has credentials in it'
  if (text.includes('#')) return 'has a fragment'
  if (protocol === 'https:') return undefined
  if (protocol !== 'http:') return 'is not an https URL'
  if (allowInsecureHttp || isLoopback(hostname)) return undefined
  return 'is an http URL beyond loopback, which needs allowInsecureHttp: true'
}

function isLoopback(hostname: string): boolean {
  return hostname === 'localhost' || hostname === '[::1]' || /^127(?:\.\d{1,3}){3}$/.test(hostname)
}
