/**
 * @module The option `resource`: its type, the identifier of this API, and the URL of its metadata. The
 * other members are checked where the document is created, in `response/metadata-document.ts`.
 *
 * @see {@link https://www.rfc-editor.org/rfc/rfc9728#section-3.1 | RFC 9728, section 3.1}
 */
import { printable } from '../internal/printable.ts'
import { findPublishedUrlProblem } from '../internal/secure-url.ts'
import { readOwnOptions } from './checks.ts'

/**
 * How this API describes itself to clients.
 *
 * @see {@link https://www.rfc-editor.org/rfc/rfc9728#section-2 | RFC 9728, section 2}
 */
export interface ResourceOptions {
  /**
   * The resource identifier, published exactly as it is here: an `https` URL (`http` on a loopback
   * host) without a fragment.
   */
  readonly identifier: string
  /** The scopes that clients may need. A string is a list separated by spaces. */
  readonly scopes?: string | readonly string[] | undefined
  /** The name to display to users. */
  readonly name?: string | undefined
  /** The URL of the developer documentation. */
  readonly documentation?: string | undefined
  /** The URL of the requirements on how clients may use the data. */
  readonly policyUri?: string | undefined
  /** The URL of the terms of service. */
  readonly tosUri?: string | undefined
  /**
   * The issuer identifiers of the authorization servers.
   * @defaultValue the issuers; required where `issuer` is a function
   */
  readonly authorizationServers?: string | readonly string[] | undefined
  /** Additional members of the metadata document. They must not contradict what the validator does. */
  readonly metadata?: Readonly<Record<string, unknown>> | undefined
  /**
   * For how many seconds clients may cache the metadata document: 0 to 31,536,000.
   * @defaultValue 3600
   */
  readonly maxAge?: number | undefined
}

/** The option `resource` after the check of its names and its identifier. */
export type IdentifiedResource = Partial<ResourceOptions> & Pick<ResourceOptions, 'identifier'>

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
export function readResource(value: unknown): IdentifiedResource | undefined {
  if (value === undefined) return undefined
  if (typeof value === 'string') return { identifier: checkIdentifier(value, 'resource') }
  const options = readOwnOptions<ResourceOptions>(value, optionNames, 'resource')
  return { ...options, identifier: checkIdentifier(options.identifier, 'resource.identifier') }
}

/**
 * Checks a resource identifier: an `https` URL, or an `http` URL on a loopback host, without a fragment.
 * A query is allowed but not recommended, so it causes a process warning.
 */
function checkIdentifier(value: unknown, label: string): string {
  const shown = typeof value === 'string' ? JSON.stringify(printable(value)) : printable(value)
  const problem = findPublishedUrlProblem(value, { allowInsecureHttp: true })
  if (problem !== undefined) throw new TypeError(`${label} ${shown} ${problem}`)
  const identifier = value as string
  if (findPublishedUrlProblem(identifier, { allowInsecureHttp: false }) !== undefined) {
    throw new TypeError(`${label} ${shown} must be an https URL, or an http URL of a loopback host`)
  }
  const { path, query } = splitUrl(identifier)
  // `URL` resolves dot segments, so a client would request another path than the one that is served.
  if (/\/(?:\.|%2e){1,2}(?:\/|$)/i.test(path)) {
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
 * ASCII, because it is part of a header: other characters are encoded.
 *
 * @param identifier Checked by {@link readResource}.
 */
export function metadataUrl(identifier: string): string {
  const { scheme, host, path, query } = splitUrl(identifier)
  // RFC 9728 §3.1: a slash that ends the URL directly after the host is removed.
  const inserted = `${scheme}${host}${wellKnownPath}${path === '/' ? '' : path}${query}`
  const { origin, pathname, search } = new URL(inserted)
  const isAscii = /^[\x21-\x7e]+$/.test(host)
  return `${isAscii ? scheme + host : origin}${pathname}${search}`
}

type UrlParts = Readonly<Record<'scheme' | 'host' | 'path' | 'query', string>>

const urlParts = /^(?<scheme>[a-z]+:\/\/)(?<host>[^/?]+)(?<path>[^?]*)(?<query>.*)$/i

/** @param identifier Checked by {@link findPublishedUrlProblem}, so it matches. */
function splitUrl(identifier: string): UrlParts {
  const { groups } = urlParts.exec(identifier) as RegExpExecArray
  return groups as UrlParts
}
