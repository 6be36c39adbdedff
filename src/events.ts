/**
 * @module The events that a validator emits for the operator. Except for `detail` and `cause`, their
 * members are numbers, booleans, configured names, values of closed lists, and short sanitized texts. No
 * event contains a part of a token, except single decoded values: the client id, and those in
 * {@link ErrorDetail}. Types only.
 */
import type { Proof } from './access-token.ts'
import type {
  ErrorDetail,
  InvalidDpopProofReason,
  InvalidTokenReason,
  UnavailableService,
} from './errors.ts'
import type {
  IntrospectionFailedEvent,
  IntrospectionMethodUnlistedEvent,
  IntrospectionOnlyInactiveEvent,
  IntrospectionRateLimitedEvent,
} from './events/introspection.ts'
import type { FetchFailureReason } from './internal/fetch-error.ts'

export type {
  ClientAuthenticationMethod,
  IntrospectionFailedEvent,
  IntrospectionFailureReason,
  IntrospectionLimit,
  IntrospectionMethodUnlistedEvent,
  IntrospectionOnlyInactiveEvent,
  IntrospectionRateLimitedEvent,
} from './events/introspection.ts'
export type { FetchFailureReason } from './internal/fetch-error.ts'

/** A token passed every check. */
export interface TokenAcceptedEvent {
  readonly type: 'token.accepted'
  readonly issuer: string
  /** Printable, and at most 200 characters: it can label a metric. `AccessToken.clientId` is exact. */
  readonly clientId?: string | undefined
  /** What the request proved: `['dpop']`, `['mtls']` or both; empty for a bearer token. */
  readonly proofs: readonly Proof[]
  /** Whether the result of an earlier verification was used. */
  readonly cached: boolean
  readonly durationMs: number
}

/** A request or a token was refused, for any reason except the absence of a token. */
export interface TokenRefusedEvent {
  readonly type: 'token.refused'
  readonly status: number
  readonly reason:
    | InvalidTokenReason
    | 'invalid_request'
    | 'invalid_dpop_proof'
    | 'use_dpop_nonce'
    | 'insufficient_scope'
    | 'insufficient_user_authentication'
    | 'service_unavailable'
  /** Why the DPoP proof was refused, where `reason` is `invalid_dpop_proof`. */
  readonly proofReason?: InvalidDpopProofReason | undefined
  /** What is unavailable, where `reason` is `service_unavailable`. */
  readonly service?: UnavailableService | undefined
  /** The trusted issuer of the token, where it is known. */
  readonly issuer?: string | undefined
  /**
   * The client, as in {@link TokenAcceptedEvent}, of a token that was refused after its verification: for its
   * proof, its revocation or a requirement. Absent for other refusals.
   */
  readonly clientId?: string | undefined
  readonly detail: ErrorDetail
  readonly cause?: unknown
  readonly durationMs: number
}

/** A request had no token. On a route with `optional` the request is not refused. */
export interface TokenMissingEvent {
  readonly type: 'token.missing'
  /** What the request had instead: another scheme or none, or a token in a query that is not read. */
  readonly hint?: string | undefined
}

/**
 * `Requirement.check` or another function of the application threw, returned a wrong value or did not settle in
 * time, or what was passed to a validator is wrong: a requirement, or the headers of a request.
 */
export interface CallbackFailedEvent {
  readonly type: 'callback.failed'
  /**
   * An Error. If a callback threw, the message names the callback, and `cause.cause` is what was thrown.
   * If the function `issuer` threw an Error, it is that Error.
   */
  readonly cause: unknown
}

/** Keys were fetched, or confirmed as unchanged. */
export interface KeysRefreshedEvent {
  readonly type: 'keys.refreshed'
  readonly issuer: string
  /** Usable keys in the set. */
  readonly keys: number
  /** JWKs that were skipped, for the reasons in {@link KeySkipReason}. */
  readonly skipped: number
  readonly added: number
  readonly removed: number
  readonly durationMs: number
}

/** An attempt to fetch metadata or keys failed. */
export interface KeysFailedEvent {
  readonly type: 'keys.failed'
  readonly issuer: string
  readonly reason: FetchFailureReason
  readonly cause: unknown
  /** What is used meanwhile: keys that are `fresh`, or expired (`stale`), or no keys. */
  readonly serving: 'stale' | 'fresh' | 'nothing'
  /** Seconds after which a request may start the next attempt. */
  readonly retryAfter: number
  readonly durationMs: number
}

/**
 * No key of the set fits a token, or those that fit did not verify a token without `kid`; and the limit of
 * fetches for that reason is reached.
 */
export interface KeysRateLimitedEvent {
  readonly type: 'keys.rate_limited'
  readonly issuer: string
}

/**
 * With a function as `issuer`: unverified tokens name too many issuers. A token was refused with 503, unless
 * expired keys of its issuer are used. Issuers with a verified token are not affected.
 */
export interface IssuersRateLimitedEvent {
  readonly type: 'issuers.rate_limited'
  /**
   * The limit that is reached: calls of the function in progress (100), key sets being fetched (50), or
   * HTTP requests to issuers (600, and 10 more each second). Each limit covers all issuers without a
   * verified token together.
   */
  readonly limit: 'resolver_calls' | 'fetches_in_flight' | 'requests_per_minute'
}

/** A JWK of the issuer's set is not used. */
export interface KeySkippedEvent {
  readonly type: 'keys.skipped'
  readonly issuer: string
  readonly kid?: string | undefined
  /** For example `private`: the private key was published, which compromises the key. */
  readonly reason: KeySkipReason
}

/** The issuer's metadata was read. */
export interface MetadataRefreshedEvent {
  readonly type: 'metadata.refreshed'
  readonly issuer: string
  readonly jwksUri: string
}

/** The metadata could not be read again. The known URL of the keys is still used. */
export interface MetadataFailedEvent {
  readonly type: 'metadata.failed'
  readonly issuer: string
  readonly reason: FetchFailureReason
  readonly cause: unknown
}

/** Why a JWK is not used. A closed list: it can label a metric. */
export type KeySkipReason =
  | 'not_an_object'
  | 'type'
  | 'use'
  | 'key_ops'
  | 'alg'
  | 'kid'
  | 'private'
  | 'size'
  | 'exponent'
  | 'malformed'

export type ValidatorEvent =
  | TokenAcceptedEvent
  | TokenRefusedEvent
  | TokenMissingEvent
  | CallbackFailedEvent
  | KeysRefreshedEvent
  | KeysFailedEvent
  | KeysRateLimitedEvent
  | IssuersRateLimitedEvent
  | KeySkippedEvent
  | MetadataRefreshedEvent
  | MetadataFailedEvent
  | IntrospectionFailedEvent
  | IntrospectionRateLimitedEvent
  | IntrospectionOnlyInactiveEvent
  | IntrospectionMethodUnlistedEvent
