/**
 * @module The part of a requirement that is about scopes: which must be granted, and which a
 * challenge names.
 *
 * @see {@link https://www.rfc-editor.org/rfc/rfc6750#section-3.1 | RFC 6750, section 3.1}
 */
import { isScope, splitScopes } from '../internal/scope-syntax.ts'
import { checkList } from '../options/checks.ts'

/** Scopes that must all be granted, and scopes of which at least one must be. An empty list requires nothing. */
export interface ScopeRequirement {
  readonly scopes: readonly string[]
  readonly anyScope: readonly string[]
}

/** @throws TypeError for an empty list and for anything that is not a scope. */
export function checkScopes(value: unknown, label: string): readonly string[] {
  const list = typeof value === 'string' ? splitScopes(value) : value
  const expected =
    'a scope or a list of scopes (RFC 6749, section 3.3: no quote, no backslash, ASCII)'
  const scopes = checkList(list, label, expected, isScope)
  return Object.freeze([...new Set(scopes)])
}

/** Returns whether the granted scopes suffice. Runs on every request, so it creates no function. */
export function grantsScopes(
  granted: readonly string[],
  { scopes, anyScope }: ScopeRequirement,
): boolean {
  for (const scope of scopes) if (!granted.includes(scope)) return false
  if (anyScope.length === 0) return true
  for (const scope of anyScope) if (granted.includes(scope)) return true
  return false
}

/**
 * Returns the scopes that a challenge names: those that the requirements contain, each once.
 *
 * `offline_access` is left out. It requests a refresh token and has no meaning at a resource server. MCP
 * says that servers should not name it.
 */
export function challengeScopes(requirements: readonly ScopeRequirement[]): readonly string[] {
  const scopes = new Set(requirements.flatMap(({ scopes, anyScope }) => [...scopes, ...anyScope]))
  scopes.delete('offline_access')
  return [...scopes]
}
