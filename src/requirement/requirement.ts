/**
 * @module What a route requires: checked once at start-up, and then held against each token.
 */
import type { AccessToken, Requirement } from '../access-token.ts'
import { InsufficientScopeError, printable } from '../errors.ts'
import { callbackError } from '../internal/callback.ts'
import { isScope, splitScopes } from '../internal/scope-syntax.ts'
import { checkFunction, checkList, readOwnOptions } from '../options/checks.ts'
import { hintForMissingScopes } from './scope-hint.ts'

/** A requirement that passed its checks; a copy, so that later changes to the original do nothing. */
export interface CompiledRequirement {
  readonly scopes: readonly string[]
  readonly anyScope: readonly string[]
  readonly check: Requirement['check']
}

const compiled = new WeakSet<object>()
// Another copy of the package does not know what was compiled here: it compiles the source again.
const source: unique symbol = Symbol.for('oauth-resource-server.requirement')

/** @throws TypeError for unknown names, no or malformed scopes, and for a requirement of nothing. */
export function compileRequirement(requirement: Requirement, label: string): CompiledRequirement {
  if (compiled.has(requirement)) return requirement as CompiledRequirement
  const foreign = sourceOf(requirement)
  if (foreign !== undefined) {
    return compileRequirement(foreign, `${label}, of another copy of oauth-resource-server,`)
  }
  const names = ['scopes', 'anyScope', 'check'] as const
  const options = readOwnOptions<Requirement>(requirement, names, label)
  const { check } = options
  const scopes = checkScopes(options.scopes, `${label}.scopes`)
  const anyScope = checkScopes(options.anyScope, `${label}.anyScope`)
  checkFunction(check, `${label}.check`)
  if (scopes === undefined && anyScope === undefined && check === undefined) {
    throw new TypeError(`${label} requires nothing: set scopes, anyScope or check`)
  }
  const result: CompiledRequirement = {
    scopes: scopes ?? [],
    anyScope: anyScope ?? [],
    check,
  }
  Object.defineProperty(result, source, { value: Object.freeze({ scopes, anyScope, check }) })
  compiled.add(Object.freeze(result))
  return result
}

/** What another copy of the package compiled, if the requirement is its result. */
function sourceOf(requirement: unknown): Requirement | undefined {
  if (typeof requirement !== 'object' || requirement === null) return undefined
  return Object.hasOwn(requirement, source)
    ? (requirement as { readonly [source]: Requirement })[source]
    : undefined
}

function checkScopes(value: unknown, label: string): readonly string[] | undefined {
  const list = typeof value === 'string' ? splitScopes(value) : value
  const takes = 'a scope or a list of scopes (RFC 6749, section 3.3: no quote, no backslash, ASCII)'
  const scopes = checkList(list, label, takes, isScope)
  return scopes === undefined ? undefined : Object.freeze([...new Set(scopes)])
}

/** The scopes that a challenge names: all that the requirements speak of, each once. */
export function scopesOf(requirements: readonly CompiledRequirement[]): readonly string[] {
  return [...new Set(requirements.flatMap(({ scopes, anyScope }) => [...scopes, ...anyScope]))]
}

// Only `true` passes: a check that forgot to return must not let everybody in.
async function passes(check: NonNullable<Requirement['check']>, token: AccessToken) {
  try {
    return (await check(token)) === true
  } catch (error) {
    throw callbackError('check', error)
  }
}

/**
 * Holds a token against requirements, one after the other.
 *
 * @throws InsufficientScopeError, or an Error whose `cause` is what `check` threw.
 */
export async function satisfy(
  token: AccessToken,
  requirements: readonly CompiledRequirement[],
): Promise<void> {
  for (const { scopes, anyScope, check } of requirements) {
    const granted = (scope: string): boolean => token.scopes.includes(scope)
    const enough = scopes.every(granted) && (anyScope.length === 0 || anyScope.some(granted))
    if (enough && (check === undefined || (await passes(check, token)))) continue
    const hint = enough ? 'check did not return true' : hintForMissingScopes(token)
    throw new InsufficientScopeError(scopesOf(requirements), {
      issuer: printable(token.issuer),
      expected: printable(scopesOf(requirements).join(' ')),
      actual: printable(token.scopes.join(' ')),
      ...(hint !== undefined && { hint }),
    })
  }
}
