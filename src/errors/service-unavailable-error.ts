/** @module The error for a service that is unavailable. Imports only the base class. */
import { AccessTokenError, type ErrorDetail } from './access-token-error.ts'

/** What is unavailable. A closed list: it can label a metric. */
export type UnavailableService =
  | 'keys'
  | 'introspection'
  | 'replay_store'
  | 'issuer_resolver'
  | 'revocation'

const unavailableSentences: Readonly<Record<UnavailableService, string>> = {
  keys: 'The keys of the authorization server are unavailable',
  introspection: 'The access token cannot be introspected at present',
  replay_store: 'The store of used DPoP proofs is unavailable',
  issuer_resolver: 'The configuration of the issuer is unavailable',
  revocation: 'The revocation status of the access token is unavailable',
}

/**
 * A service that the decision needs is unavailable: 503 with `Retry-After`, without a challenge. The
 * token may be valid; the response says nothing about it.
 */
export class ServiceUnavailableError extends AccessTokenError {
  declare readonly code: 'service_unavailable'
  declare readonly status: 503
  declare readonly expose: false
  declare readonly service: UnavailableService
  /** Seconds after which the client may send the request again: the value of `Retry-After`. */
  declare readonly retryAfter: number

  constructor(
    service: UnavailableService,
    retryAfter: number,
    detail?: ErrorDetail,
    cause?: unknown,
  ) {
    super(unavailableSentences[service], undefined, detail, cause)
    this.code = 'service_unavailable'
    this.status = 503
    this.expose = false
    this.service = service
    this.retryAfter = retryAfter
  }

  override get name(): string {
    return 'ServiceUnavailableError'
  }
}
