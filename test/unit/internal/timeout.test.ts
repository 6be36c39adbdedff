import { expect, it, onTestFinished, vi } from 'vitest'
import { withTimeout } from '../../../src/internal/timeout.ts'

const late = () => new Error('late')

it('settles like the promise, and leaves no timer', async () => {
  vi.useFakeTimers()
  onTestFinished(() => void vi.useRealTimers())
  expect(await withTimeout(Promise.resolve(1), 1_000, late)).toBe(1)
  await expect(withTimeout(Promise.reject(new Error('no')), 1_000, late)).rejects.toThrow('no')
  expect(vi.getTimerCount()).toBe(0)
})

it('rejects after the time limit, and ignores a later result of the promise', async () => {
  vi.useFakeTimers()
  onTestFinished(() => void vi.useRealTimers())
  let reject = (_: Error): void => {}
  const promise = new Promise((_, refuse) => {
    reject = refuse
  })
  const outcome = withTimeout(promise, 1_000, late).catch((error: Error) => error.message)
  await vi.advanceTimersByTimeAsync(999)
  expect(vi.getTimerCount()).toBe(1)
  await vi.advanceTimersByTimeAsync(1)
  expect(await outcome).toBe('late')
  reject(new Error('later'))
  await vi.advanceTimersByTimeAsync(0)
})
