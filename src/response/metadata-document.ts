/**
 * @module Creates the metadata document of this API. Clients read it before they request a token.
 *
 * @see {@link https://www.rfc-editor.org/rfc/rfc9728#section-2 | RFC 9728, section 2}
 */

import { freezeDeep } from '../internal/deep-freeze.ts'
import type { JsonObject } from '../internal/json-object.ts'
import { parseUrl } from '../internal/parse-url.ts'
import { printable } from '../internal/printable.ts'
import { isScope, splitScopes } from '../internal/scope-syntax.ts'
import { findPublishedUrlProblem } from '../internal/secure-url.ts'
import { checkList, isFilledString } from '../options/checks.ts'
import { type IdentifiedResource, metadataUrl } from '../options/resource.ts'
import type { TokenLocation } from '../options/types.ts'
import { readAdditionalMembers } from './additional-members.ts'

export interface ResourceMetadata {
  /** Where clients find the document. */
  readonly url: string
  /** Deeply frozen. */
  readonly document: Readonly<Record<string, unknown>>
  /** Seconds. Not enumerable, because only the adapters need it. */
  readonly maxAge: number
}

/** The default of the option `resource.maxAge`, in seconds. */
export const defaultMaxAge = 3600

/** The behaviour of the validator that the document must describe. */
export interface ResourceContext {
  /** The issuer identifiers; `undefined` where `issuer` is a function. */
  readonly issuers: readonly string[] | undefined
  /** The option `tokenLocations`. */
  readonly tokenLocations: readonly TokenLocation[]
  readonly dpop?: { readonly algorithms: readonly string[]; readonly required: boolean } | undefined
  /** Whether tokens that are bound to a client certificate are accepted. */
  readonly mtls?: boolean | undefined
}

/**
 * Checks the members of the option `resource` and creates the document.
 *
 * @throws TypeError that names the option.
 */
export function createResourceMetadata(
  options: IdentifiedResource,
  context: ResourceContext,
): ResourceMetadata {
  const { identifier } = options
  const additional = readAdditionalMembers(options.metadata)
  const behaviour = createBehaviourMembers(identifier, context)
  refuseContradictions(additional, behaviour)
  const optionMembers = createOptionMembers(options, context, additional)
  const members = { ...additional, ...behaviour, ...optionMembers }
  const present = Object.entries(members).filter(isPresent)
  // Not an object literal: a member may have the name __proto__.
  const document = freezeDeep(Object.fromEntries(present))
  const metadata = { url: metadataUrl(identifier), document }
  const maxAge = { value: checkMaxAge(options.maxAge) }
  return Object.freeze(Object.defineProperty(metadata, 'maxAge', maxAge)) as ResourceMetadata
}

/** The members that follow from what the validator does. */
function createBehaviourMembers(
  identifier: string,
  { tokenLocations, dpop, mtls }: ResourceContext,
): JsonObject {
  // RFC 6750 §2.1: the header is always supported.
  const otherMethods = (['body', 'query'] as const).filter((method) =>
    tokenLocations.includes(method),
  )
  return {
    resource: identifier,
    // RFC 9728 §2: an empty array says that no method for bearer tokens is supported.
    bearer_methods_supported: dpop?.required ? [] : ['header', ...otherMethods],
    dpop_signing_alg_values_supported: dpop && [...dpop.algorithms],
    dpop_bound_access_tokens_required: dpop?.required ? true : undefined,
    tls_client_certificate_bound_access_tokens: mtls ? true : undefined,
  }
}

