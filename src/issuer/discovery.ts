/**
 * @module Reads the metadata of an issuer, by RFC 8414 or OpenID Connect Discovery, to find the URLs of its
 * keys and of its introspection endpoint.
 *
 * @see {@link https://www.rfc-editor.org/rfc/rfc8414#section-3 | RFC 8414, section 3}
 */
import { FetchError, type JsonResponse } from '../internal/fetch-json.ts'
import { printable, slashHint } from '../internal/printable.ts'
import { findFetchedUrlProblem } from '../internal/secure-url.ts'

/**
 * What is needed to fetch keys. `id_token_signing_alg_values_supported` is not read, because it does not
 * apply to access tokens.
 */
export interface Metadata {
  readonly jwksUri: string
  /** The `Cache-Control` of the metadata document. */
  readonly cacheControl: string | undefined
}

/**
 * Lists the URLs at which an issuer's metadata may be, in the order in which they are tried: the URL of
 * RFC 8414, with the well-known part between host and path; the same with `openid-configuration`; and the
 * URL of OpenID Connect Discovery, with the well-known part at the end.
 *
 * @param issuer A URL in its parsed form, so that it begins with its origin.
 */
export function listMetadataUrls(issuer: string): string[] {
  const { origin } = new URL(issuer)
  // RFC 8414 §3.1: a slash that ends the issuer is removed first.
  const path = issuer.slice(origin.length).replace(/\/$/, '')
  return [
    ...new Set([
      `${origin}/.well-known/oauth-authorization-server${path}`,
      `${origin}/.well-known/openid-configuration${path}`,
      `${origin}${path}/.well-known/openid-configuration`,
    ]),
  ]
}

/**
 * Fetches an issuer's metadata and reads the URL of its keys.
 *
 * @throws FetchError
 */
export function discover(
  issuer: string,
  allowInsecureHttp: boolean,
  get: (url: string) => Promise<JsonResponse>,
): Promise<Metadata> {
  return fetchMetadata(issuer, get, (json, url, cacheControl) => ({
    jwksUri: readMetadataUrl(json, 'jwks_uri', { url, issuer, allowInsecureHttp }),
    cacheControl,
  }))
}

/**
 * Fetches an issuer's metadata. Tries the next URL if a response is not a metadata document of this issuer,
 * or `read` refuses the document. Does not try another URL after an outage, because the document there may
 * differ. Follows a redirect only to the same URL with a slash at its end.
 *
 * @param read Reads the members of a document whose `issuer` has been validated.
 * @throws FetchError: an outage; otherwise the most specific failure, and the last of several such.
 */
export async function fetchMetadata<T>(
  issuer: string,
  get: (url: string) => Promise<JsonResponse>,
  read: (json: MetadataDocument, url: string, cacheControl: string | undefined) => T,
): Promise<T> {
  const urls = listMetadataUrls(issuer)
  let failure: FetchError | undefined
  for (let url = urls.shift(); url !== undefined; url = urls.shift()) {
    try {
      const { json = {}, cacheControl } = await get(url)
      validateIssuer(json, url, issuer)
      return read(json, url, cacheControl)
    } catch (error) {
      if (!(error instanceof FetchError) || isOutage(error)) throw error
      if (failure === undefined || rank(error) >= rank(failure)) failure = error
      if (error.leadsToSlash) urls.unshift(`${url}/`)
    }
  }
  throw failure
}

const maxUrlLength = 2_048

/** @returns What is wrong with a URL from the metadata; `undefined` if it may be fetched. */
function findMetadataUrlProblem(
  value: unknown,
  issuer: string,
  allowInsecureHttp: boolean,
): string | undefined {
  const problem = findFetchedUrlProblem(value, allowInsecureHttp)
  if (problem !== undefined) return problem
  const url = value as string
  if (url.length > maxUrlLength) return `is longer than ${maxUrlLength} characters`
  // Any local user may listen on a port of this machine, so an https issuer may not name an http URL on it.
  const isSecure = (text: string) => new URL(text).protocol === 'https:'
  return isSecure(issuer) && !isSecure(url) && !allowInsecureHttp
    ? 'is http, though the issuer is https'
    : undefined
}

/**
 * Returns how specific a failure is: 1 for the metadata of another issuer, 0 for metadata that cannot be
 * used, -1 for any other failure.
 */
function rank({ reason }: FetchError): number {
  return ['not_metadata', 'issuer_mismatch'].indexOf(reason)
}

function isOutage({ reason, status = 0 }: FetchError): boolean {
  return reason === 'network' || reason === 'timeout' || status >= 500 || status === 429
}

/** The members of a metadata document, which are not checked yet. */
export type MetadataDocument = Readonly<Record<string, unknown>>

function validateIssuer({ issuer: actual }: MetadataDocument, url: string, issuer: string): void {
  if (typeof actual !== 'string') {
    throw new FetchError('not_metadata', url, 'the response is not metadata: it has no issuer')
  }
  // RFC 8414 §3.3: if the issuer is not identical, the document MUST NOT be used.
  if (actual !== issuer) {
    const hint = slashHint(issuer, actual)
    throw new FetchError(
      'issuer_mismatch',
      url,
      `the metadata is of issuer ${printable(actual)}, not of ${printable(issuer)}${hint ? ` (${hint})` : ''}`,
    )
  }
}

/** The document that a member is read from, and which URLs are allowed. */
export interface MetadataSource {
  readonly url: string
  readonly issuer: string
  readonly allowInsecureHttp: boolean
}

/** The metadata has no URL of this name. */
export class MissingUrlError extends FetchError {
  constructor(url: string, member: string) {
    super('not_metadata', url, `${member} is missing`)
  }
}

/**
 * Reads a member of the metadata that is a URL to fetch from.
 *
 * @throws FetchError if the URL may not be fetched; MissingUrlError if there is none.
 */
export function readMetadataUrl(
  json: MetadataDocument,
  name: string,
  { url, issuer, allowInsecureHttp }: MetadataSource,
): string {
  const value = json[name]
  if (value === undefined || value === null) throw new MissingUrlError(url, name)
  const problem = findMetadataUrlProblem(value, issuer, allowInsecureHttp)
  if (problem !== undefined) throw new FetchError('not_metadata', url, `${name} ${problem}`)
  return value as string
}
