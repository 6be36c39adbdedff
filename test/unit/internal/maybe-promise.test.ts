import { describe, expect, it } from 'vitest'
import { isThenable } from '../../../src/internal/maybe-promise.ts'

describe('isThenable', () => {
  it.each([undefined, null, true, 1, 'text', {}, []])('is false for %j', (value) => {
    expect(isThenable(value)).toBe(false)
  })

  const withThen = (target: object, value: unknown) =>
    Object.defineProperty(target, 'then', { value, configurable: true })

  it('is false if then is no function, or inherited by every object', () => {
    expect(isThenable(withThen({}, 1))).toBe(false)
    withThen(Object.prototype, () => {})
    try {
      expect(isThenable({})).toBe(false)
      expect(isThenable(withThen({}, () => {}))).toBe(true)
    } finally {
      Reflect.deleteProperty(Object.prototype, 'then')
    }
  })

  it('is true for a promise', () => {
    expect(isThenable(Promise.resolve())).toBe(true)
  })

  it('is true for an object whose then cannot be read, because awaiting it throws', () => {
    const value = Object.defineProperty({}, 'then', {
      get() {
        throw new RangeError('then cannot be read')
      },
    })
    expect(isThenable(value)).toBe(true)
  })
})
