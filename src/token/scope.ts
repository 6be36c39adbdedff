/**
 * @module Reads the scopes that a token grants.
 *
 * @see {@link https://www.rfc-editor.org/rfc/rfc8693#section-4.2 | RFC 8693, section 4.2}
 */
import { callForList } from '../internal/callback.ts'
import { sharedLists } from '../internal/interned-lists.ts'
import { getOwn } from '../internal/own-property.ts'
import { isScope, splitScopes } from '../internal/scope-syntax.ts'
import type { Claims } from './claim.ts'

/**
 * Reads the scopes that claims grant. The claim may be a string (RFC 8693 §4.2) or an array of strings;
 * a claim of another type grants nothing. An array entry that is not one scope is ignored: an entry with a
 * space is not split.
 *
 * @param scopeClaim The name of the claim, or a function of the application that returns the scopes.
 * @throws TypeError if the application's function does not return an array, and Error with the `cause` if it
 * throws.
 */
export function readScopes(
  claims: Claims,
  scopeClaim: string | ((claims: never) => readonly string[]) = 'scope',
): readonly string[] {
  if (typeof scopeClaim === 'function') {
    const scopes = callForList('scopeClaim', () => scopeClaim(claims as never))
    if (scopes === undefined) throw new TypeError('scopeClaim must return an array of strings')
    return Object.freeze(scopes.filter(isScope))
  }
  const value = getOwn(claims, scopeClaim)
  if (typeof value === 'string') return splitShared(value)
  return Array.isArray(value) ? Object.freeze(value.filter(isScope)) : noScopes
}

const noScopes: readonly string[] = Object.freeze([])
const splitShared = sharedLists(splitScopes)
