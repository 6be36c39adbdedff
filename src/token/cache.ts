/**
 * @module Verified tokens, remembered by the SHA-256 of the whole token: the token itself is not
 * kept, so a memory dump holds no credentials. Bounded; what was not used for long leaves first.
 */
import * as crypto from 'node:crypto'

export interface TokenCache<V> {
  /**
   * The name under which the token may be remembered; `undefined` where it cannot be: no remembered
   * token has its header. That is seen at a tenth of what a digest costs, which is all that most
   * forged tokens ever take.
   */
  readonly nameOf: (token: string) => string | undefined
  readonly get: (name: string) => V | undefined
  /** @param name What {@link nameOf} said. */
  readonly set: (token: string, name: string | undefined, value: V) => void
}

// Node 20.12 brought the one-shot form, which takes half the time; other runtimes may lack it.
const oneShot = (crypto as { hash?: typeof crypto.hash }).hash

/** The name under which a token is remembered. */
export function digestOf(token: string): string {
  if (oneShot !== undefined) return oneShot('sha256', token, 'binary')
  return crypto.createHash('sha256').update(token).digest('binary')
}

const headerOf = (token: string) => token.slice(0, Math.max(0, token.indexOf('.')))

interface Entry<V> {
  readonly value: V
  readonly header: string
  readonly length: number
}

/** What came in at about the same time, and the headers of these tokens: a few, each kept once. */
interface Generation<V> {
  readonly entries: Map<string, Entry<V>>
  readonly headers: Map<string, string>
  /** Characters of the tokens: what they say takes memory in proportion. */
  length: number
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
  const generation = (): Generation<V> => ({ entries: new Map(), headers: new Map(), length: 0 })
  let young = generation()
  let old = generation()

  function add(name: string, entry: Entry<V>): void {
    if (young.entries.size >= generationSize || young.length >= generationSize * typicalLength) {
      old = maxEntries > 1 ? young : generation()
      young = generation()
    }
    young.entries.set(name, entry)
    young.headers.set(entry.header, entry.header)
    young.length += entry.length
  }

  /** The header of the last token that was remembered: mostly that of the next one too. */
  let latest: string | undefined
  const keptHeader = (header: string) => young.headers.get(header) ?? old.headers.get(header)

  return {
    nameOf(token) {
      const header = headerOf(token)
      if (header !== latest) {
        const kept = keptHeader(header)
        if (kept === undefined) return undefined
        latest = kept
      }
      return digestOf(token)
    },
    get(name) {
      const entry = young.entries.get(name)
      if (entry !== undefined) return entry.value
      const older = old.entries.get(name)
      if (older !== undefined) add(name, older)
      return older?.value
    },
    set(token, name, value) {
      const part = headerOf(token)
      // A copy: a part of the token's string would keep the whole of it in memory.
      const header = keptHeader(part) ?? Buffer.from(part, 'latin1').toString('latin1')
      add(name ?? digestOf(token), { value, header, length: token.length })
    },
  }
}
