/**
 * @module The option `introspection` of an issuer: its types, its checks and its defaults.
 *
 * @see {@link https://www.rfc-editor.org/rfc/rfc7662 | RFC 7662}
 */
import type { KeyObject } from 'node:crypto'
import type { JWK } from 'jose'
import { findFetchedIssuerProblem, findFetchedUrlProblem } from '../internal/secure-url.ts'
import { token68 } from '../internal/token68.ts'
import type { Algorithm } from '../signature/algorithms.ts'
import { checkBoolean, checkSeconds, isFilledString, readOwnOptions } from './checks.ts'
import { readClientAuthentication } from './client-authentication.ts'

/**
 * How this API authenticates at the introspection endpoint.
 *
 * - `client_secret_basic`: the id and the secret in the `Authorization` header. `encoding: 'form'`, the
 *   default, encodes both as RFC 6749 §2.3.1 requires; `'raw'` is for servers that do not decode them.
 * - `client_secret_post`: the secret in the body.
 * - `private_key_jwt`: an assertion that is signed with a private key (RFC 7523 §2.2). By default
 *   `audience` is the issuer, and `algorithm` is the `alg` of the key or the first one for its type.
 * - `tls_client_auth`: a client certificate (RFC 8705 §2), which the option `fetch` has to present.
 * - `none`: no authentication, in a network where only this API reaches the endpoint.
 * - `bearer`: an access token that authenticates this API. `token` is called for every introspection, so it
 *   should cache. If it fails or returns no bearer token, the response is 503.
 */
export type ClientAuthenticationOptions =
  | {
      readonly method: 'client_secret_basic'
      readonly clientId: string
      readonly clientSecret: string
      readonly encoding?: 'form' | 'raw' | undefined
    }
  | {
      readonly method: 'client_secret_post'
      readonly clientId: string
      readonly clientSecret: string
    }
  | {
      readonly method: 'private_key_jwt'
      readonly clientId: string
      readonly key: JWK
      readonly algorithm?: Algorithm | undefined
      readonly audience?: string | undefined
    }
  | { readonly method: 'tls_client_auth' | 'none'; readonly clientId?: string | undefined }
  | { readonly method: 'bearer'; readonly token: () => string | Promise<string> }

/** How an issuer is asked about its opaque tokens and, with `tokens: 'all'`, about its JWTs. */
export interface IntrospectionOptions {
  readonly authentication: ClientAuthenticationOptions
  /**
   * The introspection endpoint.
   * @defaultValue `introspection_endpoint` of the issuer's metadata
   */
  readonly endpoint?: string | undefined
  /**
   * `'all'`: JWTs too, after they were verified locally, so that a revoked JWT is refused within `maxAge`.
   * @defaultValue 'opaque'
   */
  readonly tokens?: 'opaque' | 'all' | undefined
  /**
   * How the opaque tokens of this issuer begin. Other opaque tokens are never sent to it.
   * Required for all but one of several issuers with introspection.
   */
  readonly tokenPrefix?: string | undefined
  /**
   * For how many seconds an active token is cached, at most until it expires: 0 to 3,600. A revoked
   * token may be accepted for that long. With 0, every request waits for an introspection
   * that began after it arrived; requests with the same token may share one.
   * @defaultValue 10
   */
  readonly maxAge?: number | undefined
  /**
   * For how many seconds the refusal of a token is cached: 0 to 3,600.
   * @defaultValue 5
   */
  readonly inactiveMaxAge?: number | undefined
  /**
   * Requires responses that the issuer has signed (RFC 9701). Their `aud` must contain the client id or the
   * `resource` of this API.
   * @defaultValue false
   */
  readonly signed?: boolean | undefined
}

/** The option `authentication`, checked and complete. No error and no event contains its secrets. */
export type ResolvedClientAuthentication =
  | {
      readonly method: 'client_secret_basic'
      readonly clientId: string
      readonly clientSecret: string
      readonly encoding: 'form' | 'raw'
    }
  | {
      readonly method: 'client_secret_post'
      readonly clientId: string
      readonly clientSecret: string
    }
  | {
      readonly method: 'private_key_jwt'
      readonly clientId: string
      readonly key: KeyObject
      readonly kid: string | undefined
      readonly algorithm: Algorithm
      readonly audience: string
    }
  | { readonly method: 'tls_client_auth' | 'none'; readonly clientId: string | undefined }
  | {
      readonly method: 'bearer'
      readonly clientId: undefined
      readonly token: () => string | Promise<string>
    }

