/**
 * @module Stores the issuers that a function of the application returned, up to a limit. Issuers with a
 * verified token are stored separately, so that tokens that were not verified cannot evict them.
 */
import type { Lifetime } from './refused-issuers.ts'
import type { TrustedIssuer } from './trusted-issuer.ts'

const maxVerified = 1_000
const maxUnverified = 1_000

/** What a function returned for an issuer. */
export interface IssuerAnswer extends Lifetime {
  readonly issuer: TrustedIssuer
}

export interface IssuerStore {
  /** Returns the stored answer, and counts as a use of the issuer. */
  readonly get: (name: string) => IssuerAnswer | undefined
  readonly set: (answer: IssuerAnswer) => void
  readonly delete: (name: string) => void
  /** Moves the issuer to the verified ones, if it is still stored. */
  readonly recordVerified: (issuer: TrustedIssuer) => void
  readonly verified: () => Iterable<IssuerAnswer>
}

interface Entry {
  answer: IssuerAnswer
  /** The number of the latest use. Takes less time on each request than moving the entry in a Map. */
  usedAt: number
}

export function createIssuerStore(): IssuerStore {
  const verified = new Map<string, Entry>()
  // In the order of their latest use.
  const unverified = new Map<string, IssuerAnswer>()
  let uses = 0

  function keepUnverified(name: string, answer: IssuerAnswer): void {
    unverified.delete(name)
    if (unverified.size >= maxUnverified) {
      unverified.delete(unverified.keys().next().value as string)
    }
    unverified.set(name, answer)
  }

  function evictLeastRecentlyUsed(): void {
    let oldest: Entry | undefined
    for (const entry of verified.values()) {
      if (oldest === undefined || entry.usedAt < oldest.usedAt) oldest = entry
    }
    if (oldest === undefined) return
    const { issuer } = oldest.answer
    issuer.status.verified = false
    verified.delete(issuer.issuer)
  }

  return {
    get(name) {
      const entry = verified.get(name)
      if (entry !== undefined) {
        entry.usedAt = ++uses
        return entry.answer
      }
      const answer = unverified.get(name)
      if (answer !== undefined) keepUnverified(name, answer)
      return answer
    },
    set(answer) {
      const name = answer.issuer.issuer
      const entry = verified.get(name)
      if (entry === undefined) keepUnverified(name, answer)
      else entry.answer = answer
    },
    delete(name) {
      const entry = verified.get(name)
      if (entry !== undefined) entry.answer.issuer.status.verified = false
      verified.delete(name)
      unverified.delete(name)
    },
    recordVerified({ issuer: name, status }) {
      const answer = unverified.get(name)
      if (answer === undefined || answer.issuer.status !== status) return
      unverified.delete(name)
      if (verified.size >= maxVerified) evictLeastRecentlyUsed()
      status.verified = true
      verified.set(name, { answer, usedAt: ++uses })
    },
    verified: () => [...verified.values()].map(({ answer }) => answer),
  }
}
