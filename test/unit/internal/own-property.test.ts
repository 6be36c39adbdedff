import { describe, expect, it } from 'vitest'
import { copyOwnMembers, getOwn } from '../../../src/internal/own-property.ts'

describe('getOwn', () => {
  it('returns an own member', () => {
    expect(getOwn({ a: 1 }, 'a')).toBe(1)
    expect(getOwn(JSON.parse('{"__proto__":1}'), '__proto__')).toBe(1)
  })

  it('does not return inherited members', () => {
    expect(getOwn({}, 'toString')).toBeUndefined()
    expect(getOwn(Object.create({ a: 1 }), 'a')).toBeUndefined()
  })
})

describe('copyOwnMembers', () => {
  it('copies the own members into an object without a prototype', () => {
    const value = Object.create({ inherited: 1 }, { own: { value: 2, enumerable: true } })
    const copy = copyOwnMembers(value)
    expect(Object.entries(copy)).toEqual([['own', 2]])
    expect(Object.getPrototypeOf(copy)).toBeNull()
    expect(copy.inherited).toBeUndefined()
  })

  it('copies a member named __proto__ like any other', () => {
    const copy = copyOwnMembers(JSON.parse('{"__proto__":{"kty":"RSA"}}'))
    expect(Object.keys(copy)).toEqual(['__proto__'])
    expect(copy.kty).toBeUndefined()
  })
})
