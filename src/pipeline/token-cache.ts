/**
 * @module Caches results by the SHA-256 of the whole token. The token itself is not kept, so the cache
 * contains no credentials. Its size is limited: entries that were not used for a long time are removed first.
 *
 * Some clients request a new token for each call. To cache a token takes a tenth of the time of its verification. So
 * while there is less than one hit per ten tokens that are added, only few of the new ones are added.
 */
import { Buffer } from 'node:buffer'
import { createHash } from 'node:crypto'
import type { JoseHeader } from '../access-token.ts'
import { oneShotHash } from '../internal/sha256.ts'
import { maxTokenLength } from '../token/token-text.ts'
import { createTokenMarks } from './token-marks.ts'

/** The result of a lookup. Each member is set only if the previous one is. */
export interface CacheLookup<V> {
  /** The header of the token, if a cached token has the same: it need not be parsed again. */
  readonly cachedHeader: CachedHeader | undefined
  readonly digest: string | undefined
  readonly value: V | undefined
}

export interface TokenCache<V> {
  /**
   * Looks up a token. Compares the header first, which takes a tenth of the time of a digest: if no cached
   * token has the same header, the token is not cached.
   */
  readonly lookUp: (token: string) => CacheLookup<V>
  /**
   * @param lookup What {@link lookUp} returned for the token.
   * @param header What the first part of the token decodes to; `undefined` for an encrypted token, whose
   * first part is not the header of the JWT in it.
   */
  readonly set: (
    token: string,
    lookup: CacheLookup<V>,
    header: JoseHeader | undefined,
    value: V,
  ) => void
}

export const notCached: CacheLookup<never> = {
  cachedHeader: undefined,
  digest: undefined,
  value: undefined,
}

/** Returns the key under which a token is cached. */
export function digestToken(token: string): string {
  if (oneShotHash !== undefined) return oneShotHash('sha256', token, 'binary')
  return createHash('sha256').update(token).digest('binary')
}

interface CachedHeader {
  /** The first part of the token, including the dot. */
  readonly segment: string
  /** `undefined` if the segment is the header of a JWE, which must not be used as the header of the JWT. */
  readonly header: JoseHeader | undefined
}

/** A lookup that finds an entry returns it, so that no object is created for each request. */
interface Entry<V> extends CacheLookup<V> {
  readonly cachedHeader: CachedHeader
  readonly digest: string
  readonly value: V
}

/** Results that were added at about the same time, and the headers of their tokens, each kept once. */
interface Generation<V> {
  /**
   * By the digest as a text, because V8 hashes texts with a secret seed. A number would be faster, but an attacker
   * could choose tokens whose numbers collide.
   */
  readonly entries: Map<string, Entry<V>>
  readonly headers: Map<string, CachedHeader>
  /** The length of all tokens together, in characters. The memory for their claims is in proportion. */
  length: number
}

/** The length of a typical token, in characters. If tokens are longer, fewer than `maxEntries` are cached. */
const typicalLength = 1_024

/** Each hit offsets so many added entries. */
const unusedPerHit = 10

/** The share of the tokens that is added while too many entries are unused. */
const sampledShare = 1 / 16

/**
 * Creates a cache of at most `maxEntries`, in two generations. When the young one is full, it becomes
 * the old one, and the entries of the previous old one are removed unless they were used since. A hit
 * costs less than in a cache that keeps its entries in the order of use.
 *
 * @param random Returns a number from 0 to less than 1.
 */
export function createTokenCache<V>(
  maxEntries: number,
  random: () => number = Math.random,
): TokenCache<V> {
  const generationSize = Math.max(1, Math.floor(maxEntries / 2))
  /** From so many unused entries on, only a sample is added. At least 1,000, because after a start none was used. */
  const maxUnused = Math.max(1_000, maxEntries / 10)
  let young = createGeneration<V>()
  let old = createGeneration<V>()
  /** The tokens of both generations. */
  const marks = createTokenMarks(generationSize)
  /** The header that the latest successful lookup found, which the next token mostly has too. */
  let latest: CachedHeader | undefined
  /**
   * How many entries were added, minus {@link unusedPerHit} for each hit. At most {@link maxUnused}. At least minus
   * the size of a generation: then so many can be added without a hit, as when all clients renew their tokens.
   */
  let unused = 0

  function startGeneration(): void {
    old = maxEntries > 1 ? young : createGeneration()
    young = createGeneration()
    marks.startPeriod()
    latest = undefined
  }

  function addEntry(token: string, entry: Entry<V>): void {
    const isFull =
      young.entries.size >= generationSize || young.length >= generationSize * typicalLength
    if (isFull && !young.entries.has(entry.digest)) startGeneration()
    const size = young.entries.size
    young.entries.set(entry.digest, entry)
    young.headers.set(entry.cachedHeader.segment, entry.cachedHeader)
    if (young.entries.size > size) young.length += token.length
    marks.add(token)
  }

  function findCachedHeader(token: string): CachedHeader | undefined {
    // startsWith takes longer.
    if (token.slice(0, latest?.segment.length) === latest?.segment) return latest
    const segment = getHeaderSegment(token)
    const cachedHeader = young.headers.get(segment) ?? old.headers.get(segment)
    latest = cachedHeader ?? latest
    return cachedHeader
  }

  function findEntry(token: string, digest: string): Entry<V> | undefined {
    const recent = young.entries.get(digest)
    const entry = recent ?? old.entries.get(digest)
    if (entry === undefined) return undefined
    if (unused > -generationSize) unused = Math.max(-generationSize, unused - unusedPerHit)
    if (recent === undefined) addEntry(token, entry)
    return entry
  }

  return {
    lookUp(token) {
      const cachedHeader = findCachedHeader(token)
      if (cachedHeader === undefined) return notCached
      // The mark takes a tenth of the time of a digest. Not looked at in a cache that finds tokens.
      if (unused >= maxUnused && !marks.has(token)) {
        return { cachedHeader, digest: undefined, value: undefined }
      }
      const digest = digestToken(token)
      return findEntry(token, digest) ?? { cachedHeader, digest, value: undefined }
    },
    set(token, lookup, header, value) {
      // At random: if every sixteenth token was added, a client could arrange that only its own are.
      if (unused >= maxUnused && random() >= sampledShare) return
      const cachedHeader = lookup.cachedHeader ??
        findCachedHeader(token) ?? { segment: copyHeaderSegment(token), header }
      const digest = lookup.digest ?? digestToken(token)
      const size = young.entries.size
      addEntry(token, { cachedHeader, digest, value })
      // Not if the token was added meanwhile, by a concurrent request.
      if (unused < maxUnused && young.entries.size !== size) unused++
    },
  }
}

function createGeneration<V>(): Generation<V> {
  return { entries: new Map(), headers: new Map(), length: 0 }
}

/** Looks up a text that was not validated yet: it may be of any type and length. */
export function lookUpToken<V>(cache: TokenCache<V> | undefined, token: string): CacheLookup<V> {
  const canBeCached = typeof token === 'string' && token.length <= maxTokenLength
  return cache !== undefined && canBeCached ? cache.lookUp(token) : notCached
}

/** A copy, because a slice of the token's string would keep the whole token in memory. */
function copyHeaderSegment(token: string): string {
  return Buffer.from(getHeaderSegment(token), 'latin1').toString('latin1')
}

function getHeaderSegment(token: string): string {
  return token.slice(0, token.indexOf('.') + 1)
}
