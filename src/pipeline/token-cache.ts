/**
 * @module Verified tokens, cached by the SHA-256 of the whole token: the token itself is not
 * kept, so a memory dump holds no credentials. Bounded; what was not used for long leaves first.
 */
import { Buffer } from 'node:buffer'
import * as crypto from 'node:crypto'
import type { JoseHeader } from '../access-token.ts'

/** What is cached of a token; each part only where the one before it is. */
export interface Found<V> {
  /** The header, where that of a cached token is the same: it need not be parsed again. */
  readonly known: KnownHeader | undefined
  readonly digest: string | undefined
  readonly value: V | undefined
}

export interface TokenCache<V> {
  /**
   * Looks for a token. One whose header no cached token has is not cached, which is found
   * out at a tenth of what a digest costs.
   */
  readonly find: (token: string) => Found<V>
  /** @param found What {@link find} said before. */
  readonly set: (token: string, found: Found<V>, header: JoseHeader, value: V) => void
}

export const notFound: Found<never> = { known: undefined, digest: undefined, value: undefined }

// Node 20.12 brought the one-shot form, which takes half the time; other runtimes may lack it.
const oneShot = (crypto as { hash?: typeof crypto.hash }).hash

/** The name under which a token is cached. */
export function digestOf(token: string): string {
  if (oneShot !== undefined) return oneShot('sha256', token, 'binary')
  return crypto.createHash('sha256').update(token).digest('binary')
}

interface KnownHeader {
  /** The first part of the token, with its dot. */
  readonly segment: string
  readonly header: JoseHeader
}

interface Entry<V> {
  readonly value: V
  readonly known: KnownHeader
  readonly length: number
}

/** What came in at about the same time, and the headers of these tokens: a few, each kept once. */
interface Generation<V> {
  readonly entries: Map<string, Entry<V>>
  readonly headers: Map<string, KnownHeader>
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
  /** The header that was asked for last: mostly that of the next token too. */
  let latest: KnownHeader | undefined

  function add(digest: string, entry: Entry<V>): void {
    const isFull =
      young.entries.size >= generationSize || young.length >= generationSize * typicalLength
    if (isFull && !young.entries.has(digest)) {
      old = maxEntries > 1 ? young : generation()
      young = generation()
      latest = undefined
    }
    const size = young.entries.size
    young.entries.set(digest, entry)
    young.headers.set(entry.known.segment, entry.known)
    if (young.entries.size > size) young.length += entry.length
  }

  function knownHeader(token: string): KnownHeader | undefined {
    // (startsWith takes longer.)
    if (token.slice(0, latest?.segment.length) === latest?.segment) return latest
    const segment = headerSegment(token)
    const known = young.headers.get(segment) ?? old.headers.get(segment)
    latest = known ?? latest
    return known
  }

  function get(digest: string): V | undefined {
    const entry = young.entries.get(digest)
    if (entry !== undefined) return entry.value
    const older = old.entries.get(digest)
    if (older !== undefined) add(digest, older)
    return older?.value
  }

  return {
    find(token) {
      const known = knownHeader(token)
      if (known === undefined) return notFound
      const digest = digestOf(token)
      return { known, digest, value: get(digest) }
    },
    set(token, found, header, value) {
      const known = found.known ?? knownHeader(token) ?? { segment: copiedSegment(token), header }
      add(found.digest ?? digestOf(token), { value, known, length: token.length })
    },
  }
}

/** A copy: a part of the token's string would keep the whole of it in memory. */
function copiedSegment(token: string): string {
  return Buffer.from(headerSegment(token), 'latin1').toString('latin1')
}

function headerSegment(token: string): string {
  return token.slice(0, token.indexOf('.') + 1)
}
