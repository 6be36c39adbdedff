/**
 * @module The options and their documented defaults. Types only: `resolve.ts` checks them.
 */
import type { JSONWebKeySet } from 'jose'
import type { AccessToken, JwtClaims, Requirement } from '../access-token.ts'
import type { ValidatorEvent } from '../events.ts'
import type { FetchLike } from '../internal/fetch-like.ts'
import type { Algorithm } from '../signature/algorithms.ts'
import type { DpopOptions } from './dpop.ts'
import type { IntrospectionOptions } from './introspection.ts'
import type { MtlsOptions } from './mtls.ts'
import type { ResourceOptions } from './resource.ts'

/** Where a token may be in a request. `header` is always read, as RFC 6750 §2.1 requires. */
export type TokenLocation = 'header' | 'body' | 'query'

/**
 * How strictly a token must follow RFC 9068. `jwt`: `typ` absent, `JWT` or `at+jwt`; `iss`, `exp` and,
 * unless `audience` is `false`, `aud` present. `rfc9068`: `typ` is `at+jwt` and all seven claims are present.
 */
export type Profile = 'jwt' | 'rfc9068'

/**
 * The claim that contains the scopes, or a function that reads them. The claim may be a string or
 * an array of strings: Okta's `scp` is an array, Entra's a string.
 */
export type ScopeClaim<C = never> = string | ((claims: Readonly<C>) => readonly string[])

/** Which scopes imply others. */
export type ImpliedScopes =
  | Readonly<Record<string, readonly string[]>>
  | ((granted: readonly string[]) => readonly string[])

/** How long keys are used, and how long requests wait for them. Every duration is in seconds. */
export interface KeyPolicy {
  /**
   * Seconds after which a key set expires: 1 to 86,400. A `max-age` in its `Cache-Control` takes
   * precedence, limited to the range from 60 to 86,400. The set is refreshed in the background
   * after three quarters of that time.
   * @defaultValue 600
   */
  readonly maxAge?: number | undefined
  /**
   * Seconds for which an expired key set is still used while no newer one can be fetched: 0 to 31,536,000.
   * @defaultValue 86400
   */
  readonly staleIfError?: number | undefined
  /**
   * Seconds for which a request waits for metadata and keys: 0.001 to 300. The limit applies to the whole
   * wait, which includes the fetch of a newer set for an unknown key. It also applies to each fetch, which
   * continues after the requests that waited for it were answered. If an expired key set may be used, a
   * request whose key is known waits at most 1 second. Time in which the process was suspended does not
   * count.
   * @defaultValue 5
   */
  readonly timeout?: number | undefined
}

/** {@link KeyPolicy} with its defaults filled in. */
export type ResolvedKeyPolicy = { readonly [Name in keyof KeyPolicy]-?: number }

/** The options of one trusted issuer. They take precedence over those of the validator. */
export interface IssuerOptions {
  /**
   * The issuer identifier, exactly as in the claim `iss`, including a slash at the end. With `jwks` or
   * `jwksUri` it may be any string (RFC 7519, section 2, StringOrURI). Otherwise the metadata is fetched
   * from it, so it must be an `https` URL (`http` on a loopback host) without query and fragment, equal to its
   * own parsed form.
   */
  readonly issuer: string
  /** The URL of the key set. If it is set, the keys are not looked up in the issuer's metadata. */
  readonly jwksUri?: string | undefined
  /** The key set. If it is set, no keys are fetched. */
  readonly jwks?: JSONWebKeySet | undefined
  /** This API's identifiers at this issuer. `false` switches the check off. */
  readonly audience?: string | readonly string[] | false | undefined
  /** How strictly this issuer's tokens must follow RFC 9068. */
  readonly profile?: Profile | undefined
  /** The signature algorithms that this issuer may use. */
  readonly algorithms?: readonly Algorithm[] | undefined
  /** The claim that contains this issuer's scopes, or a function that reads them. */
  readonly scopeClaim?: ScopeClaim<JwtClaims> | undefined
  /** The maximum age of this issuer's tokens, in seconds since `iat`: 1 to 2,678,400. */
  readonly maxTokenAge?: number | undefined
  /**
   * Accepts `http` URLs of hosts other than loopback, for metadata, keys and introspection. Only for a
   * private network of containers: anyone who can change packets there can make the API accept any token.
   * @defaultValue false
   */
  readonly allowInsecureHttp?: boolean | undefined
  /** How opaque tokens of this issuer are verified. Without this option they are refused. */
  readonly introspection?: IntrospectionOptions | undefined
  /**
   * The private keys that decrypt the tokens of this issuer: a JWK Set of 1 to 16 keys. If it is
   * set, a JWT that is not encrypted is refused, and so is one that is encrypted to a key of
   * another issuer. With a function as `issuer`, the header of an encrypted token must repeat `iss`
   * (RFC 7519, section 5.3).
   *
   * @see {@link https://www.rfc-editor.org/rfc/rfc9068#section-6 | RFC 9068, section 6}
   */
  readonly decryptionKeys?: JSONWebKeySet | undefined
}

/**
 * Finds the options of an issuer by the `iss` of a token, which is not verified yet. It is not
 * called with more than 1,000 characters, with a character that cannot be printed, or with an `http`
 * or `https` URL that is not in its parsed form, that has credentials, a query or a fragment, or whose path
 * has an encoded dot, slash, backslash or percent sign, or a segment of dots.
 *
 * With `undefined` the token is refused; return it for an issuer that is no longer trusted. Options are
 * stored for ten minutes, `undefined` for one. If the function throws, returns invalid options or does not
 * return within `keys.timeout`, earlier options are used for another ten minutes at most. Without earlier
 * options the response is 503.
 *
 * Issuers without a verified token share limits: 100 calls and 50 fetches of keys at a time, and 600
 * requests and 10 more each second. A token above a limit is answered with 503.
 */
