/**
 * @module Discovery of an issuer's keys through its metadata, by RFC 8414 or OpenID Connect Discovery.
 *
 * @see {@link https://www.rfc-editor.org/rfc/rfc8414#section-3 | RFC 8414, section 3}
 */

import { FetchFailure, type JsonAnswer } from '../internal/fetch-json.ts'
import { printable, slashHint } from '../internal/printable.ts'
import { validateFetchedUrl } from '../internal/secure-url.ts'

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
 * Reads an issuer's metadata. Tries the next URL after a response that is not a metadata document of
 * this issuer, but not after an outage, because another URL may have another document. The only redirect
 * that is followed leads to the same URL with a slash at its end.
 *
 * @throws FetchFailure: the last one, or the first one for a document of another issuer.
 */
export async function discover(
  issuer: string,
  allowInsecureHttp: boolean,
  get: (url: string) => Promise<JsonAnswer>,
): Promise<Metadata> {
  const urls = metadataUrls(issuer)
  let failure: FetchFailure | undefined
  for (let url = urls.shift(); url !== undefined; url = urls.shift()) {
    try {
      return readMetadata(await get(url), url, issuer, allowInsecureHttp)
    } catch (error) {
      if (!(error instanceof FetchFailure) || isOutage(error)) throw error
      if (failure?.reason !== 'issuer_mismatch') failure = error
      if (leadsToSlash(error, url)) urls.unshift(`${url}/`)
    }
  }
  throw failure
}

const maxUrlLength = 2_048

/** @returns What is wrong with a `jwks_uri`; `undefined` if it may be fetched. */
function validateJwksUri(
  jwksUri: unknown,
  issuer: string,
  allowInsecureHttp: boolean,
): string | undefined {
  const problem = validateFetchedUrl(jwksUri, allowInsecureHttp)
  if (problem !== undefined) return problem
  const url = jwksUri as string
  if (url.length > maxUrlLength) return `is longer than ${maxUrlLength} characters`
  // Any local user may listen on an http port of this machine, so an https issuer cannot name one.
  const isSecure = (text: string) => new URL(text).protocol === 'https:'
  return isSecure(issuer) && !isSecure(url) && !allowInsecureHttp
    ? 'is http, though the issuer is https'
    : undefined
}

function isOutage({ reason, status = 0 }: FetchFailure): boolean {
  return reason === 'network' || reason === 'timeout' || status >= 500 || status === 429
}

function leadsToSlash({ location }: FetchFailure, url: string): boolean {
  if (location === undefined || url.endsWith('/') || !URL.canParse(location, url)) return false
  return new URL(location, url).href === new URL(`${url}/`).href
}

function readMetadata(
  { json, cacheControl }: JsonAnswer,
  url: string,
  issuer: string,
  allowInsecureHttp: boolean,
): Metadata {
  const { issuer: actual, jwks_uri: jwksUri } = json ?? {}
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
  const problem = validateJwksUri(jwksUri, issuer, allowInsecureHttp)
  if (problem !== undefined) throw new FetchFailure('not_metadata', url, `jwks_uri ${problem}`)
  return { jwksUri: jwksUri as string, cacheControl }
}
