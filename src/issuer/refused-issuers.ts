/** @module Keeps the refusals of issuers for a short time, within bounds: the newest 1,000. */

const maxRefusals = 1_000

/** The time for which an answer of the application's function is kept. */
export interface Lifetime {
  /** Seconds. */
  readonly askedAt: number
  /** Seconds. */
  readonly expiresAt: number
}

/** An answer from the future means that the clock was set back: its age is not known. */
export function isCurrent({ askedAt, expiresAt }: Lifetime, time: number): boolean {
  return time >= askedAt && time < expiresAt
}

interface Refusal extends Lifetime {
  /** Errors belong to one request each. */
  readonly createError: () => Error
}

export interface RefusedIssuers {
  /** Finds what creates the error for an issuer that is refused at this time. */
  readonly find: (iss: string, time: number) => (() => Error) | undefined
  readonly add: (iss: string, refusal: Refusal) => void
  readonly delete: (iss: string) => void
}

export function createRefusedIssuers(): RefusedIssuers {
  const refusals = new Map<string, Refusal>()
  return {
    find(iss, time) {
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
