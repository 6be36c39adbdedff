/** @module The errors of requests whose DPoP proof is refused. Imports only the base class. */
import { AccessTokenError, type ErrorDetail } from './access-token-error.ts'

/** Why a DPoP proof was refused. A closed list: it can label a metric. */
export type InvalidDpopProofReason = keyof typeof invalidDpopProofSentences

const invalidDpopProofSentences = {
  missing: 'A DPoP proof is required',
  malformed: 'The request does not have exactly one well-formed DPoP proof',
  critical_header: 'The DPoP proof uses an extension that is not supported',
  wrong_type: 'The type of the DPoP proof is not dpop+jwt',
  wrong_algorithm: 'The signature algorithm of the DPoP proof is not accepted',
  invalid_key: 'The key of the DPoP proof is not accepted',
  missing_claim: 'The DPoP proof lacks a required claim',
  invalid_claim: 'A claim of the DPoP proof is malformed',
  wrong_method: 'The DPoP proof is for another HTTP method',
  wrong_uri: 'The DPoP proof is for another URI',
  wrong_token: 'The DPoP proof is for another access token',
  too_old: 'The DPoP proof was created too long ago',
  issued_in_future: 'The DPoP proof was created in the future',
  expired: 'The DPoP proof expired',
  not_yet_valid: 'The DPoP proof is not valid yet',
  bad_signature: 'The signature of the DPoP proof is not valid',
  replayed: 'The DPoP proof was used before',
} as const

/** Every value of {@link InvalidDpopProofReason}. */
export const invalidDpopProofReasons: readonly InvalidDpopProofReason[] = Object.keys(
  invalidDpopProofSentences,
) as InvalidDpopProofReason[]

/**
 * The request does not prove possession of the key that the token is bound to: 401
 * `invalid_dpop_proof`. The token itself was verified, except where the proof is missing or malformed: that may
 * be reported before the token is verified.
 *
 * @see {@link https://www.rfc-editor.org/rfc/rfc9449#section-7.1 | RFC 9449, section 7.1}
 */
export class InvalidDpopProofError extends AccessTokenError {
  declare readonly code: 'invalid_dpop_proof'
  declare readonly status: 401
  declare readonly expose: true
  declare readonly reason: InvalidDpopProofReason

  constructor(reason: InvalidDpopProofReason, detail?: ErrorDetail) {
    const message = invalidDpopProofSentences[reason]
    super(message, { error: 'invalid_dpop_proof', error_description: message }, detail)
    this.code = 'invalid_dpop_proof'
    this.status = 401
    this.expose = true
    this.reason = reason
  }

  override get name(): string {
    return 'InvalidDpopProofError'
  }
}

/**
 * The DPoP proof is otherwise valid, but does not contain a current nonce of this server: 401
 * `use_dpop_nonce`. The response has a nonce in `DPoP-Nonce`. The client tries again with it.
 *
 * @see {@link https://www.rfc-editor.org/rfc/rfc9449#section-9 | RFC 9449, section 9}
 */
export class DpopNonceRequiredError extends AccessTokenError {
  declare readonly code: 'use_dpop_nonce'
  declare readonly status: 401
  declare readonly expose: true
  /** The value of the header field `DPoP-Nonce`. */
  declare readonly nonce: string

  constructor(nonce: string, detail?: ErrorDetail) {
    const message = 'The DPoP proof must contain the nonce of this response'
    super(message, { error: 'use_dpop_nonce', error_description: message }, detail)
    this.code = 'use_dpop_nonce'
    this.status = 401
    this.expose = true
    this.nonce = nonce
  }

  override get name(): string {
    return 'DpopNonceRequiredError'
  }
}
