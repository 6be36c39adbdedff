import { describe, expect, it } from 'vitest'
import { copyOwn, getOwn } from '../../../src/internal/own-property.ts'

describe('getOwn', () => {
  it('returns an own member', () => {
    expect(getOwn({ a: 1 }, 'a')).toBe(1)
  })

  it('does not return inherited members', () => {
    expect(getOwn({}, 'toString')).toBeUndefined()
    expect(getOwn(Object.create({ a: 1 }), 'a')).toBeUndefined()
  })
})

describe('copyOwn', () => {
  it('copies own members into an object that inherits nothing', () => {
    const copy = copyOwn(Object.assign(Object.create({ b: 2 }), { a: 1 }))
    expect(Object.entries(copy)).toEqual([['a', 1]])
    expect(copy.b).toBeUndefined()
    expect(copy.toString).toBeUndefined()
  })
})
