/**
 * @module The public core. Other entries are the adapters, `oauth-resource-server/express`, `/koa`, `/http`,
 * `/fetch` and `/mcp`, the replay store in Redis, `/redis`, and the test kit, `/testing`.
 */
export type {
  AccessToken,
  AuthenticationRequirement,
  AuthorizationDetail,
  HttpRequest,
  JoseHeader,
  JwtClaims,
  Proof,
  Requirement,
} from './access-token.ts'
export {
  AccessTokenError,
  type AnyAccessTokenError,
  DpopNonceRequiredError,
  type ErrorDetail,
  type ErrorResponseBody,
  type ErrorResponseHeaders,
  InsufficientAuthenticationError,
  InsufficientScopeError,
  InvalidDpopProofError,
  type InvalidDpopProofReason,
  InvalidRequestError,
  InvalidTokenError,
  type InvalidTokenReason,
  invalidDpopProofReasons,
  invalidTokenReasons,
  MissingTokenError,
  ServiceUnavailableError,
  type UnavailableService,
} from './errors.ts'
export type {
  CallbackFailedEvent,
  ClientAuthenticationMethod,
  FetchFailureReason,
  IntrospectionFailedEvent,
  IntrospectionFailureReason,
  IntrospectionLimit,
  IntrospectionMethodUnlistedEvent,
  IntrospectionOnlyInactiveEvent,
  IntrospectionRateLimitedEvent,
  IssuersRateLimitedEvent,
  KeySkippedEvent,
  KeySkipReason,
  KeysFailedEvent,
  KeysRateLimitedEvent,
  KeysRefreshedEvent,
  MetadataFailedEvent,
  MetadataRefreshedEvent,
  TokenAcceptedEvent,
  TokenMissingEvent,
  TokenRefusedEvent,
  ValidatorEvent,
} from './events.ts'
export type { FetchLike, FetchLikeInit, FetchLikeResponse } from './internal/fetch-like.ts'
export type { DpopNonceOptions, DpopOptions, ReplayStore } from './options/dpop.ts'
export type { ClientAuthenticationOptions, IntrospectionOptions } from './options/introspection.ts'
export type { CertificateHeader, CertificateHeaderFormat, MtlsOptions } from './options/mtls.ts'
export type { ResourceOptions } from './options/resource.ts'
export type {
  ImpliedScopes,
  IssuerOptions,
  IssuerResolver,
  KeyPolicy,
  Profile,
  TokenLocation,
  ValidatorOptions,
} from './options/types.ts'
export type { Algorithm } from './signature/algorithms.ts'
export { createValidator, type Validator } from './validator.ts'
