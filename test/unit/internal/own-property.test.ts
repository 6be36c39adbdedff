import { describe, expect, it } from 'vitest'
import { getOwn } from '../../../src/internal/own-property.ts'

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
