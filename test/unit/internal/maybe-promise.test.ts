import { describe, expect, it } from 'vitest'
import { isThenable } from '../../../src/internal/maybe-promise.ts'

describe('isThenable', () => {
  it.each([undefined, null, true, 1, 'text', {}, []])('is false for %j', (value) => {
    expect(isThenable(value)).toBe(false)
  })

  it('is true for a promise', () => {
    expect(isThenable(Promise.resolve())).toBe(true)
  })
})