/** The option `introspection`, checked and complete. */
export interface ResolvedIntrospection {
  readonly authentication: ResolvedClientAuthentication
  /** `undefined`: from the metadata. */
  readonly endpoint: string | undefined
  readonly tokens: 'opaque' | 'all'
  readonly tokenPrefix: string | undefined
  /** Seconds. */
  readonly maxAge: number
  /** Seconds. */
  readonly inactiveMaxAge: number
  /**
   * The identifiers of this API. The `aud` of a signed response must contain one of them. `undefined`:
   * responses need not be signed.
   */
  readonly signedFor: readonly string[] | undefined
}

/** What the checks need to know of the issuer and the validator. */
export interface IntrospectionContext {
  readonly issuer: string
  readonly allowInsecureHttp: boolean
  /** The identifier of this API (RFC 9728), if it has one. */
  readonly resource: string | undefined
}

const names: readonly (keyof IntrospectionOptions)[] = [
  'authentication',
  'endpoint',
  'tokens',
  'tokenPrefix',
  'maxAge',
  'inactiveMaxAge',
  'signed',
]

const label = 'issuer.introspection'
const maxSeconds = 3_600

/**
 * Resolves the option `introspection` of an issuer.
 *
 * @throws TypeError that names the option.
 */
export function resolveIntrospection(
  value: unknown,
  context: IntrospectionContext,
): ResolvedIntrospection | undefined {
  if (value === undefined) return undefined
  const options = readOwnOptions<IntrospectionOptions>(value, names, label)
  const { endpoint, tokens = 'opaque', tokenPrefix } = options
  const authentication = readClientAuthentication(options.authentication, context.issuer)
  checkEndpoint(endpoint, context)
  if (tokens !== 'opaque' && tokens !== 'all') {
    throw new TypeError(`${label}.tokens must be 'opaque' or 'all'`)
  }
  if (tokenPrefix !== undefined && !isTokenPrefix(tokenPrefix)) {
    throw new TypeError(`${label}.tokenPrefix must be the beginning of a token, and not empty`)
  }
  const range = { min: 0, max: maxSeconds }
  const signed = checkBoolean(options.signed, `${label}.signed`)
  return {
    authentication,
    endpoint,
    tokens,
    tokenPrefix,
    maxAge: checkSeconds(options.maxAge, `${label}.maxAge`, range) ?? 10,
    inactiveMaxAge: checkSeconds(options.inactiveMaxAge, `${label}.inactiveMaxAge`, range) ?? 5,
    signedFor: signed ? readSignedAudiences(authentication.clientId, context.resource) : undefined,
  }
}

function checkEndpoint(
  endpoint: unknown,
  { issuer, allowInsecureHttp }: IntrospectionContext,
): asserts endpoint is string | undefined {
  if (endpoint !== undefined) {
    const problem = findFetchedUrlProblem(endpoint, allowInsecureHttp)
    if (problem !== undefined) throw new TypeError(`${label}.endpoint ${problem}`)
    return
  }
  const problem = findFetchedIssuerProblem(issuer, allowInsecureHttp)
  if (problem === undefined) return
  throw new TypeError(`${label}.endpoint is required, because the issuer ${problem}`)
}

// RFC 6750 §2.1: opaque tokens in a header are token68 too.
function isTokenPrefix(value: unknown): value is string {
  return isFilledString(value) && token68.test(value)
}

function readSignedAudiences(...identifiers: readonly (string | undefined)[]): readonly string[] {
  const audiences = identifiers.filter((identifier) => identifier !== undefined)
  if (audiences.length > 0) return audiences
  throw new TypeError(
    `${label}.signed needs authentication.clientId or the option resource: a signed response names one of them`,
  )
}

/**
 * Checks that the issuers with introspection have different prefixes, and that at most one has none.
 *
 * @throws TypeError that names the option.
 */
export function checkTokenPrefixes(
  issuers: readonly {
    readonly issuer: string
    readonly introspection: ResolvedIntrospection | undefined
  }[],
): void {
  const prefixes = issuers.flatMap(({ introspection }) =>
    introspection === undefined ? [] : [introspection.tokenPrefix],
  )
  if (prefixes.filter((prefix) => prefix === undefined).length > 1) {
    throw new TypeError(`${label}.tokenPrefix is required for all but one of several issuers`)
  }
  const twice = prefixes.find((prefix, index) => prefixes.indexOf(prefix) !== index)
  if (twice !== undefined) {
    throw new TypeError(`${label}.tokenPrefix ${JSON.stringify(twice)} is set for two issuers`)
  }
}
