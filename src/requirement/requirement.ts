/**
 * @module What a route requires of a verified token, checked and compiled. That of a middleware or a validator
 * is compiled once, at construction; one that is passed to a method of a validator, on each call.
 */
import type { Requirement } from '../access-token.ts'
import { checkFunction, readOwnOptions } from '../options/checks.ts'
import { type CompiledAuthentication, compileAuthentication } from './authentication.ts'
import { checkScopes, type ScopeRequirement } from './scopes.ts'

/**
 * A checked requirement. It is a copy, so that later changes to the original have no effect. It has every
 * member as an own property, so that none is inherited.
 */
export interface CompiledRequirement extends ScopeRequirement {
  readonly authentication: CompiledAuthentication | undefined
  readonly authorizationDetails: Requirement['authorizationDetails']
  readonly check: Requirement['check']
  /** Set if no token can fulfil the requirement: the reason, for the operator. */
  readonly unfulfillableReason: string | undefined
}

const memberNames = [
  'scopes',
  'anyScope',
  'authentication',
  'authorizationDetails',
  'check',
] as const
const compiled = new WeakSet<object>()
// If the process has a second copy of the package, that copy compiles the source again.
const source: unique symbol = Symbol.for('oauth-resource-server.requirement')

/** What a requirement was compiled from. */
type Source = Requirement | { readonly unfulfillableReason: string }

/** @throws TypeError for unknown names, malformed values, and a requirement of nothing. */
export function compileRequirement(requirement: Requirement, label: string): CompiledRequirement {
  if (compiled.has(requirement)) return requirement as CompiledRequirement
  const foreign = findSource(requirement)
  if (foreign !== undefined) {
    return 'unfulfillableReason' in foreign
      ? createUnfulfillableRequirement(foreign.unfulfillableReason)
      : compileRequirement(foreign, `${label}, of another copy of oauth-resource-server,`)
  }
  const options = readOwnOptions<Requirement>(requirement, memberNames, label)
  if (memberNames.every((name) => options[name] === undefined)) {
    const last = memberNames.at(-1)
    throw new TypeError(
      `${label} requires nothing: set ${memberNames.slice(0, -1).join(', ')} or ${last}`,
    )
  }
  const { authorizationDetails, check } = options
  checkFunction(authorizationDetails, `${label}.authorizationDetails`)
  checkFunction(check, `${label}.check`)
  return freezeCompiled({
    scopes: checkScopes(options.scopes, `${label}.scopes`),
    anyScope: checkScopes(options.anyScope, `${label}.anyScope`),
    authentication: compileAuthentication(options.authentication, `${label}.authentication`),
    authorizationDetails,
    check,
    unfulfillableReason: undefined,
    [source]: options,
  })
}

/**
 * Creates a requirement that no token fulfils.
 *
 * @param reason For the operator.
 */
export function createUnfulfillableRequirement(reason: string): CompiledRequirement {
  const refuseAll = compileRequirement({ check: () => false }, 'unfulfillable')
  const unfulfillable = { unfulfillableReason: reason }
  return freezeCompiled({ ...refuseAll, ...unfulfillable, [source]: unfulfillable })
}

function freezeCompiled(
  requirement: CompiledRequirement & { [source]: Source },
): CompiledRequirement {
  compiled.add(Object.freeze(requirement))
  return requirement
}

/** Returns what another copy of the package compiled, if the requirement is its result. */
function findSource(requirement: unknown): Source | undefined {
  if (typeof requirement !== 'object' || requirement === null) return undefined
  return Object.hasOwn(requirement, source)
    ? (requirement as { readonly [source]: Source })[source]
    : undefined
}
