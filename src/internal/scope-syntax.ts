/**
 * @module The syntax of scopes.
 *
 * @see {@link https://www.rfc-editor.org/rfc/rfc6749#section-3.3 | RFC 6749, section 3.3}
 */

// RFC 6749 §3.3: scope-token = 1*( %x21 / %x23-5B / %x5D-7E )
const scopeToken = /^[\x21\x23-\x5b\x5d-\x7e]+$/

/** Returns whether a value is one scope. */
export function isScope(value: unknown): value is string {
  return typeof value === 'string' && scopeToken.test(value)
}

/** Splits a list of scopes at spaces, not at other white space. */
export function splitScopes(text: string): string[] {
  return text.split(' ').filter((scope) => scope !== '')
}
