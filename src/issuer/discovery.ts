/**
 * @module Where an issuer's keys are: its metadata, by RFC 8414 or by OpenID Connect Discovery.
 *
 * @see {@link https://www.rfc-editor.org/rfc/rfc8414#section-3 | RFC 8414, section 3}
 */
import { printable, slashHint } from '../errors.ts'
import { FetchFailure, type JsonAnswer } from '../internal/fetch-json.ts'
import { validateFetchedUrl } from '../internal/secure-url.ts'

/** What of an issuer's metadata is used. `id_token_signing_alg_values_supported` is not: it is not about access tokens. */
export interface Metadata {
  readonly jwksUri: string
  readonly cacheControl: string | undefined
}

/**
 * Where an issuer's metadata may be, in the order in which they are tried: RFC 8414's form, where the
 * well-known part stands between host and path; the same with OpenID Connect's name; and OpenID
 * Connect's own form, where it stands at the end.
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
 * Reads an issuer's metadata. An answer that is no metadata document of this issuer leads on to the
 * next form; a server in trouble does not, for another form might be another document. Of redirects
 * only one is followed, and by hand: to the same URL with a slash at its end.
 *
 * @throws FetchFailure, the most telling one.
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
      if (!(error instanceof FetchFailure) || isTrouble(error)) throw error
      if (failure?.reason !== 'issuer_mismatch') failure = error
      if (leadsToSlash(error, url)) urls.unshift(`${url}/`)
    }
  }
  throw failure
}

/** An https issuer may not send us to a port of this machine that anybody here can open. */
function doubtDowngrade(jwksUri: string, issuer: string, allowed: boolean): string | undefined {
  if (jwksUri.length > maxUrlLength) return `is longer than ${maxUrlLength} characters`
  const isSecure = (url: string) => new URL(url).protocol === 'https:'
  return isSecure(issuer) && !isSecure(jwksUri) && !allowed
    ? 'is http, though the issuer is https'
    : undefined
}

const maxUrlLength = 2_048

function isTrouble({ reason, status = 0 }: FetchFailure): boolean {
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
    throw new FetchFailure('not_metadata', url, 'the answer is no metadata: it names no issuer')
  }
  // RFC 8414 §3.3: identical, code point by code point, or the document MUST NOT be used.
  if (actual !== issuer) {
    const hint = slashHint(issuer, actual)
    throw new FetchFailure(
      'issuer_mismatch',
      url,
      `the metadata are of issuer ${printable(actual)}, not of ${issuer}${hint ? ` (${hint})` : ''}`,
    )
  }
  const doubt =
    validateFetchedUrl(jwksUri, allowInsecureHttp) ??
    doubtDowngrade(jwksUri as string, issuer, allowInsecureHttp)
  if (doubt !== undefined) throw new FetchFailure('not_metadata', url, `jwks_uri ${doubt}`)
  return { jwksUri: jwksUri as string, cacheControl }
}
