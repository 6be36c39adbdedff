/**
 * @module What a route requires: checked once at start-up, and then held against each token.
 */
import type { AccessToken, Requirement } from '../access-token.ts'
import { InsufficientScopeError, notARefusal, printable } from '../errors.ts'
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

/** @throws TypeError for unknown names, no or malformed scopes, and for a requirement of nothing. */
export function compileRequirement(requirement: Requirement, label: string): CompiledRequirement {
  if (compiled.has(requirement)) return requirement as CompiledRequirement
  const names = ['scopes', 'anyScope', 'check'] as const
  const options = readOwnOptions<Requirement>(requirement, names, label)
  const { check } = options
  const scopes = checkScopes(options.scopes, `${label}.scopes`)
  const anyScope = checkScopes(options.anyScope, `${label}.anyScope`)
  checkFunction(check, `${label}.check`)
  if (scopes === undefined && anyScope === undefined && check === undefined) {
    throw new TypeError(`${label} requires nothing: set scopes, anyScope or check`)
  }
  const result: CompiledRequirement = Object.freeze({
    scopes: scopes ?? [],
    anyScope: anyScope ?? [],
    check,
  })
  compiled.add(result)
  return result
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
    throw notARefusal(error, 'check')
  }
}

/**
 * Holds a token against requirements, one after the other.
 *
 * @throws InsufficientScopeError, or whatever `check` throws.
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
