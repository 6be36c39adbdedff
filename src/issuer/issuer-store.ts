/**
 * @module Stores the issuers that the application's function returned, up to a limit. Issuers with a
 * verified token are stored separately, so that unverified tokens cannot evict them.
 */
import type { Lifetime } from './refused-issuers.ts'
import type { TrustedIssuer } from './trusted-issuer.ts'

const maxVerified = 1_000
const maxUnverified = 1_000

/** An issuer that the function returned, and for how long the result may be used. */
export interface StoredIssuer extends Lifetime {
  readonly issuer: TrustedIssuer
}

export interface IssuerStore {
  /** Returns the stored issuer, even if it has expired. The call counts as a use of the issuer. */
  readonly get: (name: string) => StoredIssuer | undefined
  readonly set: (stored: StoredIssuer) => void
  readonly delete: (name: string) => void
  /** Moves the issuer to those with a verified token, if it is still stored. */
  readonly recordVerified: (issuer: TrustedIssuer) => void
  /** Returns the issuers with a verified token, expired ones too. */
  readonly verified: () => readonly StoredIssuer[]
}

interface Entry {
  stored: StoredIssuer
  /** A number that increases with each use. Setting it takes less time than moving the entry in a Map. */
  lastUse: number
}

export function createIssuerStore(): IssuerStore {
  const verified = new Map<string, Entry>()
  // In the order of their latest use.
  const unverified = new Map<string, StoredIssuer>()
  let uses = 0

  function keepUnverified(name: string, stored: StoredIssuer): void {
    unverified.delete(name)
    if (unverified.size >= maxUnverified) {
      unverified.delete(unverified.keys().next().value as string)
    }
    unverified.set(name, stored)
  }

  function evictLeastRecentlyUsed(): void {
    let oldest = verified.values().next().value as Entry
    for (const entry of verified.values()) {
      if (entry.lastUse < oldest.lastUse) oldest = entry
    }
    const { issuer } = oldest.stored
    issuer.status.verified = false
    verified.delete(issuer.issuer)
  }

  return {
    get(name) {
      const entry = verified.get(name)
      if (entry !== undefined) {
        entry.lastUse = ++uses
        return entry.stored
      }
      const stored = unverified.get(name)
      if (stored !== undefined) keepUnverified(name, stored)
      return stored
    },
    set(stored) {
      const name = stored.issuer.issuer
      const entry = verified.get(name)
      if (entry === undefined) keepUnverified(name, stored)
      else entry.stored = stored
    },
    delete(name) {
      const entry = verified.get(name)
      if (entry !== undefined) entry.stored.issuer.status.verified = false
      verified.delete(name)
      unverified.delete(name)
    },
    recordVerified({ issuer: name, status }) {
      const stored = unverified.get(name)
      if (stored === undefined || stored.issuer.status !== status) return
      unverified.delete(name)
      if (verified.size >= maxVerified) evictLeastRecentlyUsed()
      status.verified = true
      verified.set(name, { stored, lastUse: ++uses })
    },
    verified: () => [...verified.values()].map(({ stored }) => stored),
  }
}
