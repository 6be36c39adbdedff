import { expect, it, vi } from 'vitest'
import { sharedLists } from '../../../src/internal/interned-lists.ts'

const split = (text: string) => text.split(' ')

it('creates the list of a text once, and freezes it', () => {
  const make = vi.fn(split)
  const listOf = sharedLists(make)
  const first = listOf('a b')
  expect(first).toEqual(['a', 'b'])
  expect(first).toSatisfy(Object.isFrozen)
  expect(listOf(['a', 'b'].join(' '))).toBe(first)
  expect(listOf('b a')).toEqual(['b', 'a'])
  expect(make).toHaveBeenCalledTimes(2)
})

it('caches at most 100 lists', () => {
  const make = vi.fn(split)
  const listOf = sharedLists(make)
  for (let round = 0; round < 2; round++) {
    for (let i = 0; i < 100; i++) listOf(`scope:${i}`)
  }
  expect(make).toHaveBeenCalledTimes(100)
  listOf('one more')
  expect(listOf('scope:0')).toEqual(['scope:0'])
  expect(make).toHaveBeenCalledTimes(102)
})

it('does not cache long texts', () => {
  const make = vi.fn(split)
  const listOf = sharedLists(make)
  for (const length of [256, 257]) {
    expect(listOf('a'.repeat(length))).toEqual(['a'.repeat(length)])
    expect(listOf('a'.repeat(length))).toSatisfy(Object.isFrozen)
  }
  expect(make).toHaveBeenCalledTimes(3)
})
