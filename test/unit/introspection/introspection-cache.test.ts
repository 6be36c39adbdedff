import { describe, expect, it } from 'vitest'
import { createIntrospectionCache } from '../../../src/introspection/introspection-cache.ts'

const now = 1_000
const validity = { from: now, until: now + 10 }
const accepted = { value: 'accepted' }
const refused = { refusal: { reason: 'inactive', detail: {} } } as const

function createCache(maxEntries: number) {
  const cache = createIntrospectionCache<string>(maxEntries)
  return {
    cache,
    accept: (key: string, size = 1_024) => cache.set(key, accepted, validity, size),
    refuse: (key: string) => cache.set(key, refused, validity, 100),
    get: (key: string) => cache.get(key, now),
  }
}

describe('a cached result', () => {
  it('is used from the time of the request until it expires', () => {
    const { cache, accept } = createCache(10)
    accept('a')
    const times = [now - 0.001, now, now + 9.999, now + 10]
    expect(times.map((time) => cache.get('a', time) === accepted)).toEqual([
      false,
      true,
      true,
      false,
    ])
  })

  it('is replaced by the next one of the same token', () => {
    const { accept, refuse, get } = createCache(10)
    accept('a')
    refuse('a')
    expect(get('a')).toBe(refused)
    accept('a')
    expect(get('a')).toBe(accepted)
  })

  it('takes no place if it expires immediately', () => {
    const { cache, accept, get } = createCache(2)
    accept('kept')
    for (const key of ['b', 'c']) cache.set(key, accepted, { from: now, until: now }, 100)
    expect(get('kept')).toBe(accepted)
  })
})

describe('the cache of accepted tokens', () => {
  /** Whether the first of several entries with this size is still there. */
  function keepsFirst(entries: number, size: number): boolean {
    const { accept, get } = createCache(8)
    for (let count = 0; count < entries; count++) accept(`token-${count}`, size)
    return get('token-0') === accepted
  }

  it.each([
    [0, 8],
    [1_024, 8],
    [1_025, 4],
    [2_048, 4],
    [2_049, 2],
  ])('with 8 entries keeps responses of %i octets for %i tokens', (size, entries) => {
    expect(keepsFirst(entries, size)).toBe(true)
    expect(keepsFirst(entries + 1, size)).toBe(false)
  })

  it('is not affected by refused tokens', () => {
    const { accept, refuse, get } = createCache(2)
    accept('good')
    for (let count = 0; count < 100; count++) refuse(`bad-${count}`)
    expect(get('good')).toBe(accepted)
    expect(get('bad-0')).toBe(refused)
  })
})

describe('wasAccepted', () => {
  it('is the latest result of the token, whether it is cached or not', () => {
    const { cache, accept, refuse } = createCache(10)
    expect(cache.wasAccepted('a')).toBe(false)
    refuse('a')
    expect(cache.wasAccepted('a')).toBe(false)
    accept('a')
    expect(cache.wasAccepted('a')).toBe(true)
    cache.set('a', accepted, { from: now, until: now }, 100)
    expect(cache.wasAccepted('a')).toBe(true)
    refuse('a')
    expect(cache.wasAccepted('a')).toBe(false)
  })
})
