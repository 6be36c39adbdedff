/** @module The events about introspection. Types only. */
import type { FetchFailureReason } from '../internal/fetch-error.ts'

/**
 * An introspection failed: no usable response of the introspection endpoint, or of the metadata that names the
 * endpoint. The API requests that waited for it got a 503.
 */
export interface IntrospectionFailedEvent {
  readonly type: 'introspection.failed'
  readonly issuer: string
  readonly reason: IntrospectionFailureReason
  /** How this API authenticates at the endpoint. */
  readonly method: ClientAuthenticationMethod
  /** The client id of this API at the issuer. */
  readonly clientId?: string | undefined
  /** What to check first: the likely mistake, or what happened, with the error code of the server. */
  readonly hint: string
  readonly cause: unknown
  /**
   * Seconds for which other tokens wait too. 0: the failure may be due to this one token, so other
   * tokens are introspected as before.
   */
  readonly retryAfter: number
  readonly durationMs: number
}

/**
 * A request got a 503, because too many tokens that were not accepted before need an introspection.
 * Emitted at most once a second for each issuer.
 */
export interface IntrospectionRateLimitedEvent {
  readonly type: 'introspection.rate_limited'
  readonly issuer: string
  readonly limit: IntrospectionLimit
}

/**
 * Every response for a long time said that the token is not active: since the start, for at least ten
 * minutes and 20 responses; since the last active token, for at least an hour and 100 responses. Emitted
 * once, and again only after a token was active. Likely causes:
 *
 * - The server responds `active: false` to a caller that the token is not for. Keycloak since 26.6 requires
 *   the client id of this API in the token's `aud`.
 * - The tokens are of another environment.
 * - Clients send only invented strings.
 */
export interface IntrospectionOnlyInactiveEvent {
  readonly type: 'introspection.only_inactive'
  readonly issuer: string
  readonly clientId?: string | undefined
  /** Responses since the last one with an active token. */
  readonly responses: number
  /** Seconds from the first of these responses to the latest. */
  readonly seconds: number
  readonly hint: string
}

/** The issuer's metadata does not list the authentication method of this API. The method is used anyway. */
export interface IntrospectionMethodUnlistedEvent {
  readonly type: 'introspection.method_unlisted'
  readonly issuer: string
  readonly method: ClientAuthenticationMethod
  /** `introspection_endpoint_auth_methods_supported` of the metadata, as text. */
  readonly listed: string
}

/** How this API authenticates at an introspection endpoint. */
export type ClientAuthenticationMethod =
  | 'client_secret_basic'
  | 'client_secret_post'
  | 'private_key_jwt'
  | 'tls_client_auth'
  | 'none'
  | 'bearer'

/** Which limit on tokens that were not accepted before was reached. */
export type IntrospectionLimit = 'inactive_tokens' | 'requests_in_flight'

/** Why an introspection failed. A closed list: it can label a metric. */
export type IntrospectionFailureReason =
  | Exclude<FetchFailureReason, 'not_a_key_set' | 'no_usable_key'>
  | 'credentials_refused'
  | 'credentials_unavailable'
  | 'not_introspection'
  | 'invalid_signed_response'
  | 'keys_unavailable'
