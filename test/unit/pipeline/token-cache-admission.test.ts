import { createHash } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { createTokenCache } from '../../../src/pipeline/token-cache.ts'

const header = { alg: 'RS256' }

/** Tokens whose ends differ as those of signatures do, the same in each run. */
const createTokens = (count: number, label: string) =>
  Array.from(
    { length: count },
    (_, index) =>
      `head.${createHash('sha256')
        .update(label + index)
        .digest('base64url')}`,
  )

/** Adds every sixteenth token while too many are not used; in production, one of sixteen at random. */
function createCache(maxEntries = 10_000) {
  let calls = 0
  const cache = createTokenCache<string>(maxEntries, () => (++calls % 16) / 16)
  return {
    /** As when the token was verified. */
    set: (token: string) => cache.set(token, cache.lookUp(token), header, token),
    isCached: (token: string) => cache.lookUp(token).value === token,
    isHashed: (token: string) => cache.lookUp(token).digest !== undefined,
  }
}

/** A cache with 1,000 unused tokens. Of the following ones, one of 16 is added. */
function createUnusedCache(maxEntries?: number) {
  const cache = createCache(maxEntries)
  for (const token of createTokens(1_000, 'unused')) cache.set(token)
  return cache
}

describe('a cache whose tokens are not used again', () => {
  it('adds the first thousand', () => {
    const cache = createCache()
    const tokens = createTokens(1_000, 'unused')
    for (const token of tokens) cache.set(token)
    expect(tokens.every(cache.isCached)).toBe(true)
  })

  it('adds one of 16 after that', () => {
    const cache = createUnusedCache()
    const tokens = createTokens(320, 'new')
    for (const token of tokens) cache.set(token)
    expect(tokens.filter(cache.isCached)).toHaveLength(20)
  })

  it('adds ten tokens for each hit', () => {
    const cache = createUnusedCache()
    // Those that are added of these do not count.
    for (const token of createTokens(1_600, 'before')) cache.set(token)
    const [used = ''] = createTokens(1, 'unused')
    for (let time = 0; time < 3; time++) expect(cache.isCached(used)).toBe(true)
    const tokens = createTokens(30 + 320, 'new')
    for (const token of tokens) cache.set(token)
    expect(tokens.slice(0, 30).every(cache.isCached)).toBe(true)
    expect(tokens.slice(30).filter(cache.isCached)).toHaveLength(20)
  })

  it('adds all tokens while there is a hit for every ten', () => {
    const cache = createCache()
    for (const [index, token] of createTokens(5_000, 'new').entries()) {
      cache.set(token)
      if (index % 10 === 0 || index > 4_900) expect(cache.isCached(token)).toBe(true)
    }
  })

  it('adds all until a tenth of its size is unused, if that is more than a thousand', () => {
    const cache = createCache(50_000)
    const tokens = createTokens(5_000 + 320, 'unused')
    for (const token of tokens) cache.set(token)
    expect(tokens.slice(5_000).filter(cache.isCached)).toHaveLength(20)
    expect(tokens.slice(0, 5_000).every(cache.isCached)).toBe(true)
  })

  it('counts hits in advance, up to half of its size', () => {
    const cache = createCache(2_000)
    const [used = ''] = createTokens(1, 'used')
    cache.set(used)
    for (let time = 0; time < 1_000; time++) cache.isCached(used)
    for (const token of createTokens(1_000 + 1_000, 'unused')) cache.set(token)
    const tokens = createTokens(320, 'new')
    for (const token of tokens) cache.set(token)
    expect(tokens.filter(cache.isCached)).toHaveLength(20)
  })

  it('adds all tokens when all clients renew theirs at the same time', () => {
    const cache = createCache(10_000)
    let verified = 0
    for (let renewal = 0; renewal < 5; renewal++) {
      const tokens = createTokens(4_900, `renewal ${renewal}`)
      for (let use = 0; use < 2; use++) {
        for (const token of tokens) {
          if (cache.isCached(token)) continue
          // After a start, no hits were counted yet.
          if (renewal > 1) verified++
          cache.set(token)
        }
      }
    }
    expect(verified).toBe(3 * 4_900)
  })

  it('counts a token once that concurrent requests add', () => {
    const cache = createTokenCache<string>(10_000, () => 1)
    const tokens = createTokens(1_000, 'concurrent')
    for (const token of tokens) {
      const lookup = cache.lookUp(token)
      for (let request = 0; request < 30; request++) cache.set(token, lookup, header, token)
    }
    expect(tokens.every((token) => cache.lookUp(token).value === token)).toBe(true)
  })

  // A tenth of 10,005 is not an integer: there one more token is added.
  it.each([10_000, 10_005])('hashes few new tokens, with a size of %i', (maxEntries) => {
    const cache = createUnusedCache(maxEntries)
    cache.set('head.one-more')
    // 1,000 of 131,072 marks are made.
    expect(createTokens(1_000, 'new').filter(cache.isHashed).length).toBeLessThan(25)
    // 100 of 1,024, though ten times as many tokens were added.
    const small = createUnusedCache(100)
    expect(createTokens(1_000, 'new').filter(small.isHashed).length).toBeLessThan(150)
  })

  it.each([
    [200, 5],
    [10_000, 100],
  ])('finds the tokens that it has, with a size of %i', (maxEntries, count) => {
    const kept = createTokens(1_000, 'unused').slice(-count)
    const cache = createUnusedCache(maxEntries)
    for (const token of kept) {
      expect(cache.isCached(token)).toBe(true)
      // So that the marks are looked at again, because too many tokens are unused.
      for (const other of createTokens(10, `after ${token}`)) cache.set(other)
    }
  })

  it('caches a token that is used again and again between new ones', () => {
    const unused = createTokenCache<string>(100)
    const cache = {
      set: (token: string) => unused.set(token, unused.lookUp(token), header, token),
      isCached: (token: string) => unused.lookUp(token).value === token,
    }
    for (const token of createTokens(1_000, 'unused')) cache.set(token)
    let verified = 0
    for (const token of createTokens(2_000, 'new')) {
      cache.set(token)
      if (cache.isCached('head.used-again')) continue
      cache.set('head.used-again')
      verified++
    }
    // It is added with a probability of 1/16 each time: with one of 10^14 not within 500 times.
    expect(verified).toBeLessThan(500)
  })

  it.each([1, 2, 3, 10, 101])('holds no more than %i entries', (maxEntries) => {
    const cache = createUnusedCache(maxEntries)
    const tokens = createTokens(40 * maxEntries, 'new')
    for (const token of tokens) cache.set(token)
    expect(tokens.filter(cache.isCached).length).toBeLessThanOrEqual(maxEntries)
  })
})
