/**
 * @module Scopes that imply others, for example `admin` that implies `read` and `write`. When a requirement is
 * evaluated, implied scopes count as granted. The challenge names only required scopes, and the access token
 * only granted ones.
 */
import { callForList } from '../internal/callback.ts'
import { isJsonObject } from '../internal/json-object.ts'
import { isScope } from '../internal/scope-syntax.ts'
import { checkList } from '../options/checks.ts'
import type { ImpliedScopes } from '../options/types.ts'

/** Returns the granted scopes and those that they imply. */
export type ExpandScopes = (granted: readonly string[]) => readonly string[]

/** Returns the scopes that granted scopes imply, without the granted ones. */
type FindImpliedScopes = (granted: readonly string[]) => readonly string[]

/**
 * Checks the option `impliedScopes`. A record is transitive. A function receives the granted scopes
 * and returns those that they imply; its result is cached by the frozen list of granted scopes.
 *
 * @throws TypeError for a value of another type, for a text that is not a scope, and for a cycle, which it
 * names.
 */
export function compileImpliedScopes(option: ImpliedScopes | undefined): ExpandScopes | undefined {
  if (option === undefined) return undefined
  if (typeof option === 'function') return cachePerList((granted) => callImplied(option, granted))
  const implied = transitiveClosure(checkRecord(option))
  return cachePerList((granted) => granted.flatMap((scope) => [...(implied.get(scope) ?? [])]))
}

function checkRecord(option: unknown): Map<string, readonly string[]> {
  if (!isJsonObject(option)) {
    throw new TypeError('impliedScopes must be an object of lists of scopes, or a function')
  }
  const record = new Map<string, readonly string[]>()
  for (const [scope, implied] of Object.entries(option)) {
    const label = `impliedScopes[${JSON.stringify(scope)}]`
    if (!isScope(scope)) throw new TypeError(`${label}: the name is not a scope`)
    if (!Array.isArray(implied)) throw new TypeError(`${label} must be a list of scopes`)
    record.set(scope, checkList(implied, label, 'a list of scopes', isScope) ?? [])
  }
  return record
}

/** Returns all scopes that each scope implies, directly or through others. */
function transitiveClosure(record: ReadonlyMap<string, readonly string[]>) {
  const closure = new Map<string, ReadonlySet<string>>()
  const visit = (scope: string, path: readonly string[]): ReadonlySet<string> => {
    const visited = closure.get(scope)
    if (visited !== undefined) return visited
    if (path.includes(scope)) {
      const cycle = [...path.slice(path.indexOf(scope)), scope].join(' -> ')
      throw new TypeError(`impliedScopes contains a cycle: ${cycle}`)
    }
    const all = new Set<string>()
    for (const implied of record.get(scope) ?? []) {
      all.add(implied)
      for (const indirect of visit(implied, [...path, scope])) all.add(indirect)
    }
    closure.set(scope, all)
    return all
  }
  for (const scope of record.keys()) visit(scope, [])
  return closure
}

function callImplied(
  implied: (granted: readonly string[]) => unknown,
  granted: readonly string[],
): readonly string[] {
  const scopes = callForList('impliedScopes', () => implied(granted))
  if (scopes === undefined) throw new TypeError('impliedScopes must return an array of strings')
  return scopes.filter(isScope)
}

/**
 * Creates a function that adds the granted scopes to those that they imply. It keeps the result of each frozen
 * list for as long as the list itself is in memory. Tokens with the same scopes mostly share one frozen list. A
 * list that can still change is expanded every time.
 */
function cachePerList(findImplied: FindImpliedScopes): ExpandScopes {
  const expansions = new WeakMap<readonly string[], readonly string[]>()
  return (granted) => {
    const cached = expansions.get(granted)
    if (cached !== undefined) return cached
    const expanded = Object.freeze([...new Set([...granted, ...findImplied(granted)])])
    if (Object.isFrozen(granted)) expansions.set(granted, expanded)
    return expanded
  }
}
