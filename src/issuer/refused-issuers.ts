/**
 * @module Stores the newest 1,000 lookups without an issuer for a short time: the issuer is not trusted, or the
 * application's function failed.
 */

const maxRefusals = 1_000

/** The time in which a result of the application's function may be used, in seconds since 1970. */
export interface Lifetime {
  /** When the function was called; for a refusal, when it was stored. */
  readonly askedAt: number
  readonly expiresAt: number
}

/**
 * Returns whether a result may be used. A result from before the clock was set back may not, because its
 * age is unknown.
 */
export function isCurrent({ askedAt, expiresAt }: Lifetime, time: number): boolean {
  return time >= askedAt && time < expiresAt
}

interface Refusal extends Lifetime {
  /** Creates a new error for each request, because each request adds its own details. */
  readonly createError: () => Error
}

export interface RefusedIssuers {
  /** Returns `createError` of a refusal that has not expired. */
  readonly get: (iss: string, time: number) => (() => Error) | undefined
  readonly add: (iss: string, refusal: Refusal) => void
  readonly delete: (iss: string) => void
}

export function createRefusedIssuers(): RefusedIssuers {
  const refusals = new Map<string, Refusal>()
  return {
    get(iss, time) {
      const refusal = refusals.get(iss)
      return refusal !== undefined && isCurrent(refusal, time) ? refusal.createError : undefined
    },
    add(iss, refusal) {
      refusals.delete(iss)
      if (refusals.size >= maxRefusals) refusals.delete(refusals.keys().next().value as string)
      refusals.set(iss, refusal)
    },
    delete(iss) {
      refusals.delete(iss)
    },
  }
}
