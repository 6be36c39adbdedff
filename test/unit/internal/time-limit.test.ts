import { describe, expect, it } from 'vitest'
import { withTimeLimit } from '../../../src/internal/time-limit.ts'

describe('a time limit', () => {
  it('gives what the promise gives within the time', async () => {
    await expect(withTimeLimit(Promise.resolve(1), 1_000)).resolves.toBe(1)
    await expect(withTimeLimit(Promise.reject(new Error('x')), 1_000)).rejects.toThrow('x')
  })

  it('rejects after the time, and ignores what the promise does later', async () => {
    const late = new Promise((_, reject) => setTimeout(() => reject(new Error('late')), 20))
    await expect(withTimeLimit(late, 5)).rejects.toThrow('no result within 5 ms')
    await late.catch(() => {})
  })
})
