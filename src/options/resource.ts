/**
 * @module The option `resource`: the identifier of this API, and the URL of its metadata. The other
 * members are checked where the document is created, in `response/resource-metadata.ts`.
 *
 * @see {@link https://www.rfc-editor.org/rfc/rfc9728#section-3.1 | RFC 9728, section 3.1}
 */
import { printable } from '../internal/printable.ts'
import { validatePublishedUrl } from '../internal/secure-url.ts'
import { readOwnOptions } from './checks.ts'
import type { ResourceOptions } from './types.ts'

/** The option `resource`, of which the names and the identifier have been checked. */
export type NamedResource = Partial<ResourceOptions> & Pick<ResourceOptions, 'identifier'>

const wellKnownPath = '/.well-known/oauth-protected-resource'

const optionNames: readonly (keyof ResourceOptions)[] = [
  'identifier',
  'scopes',
  'name',
  'documentation',
  'policyUri',
  'tosUri',
  'authorizationServers',
  'metadata',
  'maxAge',
]

/** @throws TypeError that names the option. */
export function readResource(value: unknown): NamedResource | undefined {
  if (value === undefined) return undefined
  if (typeof value === 'string') return { identifier: checkIdentifier(value, 'resource') }
  const options = readOwnOptions<ResourceOptions>(value, optionNames, 'resource')
  return { ...options, identifier: checkIdentifier(options.identifier, 'resource.identifier') }
}

/**
 * Checks a resource identifier: an `https` URL, or an `http` URL of this machine, without a fragment.
 * A query is allowed but not recommended, and causes a process warning.
 */
function checkIdentifier(value: unknown, label: string): string {
  const shown = typeof value === 'string' ? JSON.stringify(printable(value)) : printable(value)
  const problem = validatePublishedUrl(value, true)
  if (problem !== undefined) throw new TypeError(`${label} ${shown} ${problem}`)
  const identifier = value as string
  if (validatePublishedUrl(identifier, false) !== undefined) {
    throw new TypeError(`${label} ${shown} must be an https URL, or an http URL of a loopback host`)
  }
  const { path, query } = partsOf(identifier)
  // URL would resolve these, so the client would ask for another path than the one that is served.
  if (/(?:^|\/)(?:\.|%2e){1,2}(?:\/|$)/i.test(path)) {
    throw new TypeError(`${label} ${shown} has a dot segment in its path`)
  }
  // RFC 8707 §2, RFC 9728 §1.2: SHOULD NOT include a query component.
  if (query !== '') {
    const type = 'OAuthResourceServerWarning'
    process.emitWarning(`${label} ${shown} has a query, which RFC 9728 advises against`, { type })
  }
  return identifier
}

/**
 * Returns the URL of the metadata: the well-known path is inserted between host and path. The URL is
 * ASCII, because it is part of a header: other characters are percent-encoded.
 *
 * @param identifier Checked by {@link readResource}.
 */
export function metadataUrl(identifier: string): string {
  const { scheme, host, path, query } = partsOf(identifier)
  // RFC 9728 §3.1: a slash that ends the URL directly after the host is removed.
  const inserted = `${scheme}${host}${wellKnownPath}${path === '/' ? '' : path}${query}`
  const { origin, pathname, search } = new URL(inserted)
  const isAscii = /^[\x21-\x7e]+$/.test(host)
  return `${isAscii ? scheme + host : origin}${pathname}${search}`
}

function partsOf(url: string) {
  const match = /^([a-z]+:\/\/)([^/?]+)([^?]*)(.*)$/i.exec(url)
  const [, scheme = '', host = '', path = '', query = ''] = match ?? []
  return { scheme, host, path, query }
}
