/** @module The token that a request presented, and the place it was in. Types only. */

/** Where a token may be in a request. `header` is always read: RFC 6750 §2.1 makes it a MUST. */
export type TokenLocation = 'header' | 'body' | 'query'

/** A token that was presented, not verified yet. */
export interface PresentedToken {
  readonly token: string
  /** Where it was in the request; absent if the caller passed the token itself. */
  readonly location?: TokenLocation
}

/** A token that a request presented. */
export interface Credentials extends PresentedToken {
  readonly scheme: 'Bearer'
  readonly location: TokenLocation
}
