/**
 * @module Describes the likely mistake if a token does not grant a required scope. A hint contains nothing from
 * the token except a name of a well-known claim.
 */
import type { AccessToken } from '../access-token.ts'
import { getOwn } from '../internal/own-property.ts'
import { isScope, splitScopes } from '../internal/scope-syntax.ts'

/** Claims in which issuers put scopes: RFC 8693, Okta and Entra, Auth0, others. */
const scopeClaims = ['scope', 'scp', 'permissions', 'roles']

/**
 * Returns a hint for a token without a scope that was required; `undefined` if there is no likely
 * mistake.
 */
export function hintForMissingScopes(
  { scopes, claims, header }: AccessToken,
  required: readonly string[],
): string | undefined {
  if (scopes.length > 0) {
    const elsewhere = scopeClaims.find((name) => hasMissingScope(claims, name, required, scopes))
    return elsewhere === undefined
      ? hintForSeparator(scopes)
      : `the claim ${elsewhere} contains a required scope: see the option scopeClaim`
  }
  // RFC 7662 §2.2. A token without a header was introspected.
  if (header === undefined && Array.isArray(getOwn(claims, 'scope'))) {
    return 'the member scope of the introspection response is an array: it must be a string'
  }
  const other = scopeClaims.find((name) => hasScopes(claims, name))
  // The claim has scopes, but none were read: `scopeClaim` names another claim or is a function.
  if (other !== undefined) {
    return `the token has its scopes in the claim ${other}: see the option scopeClaim`
  }
  return ['scope', 'scp']
    .map((name) => hintForShape(claims, name))
    .find((hint) => hint !== undefined)
}

/** Returns whether a claim contains a required scope that the token does not grant. */
function hasMissingScope(
  claims: object,
  name: string,
  required: readonly string[],
  granted: readonly string[],
): boolean {
  const value = getOwn(claims, name)
  const values: readonly unknown[] =
    typeof value === 'string' ? splitScopes(value) : Array.isArray(value) ? value : []
  return required.some((scope) => !granted.includes(scope) && values.includes(scope))
}

function hasScopes(claims: object, name: string): boolean {
  const value = getOwn(claims, name)
  return typeof value === 'string'
    ? splitScopes(value).length > 0
    : Array.isArray(value) && value.some(isScope)
}

function hintForShape(claims: object, name: string): string | undefined {
  const value = getOwn(claims, name)
  if (value === undefined || typeof value === 'string') return undefined
  if (!Array.isArray(value)) return `the claim ${name} is neither a string nor an array of strings`
  if (value.length === 0) return undefined
  return `the claim ${name} has no valid entry: each must be one scope, without spaces`
}

function hintForSeparator(scopes: readonly string[]): string | undefined {
  const hasComma = scopes.some((scope) => scope.includes(','))
  return hasComma
    ? 'a scope of the token contains a comma: scopes are separated by spaces'
    : undefined
}
