/** @module The token that a request presented, and the place it was in. Types only. */
import type { TokenLocation } from '../options/types.ts'

/** A token that was presented, not verified yet. */
export interface PresentedToken {
  readonly token: string
  /** Where it was in the request; absent if the caller passed the token itself. */
  readonly location?: TokenLocation
  /** The scheme it was sent with; Bearer in a form or a query. Absent if the caller passed the token itself. */
  readonly scheme?: 'Bearer' | 'DPoP'
}

/** A token that a request presented. */
export interface Credentials extends PresentedToken {
  readonly scheme: 'Bearer' | 'DPoP'
  readonly location: TokenLocation
}
