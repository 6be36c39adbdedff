/**
 * @module The public core. Adapters are entries of their own: `oauth-resource-server/express`, `/koa`
 * and `/http`; the test kit is `oauth-resource-server/testing`.
 */
export type {
  AccessToken,
  HttpRequest,
  JoseHeader,
  JwtClaims,
  Requirement,
} from './access-token.ts'
export type { Algorithm } from './algorithms.ts'
export {
  AccessTokenError,
  type AccessTokenFailure,
  type AnswerBody,
  type AnswerHeaders,
  InsufficientScopeError,
  InvalidRequestError,
  InvalidTokenError,
  type InvalidTokenReason,
  invalidTokenReasons,
  KeysUnavailableError,
  MissingTokenError,
  type RefusalDetail,
} from './errors.ts'
export type {
  CheckFailedEvent,
  FetchFailureReason,
  KeySkippedEvent,
  KeySkipReason,
  KeysBudgetSpentEvent,
  KeysFailedEvent,
  KeysRefreshedEvent,
  MetadataFailedEvent,
  MetadataRefreshedEvent,
  TokenAcceptedEvent,
  TokenMissingEvent,
  TokenRefusedEvent,
  ValidatorEvent,
} from './events.ts'
export type { TokenLocation } from './http/credentials.ts'
export type { IssuerOptions, IssuerResolver, KeyPolicy, ValidatorOptions } from './options.ts'
export type { Profile } from './token/claims.ts'
export { createValidator, type Validator } from './validator.ts'
