/**
 * @module What a route requires of a verified token: checked and compiled once, at construction.
 */
import type { Requirement } from '../access-token.ts'
import { checkFunction, readOwnOptions } from '../options/checks.ts'
import { type CompiledAuthentication, compileAuthentication } from './authentication.ts'
import { checkScopes, type ScopeRequirement } from './scopes.ts'

/**
 * A requirement that passed its checks. It is a copy, so that later changes to the original have no
 * effect, and has every member of its own, so that none is inherited.
 */
export interface CompiledRequirement extends ScopeRequirement {
  readonly authentication: CompiledAuthentication | undefined
  readonly authorizationDetails: Requirement['authorizationDetails']
  readonly check: Requirement['check']
  /** Why no token fulfils it; `undefined` for every requirement of the application. */
  readonly denial: string | undefined
}

const names = ['scopes', 'anyScope', 'authentication', 'authorizationDetails', 'check'] as const
const compiled = new WeakSet<object>()
// Another copy of the package does not know what was compiled here: it compiles the source again.
const source: unique symbol = Symbol.for('oauth-resource-server.requirement')

/** What a requirement was compiled from. */
type Source = Requirement | { readonly denial: string }

/** @throws TypeError for unknown names, malformed values, and where nothing is required. */
export function compileRequirement(requirement: Requirement, label: string): CompiledRequirement {
  if (compiled.has(requirement)) return requirement as CompiledRequirement
  const foreign = findSource(requirement)
  if (foreign !== undefined) {
    return 'denial' in foreign
      ? createDenial(foreign.denial)
      : compileRequirement(foreign, `${label}, of another copy of oauth-resource-server,`)
  }
  const options = readOwnOptions<Requirement>(requirement, names, label)
  if (names.every((name) => options[name] === undefined)) {
    const last = names.at(-1)
    throw new TypeError(
      `${label} requires nothing: set ${names.slice(0, -1).join(', ')} or ${last}`,
    )
  }
  const { authorizationDetails, check } = options
  checkFunction(authorizationDetails, `${label}.authorizationDetails`)
  checkFunction(check, `${label}.check`)
  return freezeCompiled({
    scopes: checkScopes(options.scopes, `${label}.scopes`) ?? [],
    anyScope: checkScopes(options.anyScope, `${label}.anyScope`) ?? [],
    authentication: compileAuthentication(options.authentication, `${label}.authentication`),
    authorizationDetails,
    check,
    denial: undefined,
    [source]: options,
  })
}

/**
 * Creates a requirement that no token fulfils.
 *
 * @param denial The reason, for the operator.
 */
export function createDenial(denial: string): CompiledRequirement {
  const refuseAll = compileRequirement({ check: () => false }, 'denial')
  return freezeCompiled({ ...refuseAll, denial, [source]: { denial } })
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
