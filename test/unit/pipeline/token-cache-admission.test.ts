import { createHash } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { createTokenCache, digestToken } from '../../../src/pipeline/token-cache.ts'

const header = { alg: 'RS256' }

describe('a cache of tokens that are not used again', () => {
  /** Tokens whose ends differ as those of signatures do, the same in each run. */
  const createTokens = (count: number, label: string, head = 'head') =>
    Array.from(
      { length: count },
      (_, index) =>
        `${head}.${createHash('sha256')
          .update(label + index)
          .digest('base64url')}`,
    )

  /** A cache of which so many tokens were not used that it caches a token only at its second verification. */
  function createUnusedCache(maxEntries = 10_000) {
    const cache = createTokenCache<string>(maxEntries)
    const set = (token: string) => cache.set(token, cache.lookUp(token), header, token)
    const isCached = (token: string) => cache.lookUp(token).value === token
    // 1,000 are needed. In the smallest caches one of eight has the mark of another token, and is not counted.
    for (const token of createTokens(1_500, 'unused')) set(token)
    return { cache, set, isCached }
  }

  it('caches the next token when it is verified for the second time', () => {
    const { cache, set, isCached } = createUnusedCache()
    const [token = ''] = createTokens(1, 'new')
    set(token)
    expect(isCached(token)).toBe(false)
    expect(cache.lookUp(token).digest).toBe(digestToken(token))
    set(token)
    expect(isCached(token)).toBe(true)
  })

  it('caches the thousandth token immediately', () => {
    const cache = createTokenCache<string>(10_000)
    const tokens = createTokens(1_000, 'new')
    for (const token of tokens) cache.set(token, cache.lookUp(token), header, token)
    expect(cache.lookUp(tokens.at(-1) as string).value).toBe(tokens.at(-1))
  })

  it('hashes few new tokens', () => {
    const { cache, set } = createUnusedCache()
    for (const token of createTokens(100, 'new')) {
      expect(cache.lookUp(token)).toMatchObject({ cachedHeader: { header }, value: undefined })
      set(token)
    }
    const hashed = createTokens(1_000, 'newer').filter(
      (token) => cache.lookUp(token).digest !== undefined,
    )
    expect(hashed.length).toBeLessThan(60)
  })

  it('caches one more token immediately for each that is found', () => {
    const { set, isCached } = createUnusedCache()
    const [used = '', ...others] = createTokens(1_001, 'new')
    set(used)
    set(used)
    for (let time = 0; time < 10; time++) expect(isCached(used)).toBe(true)
    for (const token of others) set(token)
    const cached = others.filter(isCached)
    expect(cached.slice(0, 10)).toEqual(others.slice(0, 10))
    // A few more have the mark of another token.
    expect(cached.length).toBeLessThan(10 + 60)
  })

  it('keeps the tokens in use', () => {
    const { set, isCached } = createUnusedCache(100)
    const used = 'head.used-again'
    set(used)
    set(used)
    for (const [index, token] of createTokens(10_000, 'new').entries()) {
      set(token)
      if (index % 40 === 0) expect(isCached(used)).toBe(true)
    }
  })

  it.each([1, 2, 3, 10, 101])('holds no more than %i entries', (maxEntries) => {
    const { set, isCached } = createUnusedCache(maxEntries)
    const tokens = createTokens(5 * maxEntries + 3, 'new')
    for (const token of tokens) {
      set(token)
      set(token)
      expect(tokens.filter(isCached).length).toBeLessThanOrEqual(maxEntries)
    }
    expect(isCached(tokens.at(-1) as string)).toBe(true)
  })

  it('forgets a token that is verified a second time only after many others', () => {
    const { set, isCached } = createUnusedCache(100)
    const [first = ''] = createTokens(1, 'first')
    set(first)
    for (const token of createTokens(200, 'new')) set(token)
    set(first)
    expect(isCached(first)).toBe(false)
  })

  it('drops the headers of tokens that are not cached, and earlier if they are long', () => {
    const { cache, set } = createUnusedCache(100)
    const isKept = (head: string) => cache.lookUp(`${head}.x`).cachedHeader !== undefined
    for (const token of createTokens(1, 'new', 'once')) set(token)
    expect(isKept('once')).toBe(true)
    for (const token of createTokens(100, 'new')) set(token)
    expect(isKept('once')).toBe(false)
    const long = Array.from({ length: 50 }, (_, index) => index + 'x'.repeat(16_384))
    for (const head of long) for (const token of createTokens(1, head, head)) set(token)
    expect(long.filter(isKept).length).toBeLessThan(12)
  })
})
