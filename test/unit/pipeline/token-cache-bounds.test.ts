/** The exact bounds of the token cache, and the headers that its tokens share. */
import { describe, expect, it, vi } from 'vitest'
import { createTokenCache, lookUpToken, notCached } from '../../../src/pipeline/token-cache.ts'
import { maxTokenLength } from '../../../src/token/token-text.ts'

const header = { alg: 'RS256' }

function createCache(maxEntries: number) {
  const cache = createTokenCache<number>(maxEntries)
  return {
    has: (token: string) => cache.lookUp(token).value !== undefined,
    add: (token: string) => cache.set(token, cache.lookUp(token), header, 1),
  }
}

const numbered = (count: number) => Array.from({ length: count }, (_, index) => `head.t${index}`)

describe('the size of the cache', () => {
  it.each([
    { length: 2_047, isKept: true },
    { length: 2_048, isKept: false },
  ])('of 4 entries, 3 after a token of $length characters, which is kept: $isKept', (entry) => {
    const { add, has } = createCache(4)
    const long = 'head.'.padEnd(entry.length, 'x')
    for (const token of [long, 'head.a', 'head.b', 'head.c']) add(token)
    expect(has(long)).toBe(entry.isKept)
  })

  it('counts a token once, though it is added many times', () => {
    const { add, has } = createCache(100)
    const repeated = 'head.'.padEnd(1_024, 'x')
    for (let time = 0; time < 100; time++) add(repeated)
    for (const token of numbered(99)) add(token)
    expect(has(repeated)).toBe(true)
  })
})

it('tokens that are added at the same time share the header of the first', () => {
  const cache = createTokenCache<number>(10)
  const tokens = ['head.a', 'head.b']
  const lookups = tokens.map(cache.lookUp)
  for (const [index, token] of tokens.entries()) {
    cache.set(token, lookups[index] ?? notCached, { ...header, index }, index)
  }
  for (const token of tokens) {
    expect(cache.lookUp(token).cachedHeader?.header).toEqual({ ...header, index: 0 })
  }
})

describe('lookUpToken', () => {
  const found = { cachedHeader: undefined, digest: undefined, value: 1 }
  const lookUp = vi.fn(() => found)
  const cache = { lookUp, set: vi.fn() }

  it('looks up a token of the maximum length', () => {
    expect(lookUpToken(cache, 'x'.repeat(maxTokenLength))).toBe(found)
  })

  it.each([['x'.repeat(maxTokenLength + 1)], [undefined], [5], [null], [['x']]])(
    'looks up nothing else: %.10j',
    (token) => {
      lookUp.mockClear()
      expect(lookUpToken(cache, token as string)).toBe(notCached)
      expect(lookUp).not.toHaveBeenCalled()
    },
  )

  it('finds nothing without a cache', () => {
    expect(lookUpToken(undefined, 'x')).toBe(notCached)
  })
})