export type IssuerResolver = (
  iss: string,
) => IssuerOptions | undefined | Promise<IssuerOptions | undefined>

/** The options of a validator. Every duration is a number of seconds. */
export interface ValidatorOptions {
  /** The trusted issuers. `iss` is compared exactly, including a slash at the end. */
  readonly issuer: string | IssuerOptions | readonly (string | IssuerOptions)[] | IssuerResolver
  /**
   * This API's identifiers, of which `aud` must contain one. `false` switches the check off.
   * Required unless `resource` is set.
   * @defaultValue the identifier of `resource`
   */
  readonly audience?: string | readonly string[] | false | undefined
  /**
   * The resource identifier of this API, or how it describes itself to clients. Every challenge then
   * names the URL of its metadata document.
   *
   * @see {@link https://www.rfc-editor.org/rfc/rfc9728 | RFC 9728}
   */
  readonly resource?: string | ResourceOptions | undefined
  /**
   * `'jwt'`: `typ` is absent, `JWT` or `at+jwt`. `'rfc9068'`: `typ` is `at+jwt`, and `iss`, `exp`,
   * `aud`, `sub`, `client_id`, `iat` and `jti` are all present.
   * @defaultValue 'jwt'
   */
  readonly profile?: Profile | undefined
  /**
   * The signature algorithms that are accepted; never `none`, never a symmetric one.
   * @defaultValue every {@link Algorithm}
   */
  readonly algorithms?: readonly Algorithm[] | undefined
  /**
   * The tolerance for `exp`, `nbf` and `maxTokenAge`, and for the times in DPoP proofs, in seconds: 0 to 300.
   * The `iat` of a token may be in the future by 60 seconds, or by this tolerance if it is more.
   * @defaultValue 5
   */
  readonly clockTolerance?: number | undefined
  /**
   * The maximum age of a token, in seconds since `iat`: 1 to 2,678,400 (31 days). If it is set,
   * `iat` is required. There is no limit by default.
   */
  readonly maxTokenAge?: number | undefined
  /**
   * The claim that contains the scopes, or a function that reads them. The claim may be a string of
   * scopes separated by spaces (RFC 8693) or an array of strings, of which those with a space are
   * ignored.
   * @defaultValue 'scope'
   */
  readonly scopeClaim?: ScopeClaim<JwtClaims> | undefined
  /** What every token must satisfy. */
  readonly requirement?: Requirement | undefined
  /**
   * Scopes that imply others, for example `{ admin: ['read', 'write'] }`: a token with `admin`
   * passes where `read` is required. A record is transitive. A function receives the granted scopes
   * and returns those that they imply; it must be pure, because its results are cached. `scopes` of
   * the access token and the challenges contain no implied scopes.
   */
  readonly impliedScopes?: ImpliedScopes | undefined
  /**
   * Returns whether a token was revoked. Called on every request, for cached tokens too, after
   * every check except the requirement. A request may use the result of another call for the same token
   * that began after the request arrived. `true` refuses the token with 401. If the function throws,
   * returns no boolean or does not return within `keys.timeout`, the response is 503.
   */
  readonly revoked?: ((token: AccessToken) => boolean | Promise<boolean>) | undefined
  /**
   * Where a request may carry its token. `'header'` is always read. Avoid `'query'`, because URLs
   * are recorded in logs and browser histories (RFC 9700 §4.3.2).
   * @defaultValue ['header']
   */
  readonly tokenLocations?: readonly TokenLocation[] | undefined
  /**
   * The `realm` of every challenge. Printable ASCII.
   * @defaultValue the first audience, or `api` if `audience` is `false`
   */
  readonly realm?: string | undefined
  /**
   * The base URL that clients use: `https://api.example.com`. A path is the prefix that a proxy removes
   * from requests. DPoP proofs are compared with this URL, never with `Host` or `X-Forwarded-*`.
   * @defaultValue the origin of `resource`; required with `dpop` where there is no `resource`
   */
  readonly publicUrl?: string | undefined
  /**
   * Accepts tokens that are bound to a key by DPoP, in the scheme DPoP and with a proof (RFC 9449).
   * Without it, tokens bound by `cnf.jkt` are refused.
   * @defaultValue false
   */
  readonly dpop?: boolean | DpopOptions | undefined
  /**
   * Accepts tokens that are bound to a client certificate (RFC 8705). Without it, tokens bound by
   * `cnf.x5t#S256` are refused.
   * @defaultValue false
   */
  readonly mtls?: boolean | MtlsOptions | undefined
  /** How long keys are used, and how long requests wait for them. */
  readonly keys?: KeyPolicy | undefined
  /**
   * How many verified tokens are cached; `false` for none. While there is less than one hit per ten of them, only
   * few new ones are cached.
   * @defaultValue \{ maxEntries: 10000 \}
   */
  readonly tokenCache?: { readonly maxEntries?: number | undefined } | false | undefined
  /**
   * Makes the outbound requests: for proxies, private certificate authorities, tests.
   * @defaultValue the global `fetch`, looked up at each request
   */
  readonly fetch?: FetchLike | undefined
  /**
   * Returns the time in milliseconds since 1970.
   * @defaultValue `Date.now`, looked up at each call
   */
  readonly now?: (() => number) | undefined
  /** Receives every event. What it throws is reported once, as a process warning. */
  readonly onEvent?: ((event: ValidatorEvent) => void) | undefined
}
