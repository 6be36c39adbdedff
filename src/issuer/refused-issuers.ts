/** @module Stores the refusals of issuers for a short time: the newest 1,000. */

const maxRefusals = 1_000

/** The time for which a result of the application's function is stored. */
export interface Lifetime {
  /** Seconds. */
  readonly askedAt: number
  /** Seconds. */
  readonly expiresAt: number
}

/**
 * Returns whether a result may be used. If the clock was set back, its age is unknown, and it may
 * not.
 */
export function isCurrent({ askedAt, expiresAt }: Lifetime, time: number): boolean {
  return time >= askedAt && time < expiresAt
}

interface Refusal extends Lifetime {
  /** Creates a new error, because each request changes its own. */
  readonly createError: () => Error
}

export interface RefusedIssuers {
  /** Returns the function that creates the error of a current refusal. */
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
