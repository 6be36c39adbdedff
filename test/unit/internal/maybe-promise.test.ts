import { describe, expect, it } from 'vitest'
import { ignoreRejection, isThenable } from '../../../src/internal/maybe-promise.ts'

describe('isThenable', () => {
  it.each([undefined, null, true, 1, 'text', {}, []])('is false for %j', (value) => {
    expect(isThenable(value)).toBe(false)
  })

  it('is true for a promise', () => {
    expect(isThenable(Promise.resolve())).toBe(true)
  })
})

describe('ignoreRejection', () => {
  it('prevents an unhandled rejection', async () => {
    const unhandled: unknown[] = []
    const listener = (reason: unknown) => unhandled.push(reason)
    process.on('unhandledRejection', listener)
    ignoreRejection(Promise.reject(new Error('ignored')))
    ignoreRejection('no promise')
    await new Promise((resolve) => setImmediate(resolve))
    process.off('unhandledRejection', listener)
    expect(unhandled).toEqual([])
  })
})
