import { expect, it, vi } from 'vitest'
import { createAbortRace } from '../../../src/internal/abort-race.ts'

const pending = new Promise<never>(() => {})

it('settles like the promise until the signal is aborted', async () => {
  const controller = new AbortController()
  const { unlessAborted } = createAbortRace(controller.signal)
  expect(await unlessAborted(Promise.resolve(1))).toBe(1)
  await expect(unlessAborted(Promise.reject(new Error('no')))).rejects.toThrow('no')
  const outcome = expect(unlessAborted(pending)).rejects.toThrow(new Error('aborted'))
  controller.abort()
  await outcome
})

it('rejects if the signal was aborted before', async () => {
  const { unlessAborted } = createAbortRace(AbortSignal.abort())
  await expect(unlessAborted(pending)).rejects.toThrow(new Error('aborted'))
})

it('stops listening to the signal at its end', () => {
  const { signal } = new AbortController()
  const added = vi.spyOn(signal, 'addEventListener')
  const removed = vi.spyOn(signal, 'removeEventListener')
  createAbortRace(signal).end()
  expect(added.mock.calls).toEqual([['abort', expect.any(Function)]])
  expect(removed.mock.calls).toEqual(added.mock.calls)
})