/** The members that have an option. They may be set in `metadata` instead, with the same checks. */
function createOptionMembers(
  options: IdentifiedResource,
  { issuers }: ResourceContext,
  additionalMembers: JsonObject,
): JsonObject {
  /** Reads a member from its option, or else from `metadata`. */
  const read = (
    name: keyof IdentifiedResource,
    member: string,
  ): [value: unknown, label: string] => {
    const label = `resource.metadata.${member}`
    if (options[name] === undefined) return [additionalMembers[member], label]
    if (
      Object.hasOwn(additionalMembers, member) &&
      !isEqual(additionalMembers[member], options[name])
    ) {
      throw new TypeError(`${label} contradicts resource.${name}`)
    }
    return [options[name], `resource.${name}`]
  }
  return {
    authorization_servers: checkServers(
      ...read('authorizationServers', 'authorization_servers'),
      issuers,
    ),
    scopes_supported: checkScopesSupported(...read('scopes', 'scopes_supported')),
    resource_name: checkName(...read('name', 'resource_name')),
    resource_documentation: checkPage(...read('documentation', 'resource_documentation')),
    resource_policy_uri: checkPage(...read('policyUri', 'resource_policy_uri')),
    resource_tos_uri: checkPage(...read('tosUri', 'resource_tos_uri')),
  }
}

function checkServers(
  value: unknown,
  label: string,
  issuers: readonly string[] | undefined,
): readonly string[] {
  const listed = checkList(value, label, 'issuer identifiers', isFilledString)
  const servers = listed ?? issuers
  if (servers === undefined) {
    throw new TypeError('resource.authorizationServers is required where issuer is a function')
  }
  const start = listed
    ? `${label}:`
    : 'resource.authorizationServers is required, because the issuer'
  for (const server of servers) {
    // An issuer of the validator has passed the checks of the option `issuer`, so http is accepted here too.
    const allowInsecureHttp = issuers?.includes(server) ?? false
    const problem = findPublishedUrlProblem(server, { allowInsecureHttp })
    if (problem === undefined && !server.includes('?')) continue
    const reason = problem ?? 'has a query'
    throw new TypeError(`${start} ${JSON.stringify(printable(server))} ${reason}`)
  }
  return [...new Set(servers)]
}

function checkScopesSupported(value: unknown, label: string): readonly string[] | undefined {
  const list = typeof value === 'string' ? splitScopes(value) : value
  if (Array.isArray(list) && list.length === 0) return undefined
  const scopes = checkList(list, label, 'a scope or a list of scopes', isScope)
  // MCP: a server should not list offline_access, which concerns only client and authorization server.
  return scopes && [...new Set(scopes)].filter((scope) => scope !== 'offline_access')
}

function checkName(value: unknown, label: string): string | undefined {
  if (value === undefined || isFilledString(value)) return value
  throw new TypeError(`${label} must be a string that is not empty`)
}

function checkPage(value: unknown, label: string): string | undefined {
  if (value === undefined) return undefined
  if (isFilledString(value) && /^https?:\/\//i.test(value) && parseUrl(value)) return value
  throw new TypeError(`${label} must be an http or https URL`)
}

function checkMaxAge(value: unknown): number {
  if (value === undefined) return defaultMaxAge
  if (typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= 31_536_000) {
    return value
  }
  throw new TypeError('resource.maxAge must be a whole number of seconds between 0 and 31536000')
}

// RFC 9728 §2: a boolean that is absent is false. The only other member of `createBehaviourMembers` that may
// be undefined is a list, `dpop_signing_alg_values_supported`.
const defaultValues: JsonObject = {
  dpop_bound_access_tokens_required: false,
  tls_client_certificate_bound_access_tokens: false,
}

function refuseContradictions(additionalMembers: JsonObject, behaviour: JsonObject): void {
  for (const [name, value] of Object.entries(additionalMembers)) {
    if (!Object.hasOwn(behaviour, name)) continue
    const expected = behaviour[name] ?? defaultValues[name] ?? []
    if (isEqual(value, expected)) continue
    const problem = `contradicts the other options: they require ${JSON.stringify(expected)}`
    throw new TypeError(`resource.metadata.${name} ${problem}`)
  }
}

/** Whether two JSON values have the same text. The order of elements and of members counts. */
function isEqual(a: unknown, b: unknown): boolean {
  return JSON.stringify(a) === JSON.stringify(b)
}

// RFC 9728 §3.2: parameters with zero elements are omitted, except bearer_methods_supported, where §2
// defines the empty array.
function isPresent([name, value]: [string, unknown]): boolean {
  if (name === 'bearer_methods_supported') return true
  return value !== undefined && !(Array.isArray(value) && value.length === 0)
}
