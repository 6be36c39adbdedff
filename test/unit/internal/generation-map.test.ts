import { describe, expect, it } from 'vitest'
import { createGenerationMap } from '../../../src/internal/generation-map.ts'

const present = (map: { get: (key: string) => unknown }, keys: readonly string[]) =>
  keys.filter((key) => map.get(key) !== undefined)

describe('a generation map', () => {
  it('returns what was set last, until it is deleted', () => {
    const map = createGenerationMap<number>(10)
    map.set('a', 1)
    map.set('a', 2)
    expect(map.get('a')).toBe(2)
    map.delete('a')
    expect(map.get('a')).toBeUndefined()
    map.delete('a')
  })

  it('holds entries up to its limit, and drops those that were not read for long', () => {
    const map = createGenerationMap<number>(10)
    const keys = Array.from({ length: 100 }, (_, index) => `k${index}`)
    for (const key of keys) map.set(key, 1)
    expect(present(map, keys.slice(0, -10))).toEqual([])
    expect(present(map, keys.slice(-5))).toEqual(keys.slice(-5))
  })

  it('keeps what is read', () => {
    const map = createGenerationMap<number>(10)
    map.set('read', 1)
    for (let count = 0; count < 100; count++) {
      map.set(`k${count}`, 1)
      expect(map.get('read')).toBe(1)
    }
  })

  it('counts a heavy entry as several', () => {
    const map = createGenerationMap<number>(10)
    const keys = Array.from({ length: 100 }, (_, index) => `k${index}`)
    for (const key of keys) map.set(key, 1, 5)
    expect(present(map, keys.slice(0, -2))).toEqual([])
    expect(present(map, keys.slice(-1))).toEqual(keys.slice(-1))
  })

  it('frees the weight of what is replaced or deleted', () => {
    const map = createGenerationMap<number>(10)
    map.set('a', 1)
    for (let count = 0; count < 100; count++) {
      map.set('b', 1, 4)
      map.set('c', 1, 4)
      map.delete('c')
    }
    expect(present(map, ['a', 'b', 'c'])).toEqual(['b'])
    map.set('d', 1)
    expect(present(map, ['b', 'd'])).toEqual(['b', 'd'])
  })

  it.each(['a', 'c', 'd'])(
    'counts an entry that is set twice once, and a deleted one not at all, and so keeps %s',
    (key) => {
      const map = createGenerationMap<number>(10)
      map.set('a', 1, 2)
      map.set('a', 1, 2)
      map.set('b', 1, 3)
      map.delete('b')
      map.set('c', 1, 3)
      map.set('d', 1, 5)
      expect(map.get(key)).toBe(1)
    },
  )

  it('drops nothing for a heavy entry while no other is young', () => {
    const map = createGenerationMap<number>(2)
    map.set('a', 1)
    map.set('b', 1)
    map.delete('b')
    map.set('c', 1, 100)
    expect(present(map, ['a'])).toEqual(['a'])
  })

  it('holds one entry that weighs more than the limit', () => {
    const map = createGenerationMap<number>(2)
    map.set('a', 1, 100)
    expect(map.get('a')).toBe(1)
    map.set('b', 1, 100)
    expect(map.get('b')).toBe(1)
    map.set('c', 1, 100)
    expect(map.get('a')).toBeUndefined()
  })
})
