/**
 * @module Shared types: the request, the verified access token, and the requirement of a route. Types
 * only.
 */

/**
 * The parts of a request that the validator reads. An `IncomingMessage` fits, and so does
 * `{ method, url, headers }` with a plain object or a `Headers`.
 */
export interface HttpRequest {
  readonly method?: string | undefined
  readonly url?: string | undefined
  /**
   * The whole request target, even where a router has shortened `url`. Express and connect set it. If it is
   * set, the URL in a DPoP proof is compared with its path, otherwise with that of `url`.
   */
  readonly originalUrl?: string | undefined
  /**
   * `null` and `undefined` mean that the request has no headers. In AWS Lambda, pass `event.headers`
   * of an HTTP API (payload version 2.0), and `event.multiValueHeaders ?? event.headers` of a REST
   * API (version 1.0), which keeps only the last of several equal headers in `headers`.
   */
  readonly headers:
    | Readonly<Record<string, string | readonly string[] | undefined>>
    | Headers
    | null
    | undefined
  /** Node's list of header names and values as received. It shows repeated fields. */
  readonly rawHeaders?: readonly string[] | undefined
  /** Node's header values in arrays, with every repeated field. Read if there are no `rawHeaders`. */
  readonly headersDistinct?: Readonly<Record<string, readonly string[] | undefined>> | undefined
  /** A form that the application's parser has read. Read only if `tokenLocations` has 'body'. */
  readonly body?: unknown
  /** The connection. If it is a `TLSSocket`, the client certificate is read from it. */
  readonly socket?: unknown
}

/**
 * The JOSE header of a token.
 *
 * @see {@link https://www.rfc-editor.org/rfc/rfc7515#section-4 | RFC 7515, section 4}
 */
export interface JoseHeader {
  readonly alg: string
  readonly typ?: string
  readonly kid?: string
  readonly [parameter: string]: unknown
}

/**
 * The claims of a token. The types of the named claims have been checked. Every other claim is `unknown`,
 * because the issuer may put any value there.
 *
 * @see {@link https://www.rfc-editor.org/rfc/rfc9068#section-2.2 | RFC 9068, section 2.2}
 */
export interface JwtClaims {
  readonly iss: string
  readonly exp: number
  readonly aud?: string | readonly string[]
  readonly sub?: string
  readonly client_id?: string
  readonly iat?: number
  readonly nbf?: number
  readonly jti?: string
  readonly [claim: string]: unknown
}

/** A method by which a request can prove possession of the key that its token is bound to. */
export type Proof = 'dpop' | 'mtls'

/**
 * A verified access token. It is deeply frozen, and safe to log, because `token` is not enumerable.
 *
 * `subject` is unique within its issuer only (RFC 8725 §3.8): with several issuers, a user is the
 * pair of `issuer` and `subject`. A client may have a `subject` that equals a user's (RFC 9700
 * §4.15).
 */
export interface AccessToken<C extends object = JwtClaims> {
  readonly issuer: string
  readonly subject?: string
  /** The claim `client_id`, else `azp`, else `cid`. */
  readonly clientId?: string
  readonly audience: readonly string[]
  readonly scopes: readonly string[]
  /**
   * The claim `exp`: seconds since 1970. If the introspection response for an opaque token has no `exp`: the
   * time until which the result may be cached, or ten seconds after the introspection if that is later.
   */
  readonly expiresAt: number
  /** The scheme of the `Authorization` header; `Bearer` for a token from elsewhere. */
  readonly scheme: 'Bearer' | 'DPoP'
  /** What the request proved. Empty for a bearer token. */
  readonly proofs: readonly Proof[]
  readonly claims: Readonly<C>
  /**
   * The header of the JWT; for an encrypted token, the header of the JWT in it. Absent if the token was
   * introspected.
   */
  readonly header?: Readonly<JoseHeader>
  /** The token as received. Not enumerable. */
  readonly token: string
}

/**
 * What a route requires of a verified token. Every condition that is set must be fulfilled.
 *
 * The order of the checks is: `authentication`, scopes, `authorizationDetails`, `check`. A token that
 * fulfils neither `authentication` nor the scopes is refused with 401, and the challenge names the scopes
 * too.
 *
 * @see {@link https://www.rfc-editor.org/rfc/rfc6750#section-3.1 | RFC 6750, section 3.1}
 */
export interface Requirement {
  /** All of these scopes. A string is a list separated by spaces. */
  readonly scopes?: string | readonly string[] | undefined
  /** At least one of these scopes. */
  readonly anyScope?: string | readonly string[] | undefined
  /** How and when the user must have authenticated. A token that does not show it is refused with 401. */
  readonly authentication?: AuthenticationRequirement | undefined
  /**
   * Receives the details that the token grants at this API. Any result except `true` is refused with 403
   * `insufficient_scope`. A token whose claim is missing, empty or malformed, or has only details for other
   * APIs, is refused in the same way, without a call.
   *
   * @see {@link https://www.rfc-editor.org/rfc/rfc9396#section-9 | RFC 9396, section 9}
   */
  readonly authorizationDetails?: ((details: readonly AuthorizationDetail[]) => boolean) | undefined
  /**
   * Runs after every other check. Any result except `true` is refused with 403 `insufficient_scope`. What
   * it throws or rejects with becomes the `cause` of an Error, which results in a 500.
   */
  readonly check?: ((token: AccessToken) => boolean | Promise<boolean>) | undefined
}

/**
 * What a route requires of the user's authentication.
 *
 * @see {@link https://www.rfc-editor.org/rfc/rfc9470#section-3 | RFC 9470, section 3}
 */
export interface AuthenticationRequirement {
  /**
   * Accepted values of the claim `acr`, in order of preference; one suffices. A string is one value.
   * Values contain no space, quote or backslash.
   */
  readonly acrValues?: string | readonly string[] | undefined
  /** The largest age of the authentication in whole seconds, measured from the claim `auth_time`. */
  readonly maxAge?: number | undefined
}

/**
 * One element of the claim `authorization_details`. The types of the named members have been checked.
 * Every other member is `unknown`.
 *
 * @see {@link https://www.rfc-editor.org/rfc/rfc9396#section-2 | RFC 9396, section 2}
 */
export interface AuthorizationDetail {
  readonly type: string
  /**
   * Where the detail can be used. If locations are listed, at least one is this API, provided that an audience
   * or the resource identifier is a URL.
   */
  readonly locations?: readonly string[]
  readonly actions?: readonly string[]
  readonly datatypes?: readonly string[]
  readonly identifier?: string
  readonly privileges?: readonly string[]
  readonly [member: string]: unknown
}
