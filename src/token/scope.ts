/**
 * @module Scopes: how they are written, and which a token grants.
 *
 * @see {@link https://www.rfc-editor.org/rfc/rfc6749#section-3.3 | RFC 6749, section 3.3}
 */

import { notARefusal } from '../errors.ts'
import { sharedLists } from '../internal/interned-lists.ts'
import { own } from './claims.ts'

// RFC 6749 §3.3: scope-token = 1*( %x21 / %x23-5B / %x5D-7E )
const scopeToken = /^[\x21\x23-\x5b\x5d-\x7e]+$/

/** Tells whether text is one scope. */
export function isScope(text: unknown): text is string {
  return typeof text === 'string' && scopeToken.test(text)
}

/** Splits a list of scopes at spaces, and at nothing else. */
export function splitScopes(text: string): string[] {
  return text.split(' ').filter((scope) => scope !== '')
}

/**
 * Which claim holds the scopes. A name that the application gave admits a list too: Okta's `scp` is
 * an array, Entra's a string. A function may read anything.
 */
export type ScopeClaim<Claims = never> = string | ((claims: Readonly<Claims>) => readonly string[])

/**
 * Reads the scopes that claims grant. Without `scopeClaim`, that is the claim `scope`, which must be
 * a string (RFC 8693 §4.2). A claim of another type grants nothing.
 *
 * @throws TypeError where the application's function returns something else than an array.
 */
export function readScopes(
  claims: Readonly<Record<string, unknown>>,
  scopeClaim: string | ((claims: never) => readonly string[]) | undefined,
): readonly string[] {
  if (typeof scopeClaim === 'function') {
    const scopes = scopesBy(scopeClaim, claims)
    if (!Array.isArray(scopes)) throw new TypeError('scopeClaim must return an array of strings')
    return Object.freeze(scopes.filter(isScope))
  }
  const name = scopeClaim ?? 'scope'
  const value = own(claims, name)
  if (typeof value === 'string') return scopesIn(value)
  // An entry with a space in it is no scope, and never two.
  if (scopeClaim !== undefined && Array.isArray(value)) return Object.freeze(value.filter(isScope))
  return noScopes
}

function scopesBy(scopeClaim: (claims: never) => unknown, claims: object): unknown {
  try {
    return scopeClaim(claims as never)
  } catch (error) {
    throw notARefusal(error, 'scopeClaim')
  }
}

const noScopes: readonly string[] = Object.freeze([])
const scopesIn = sharedLists(splitScopes)
