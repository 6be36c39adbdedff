/**
 * @module Discovery of an issuer's keys through its metadata, by RFC 8414 or OpenID Connect Discovery.
 *
 * @see {@link https://www.rfc-editor.org/rfc/rfc8414#section-3 | RFC 8414, section 3}
 */
import { FetchFailure, type JsonResponse } from '../internal/fetch-json.ts'
import { printable, slashHint } from '../internal/printable.ts'
import { findFetchedUrlProblem } from '../internal/secure-url.ts'

/** The part of an issuer's metadata that is used. `id_token_signing_alg_values_supported` is not, because it does not apply to access tokens. */
export interface Metadata {
  readonly jwksUri: string
  readonly cacheControl: string | undefined
}

/**
 * Lists the URLs at which an issuer's metadata may be, in the order in which they are tried: that of
 * RFC 8414, with the well-known part between host and path; the same with `openid-configuration`; and
 * that of OpenID Connect Discovery, with the well-known part at the end.
 */
export function metadataUrls(issuer: string): string[] {
  // RFC 8414 §3.1: a slash that ends the issuer is removed first.
  const [, origin = '', path = ''] = /^([a-z]+:\/\/[^/]+)(.*?)\/?$/i.exec(issuer) ?? []
  return [
    ...new Set([
      `${origin}/.well-known/oauth-authorization-server${path}`,
      `${origin}/.well-known/openid-configuration${path}`,
      `${origin}${path}/.well-known/openid-configuration`,
    ]),
  ]
}

/**
 * Reads from an issuer's metadata where its keys are.
 *
 * @throws FetchFailure
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
 * Fetches an issuer's metadata. Tries the next URL after a response that is not a metadata document of
 * this issuer, or that `read` refuses, but not after an outage, because another URL may have another
 * document. The only redirect that is followed leads to the same URL with a slash at its end.
 *
 * @param read Reads the members of a document whose `issuer` is the right one.
 * @throws FetchFailure: the last of the most specific ones.
 */
export async function fetchMetadata<T>(
  issuer: string,
  get: (url: string) => Promise<JsonResponse>,
  read: (json: MetadataDocument, url: string, cacheControl: string | undefined) => T,
): Promise<T> {
  const urls = metadataUrls(issuer)
  let failure: FetchFailure | undefined
  for (let url = urls.shift(); url !== undefined; url = urls.shift()) {
    try {
      const { json = {}, cacheControl } = await get(url)
      validateIssuer(json, url, issuer)
      return read(json, url, cacheControl)
    } catch (error) {
      if (!(error instanceof FetchFailure) || isOutage(error)) throw error
      if (failure === undefined || rank(error) >= rank(failure)) failure = error
      if (error.leadsToSlash) urls.unshift(`${url}/`)
    }
  }
  throw failure
}

const maxUrlLength = 2_048

/** @returns What is wrong with a URL of the metadata; `undefined` if it may be fetched. */
function validateMetadataUrl(
  value: unknown,
  issuer: string,
  allowInsecureHttp: boolean,
): string | undefined {
  const problem = findFetchedUrlProblem(value, allowInsecureHttp)
  if (problem !== undefined) return problem
  const url = value as string
  if (url.length > maxUrlLength) return `is longer than ${maxUrlLength} characters`
  // Any local user may listen on an http port of this machine, so an https issuer cannot name one.
  const isSecure = (text: string) => new URL(text).protocol === 'https:'
  return isSecure(issuer) && !isSecure(url) && !allowInsecureHttp
    ? 'is http, though the issuer is https'
    : undefined
}

/**
 * Orders failures by how specific they are: no metadata document, an incomplete one, one of another
 * issuer.
 */
function rank({ reason }: FetchFailure): number {
  return ['not_metadata', 'issuer_mismatch'].indexOf(reason)
}

function isOutage({ reason, status = 0 }: FetchFailure): boolean {
  return reason === 'network' || reason === 'timeout' || status >= 500 || status === 429
}

/** The members of a metadata document, unchecked. */
export type MetadataDocument = Readonly<Record<string, unknown>>

function validateIssuer({ issuer: actual }: MetadataDocument, url: string, issuer: string): void {
  if (typeof actual !== 'string') {
    throw new FetchFailure('not_metadata', url, 'the response is not metadata: it has no issuer')
  }
  // RFC 8414 §3.3: if the issuer is not identical, the document MUST NOT be used.
  if (actual !== issuer) {
    const hint = slashHint(issuer, actual)
    throw new FetchFailure(
      'issuer_mismatch',
      url,
      `the metadata is of issuer ${printable(actual)}, not of ${printable(issuer)}${hint ? ` (${hint})` : ''}`,
    )
  }
}

/** Where a member of the metadata was found, and what it may contain. */
export interface MetadataSource {
  readonly url: string
  readonly issuer: string
  readonly allowInsecureHttp: boolean
}

/** The metadata have no URL of this name. */
export class MissingUrlFailure extends FetchFailure {
  readonly member: string

  constructor(url: string, member: string) {
    super('not_metadata', url, `${member} is missing`)
    this.member = member
  }
}

/**
 * Reads a member of the metadata that is a URL to fetch from.
 *
 * @throws FetchFailure if it may not be fetched; MissingUrlFailure if there is none.
 */
export function readMetadataUrl(
  json: MetadataDocument,
  name: string,
  { url, issuer, allowInsecureHttp }: MetadataSource,
): string {
  const value = json[name]
  if (value === undefined || value === null) throw new MissingUrlFailure(url, name)
  const problem = validateMetadataUrl(value, issuer, allowInsecureHttp)
  if (problem !== undefined) throw new FetchFailure('not_metadata', url, `${name} ${problem}`)
  return value as string
}
