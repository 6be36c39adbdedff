/**
 * @module Verified tokens, remembered by the SHA-256 of the whole token: the token itself is not
 * kept, so a memory dump holds no credentials. Bounded; what was not
 * used for long leaves first.
 */
import * as crypto from 'node:crypto'

export interface TokenCache<V> {
  readonly get: (digest: string) => V | undefined
  /** @param length Characters of the token: what it says takes memory in proportion. */
  readonly set: (digest: string, value: V, length: number) => void
}

// Node 20.12 brought the one-shot form, which takes half the time; other runtimes may lack it.
const oneShot = (crypto as { hash?: typeof crypto.hash }).hash

/** The name under which a token is remembered. */
export function digestOf(token: string): string {
  if (oneShot !== undefined) return oneShot('sha256', token, 'binary')
  return crypto.createHash('sha256').update(token).digest('binary')
}

interface Entry<V> {
  readonly value: V
  readonly length: number
}

/** Longer tokens than this take the room of several. */
const typicalLength = 1_024

/**
 * Makes a cache of at most `maxEntries`, in two generations: when the young one is full, it becomes
 * the old one, and what the old one held and nobody asked for is gone. Costs less on a hit than
 * keeping an order of use.
 */
export function createTokenCache<V>(maxEntries: number): TokenCache<V> {
  const generationSize = Math.max(1, Math.floor(maxEntries / 2))
  let young = new Map<string, Entry<V>>()
  let old = new Map<string, Entry<V>>()
  let length = 0

  function add(digest: string, entry: Entry<V>): void {
    if (young.size >= generationSize || length >= generationSize * typicalLength) {
      old = maxEntries > 1 ? young : new Map()
      young = new Map()
      length = 0
    }
    young.set(digest, entry)
    length += entry.length
  }

  return {
    get(digest) {
      const entry = young.get(digest)
      if (entry !== undefined) return entry.value
      const older = old.get(digest)
      if (older !== undefined) add(digest, older)
      return older?.value
    },
    set: (digest, value, length) => add(digest, { value, length }),
  }
}
