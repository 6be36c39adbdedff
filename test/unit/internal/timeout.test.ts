import { expect, it, onTestFinished, vi } from 'vitest'
import { runWithTimeout, withTimeout } from '../../../src/internal/timeout.ts'

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

it('aborts work after the time limit, and rejects although the work ignores that', async () => {
  vi.useFakeTimers()
  onTestFinished(() => void vi.useRealTimers())
  let signal: AbortSignal | undefined
  const work = (given: AbortSignal) => {
    signal = given
    return new Promise<never>(() => {})
  }
  const createError = (cause: unknown) => new Error('late', { cause })
  const outcome = runWithTimeout(work, 1_000, createError).catch((error: Error) => error)
  await vi.advanceTimersByTimeAsync(999)
  expect(signal?.aborted).toBe(false)
  await vi.advanceTimersByTimeAsync(1)
  expect(signal?.aborted).toBe(true)
  expect(await outcome).toMatchObject({ message: 'late', cause: { message: 'aborted' } })
})

it('settles like work that ends in time, and leaves no timer and no listener', async () => {
  vi.useFakeTimers()
  onTestFinished(() => void vi.useRealTimers())
  const removed = vi.fn()
  const watch = (signal: AbortSignal) => {
    vi.spyOn(signal, 'removeEventListener').mockImplementation(removed)
  }
  const work = async (signal: AbortSignal) => {
    watch(signal)
    return 1
  }
  expect(await runWithTimeout(work, 1_000, late)).toBe(1)
  const failing = async (signal: AbortSignal) => {
    watch(signal)
    throw new Error('no')
  }
  await expect(runWithTimeout(failing, 1_000, late)).rejects.toThrow('no')
  expect(vi.getTimerCount()).toBe(0)
  expect(removed).toHaveBeenCalledTimes(2)
})
