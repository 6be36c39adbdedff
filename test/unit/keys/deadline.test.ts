import { setTimeout as wait } from 'node:timers/promises'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { runWithDeadline, settlesWithin } from '../../../src/keys/deadline.ts'

/** Blocks the thread, like a suspended process. */
function suspend(milliseconds: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, milliseconds)
}

const untilAborted = (signal: AbortSignal) =>
  new Promise<never>((_, reject) => {
    signal.addEventListener('abort', () => reject(new Error('aborted')))
  })

describe('runWithDeadline', () => {
  it('aborts the signal after the timeout, and does not repeat the work', async () => {
    const work = vi.fn(untilAborted)
    await expect(runWithDeadline(0.05, work)).rejects.toThrow('aborted')
    expect(work).toHaveBeenCalledOnce()
  })

  it('repeats work that a suspended process could not finish, immediately and with the full timeout', async () => {
    const work = vi
      .fn(async (_signal: AbortSignal): Promise<string> => 'second')
      .mockImplementationOnce((signal) => {
        setTimeout(() => suspend(800), 10)
        return untilAborted(signal)
      })
    expect(await runWithDeadline(0.1, work)).toBe('second')
    expect(work).toHaveBeenCalledTimes(2)
    expect(work.mock.calls[1]?.[0].aborted).toBe(false)
  })

  it('repeats work only once', async () => {
    const work = vi.fn((signal: AbortSignal) => {
      setTimeout(() => suspend(700), 10)
      return untilAborted(signal)
    })
    await expect(runWithDeadline(0.05, work)).rejects.toThrow('aborted')
    expect(work).toHaveBeenCalledTimes(2)
  })

  it('does not repeat work that failed in time', async () => {
    const work = vi.fn(() => Promise.reject(new Error('refused')))
    await expect(runWithDeadline(5, work)).rejects.toThrow('refused')
    expect(work).toHaveBeenCalledOnce()
  })
})

describe('settlesWithin', () => {
  it('resolves to whether the work ended within the limit', async () => {
    expect(await settlesWithin(wait(5), 1_000)).toBe(true)
    expect(await settlesWithin(wait(1_000), 5)).toBe(false)
    expect(await settlesWithin(new Promise(() => {}), -1)).toBe(false)
    expect(await settlesWithin(Promise.resolve(), -1)).toBe(true)
  })

  it('decides without a timer if the limit is over', async () => {
    vi.useFakeTimers()
    onTestFinished(() => void vi.useRealTimers())
    for (const limit of [0, -1]) {
      expect(await settlesWithin(new Promise(() => {}), limit)).toBe(false)
      expect(await settlesWithin(Promise.resolve(), limit)).toBe(true)
    }
    expect(vi.getTimerCount()).toBe(0)
  })

  it('begins again after a suspension, with the full limit, but only once', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    const clock = vi.spyOn(performance, 'now').mockReturnValue(0)
    onTestFinished(() => {
      vi.useRealTimers()
      clock.mockRestore()
    })
    let result: boolean | undefined
    void settlesWithin(new Promise(() => {}), 100).then((isSettled) => {
      result = isSettled
    })
    for (const [now, expected] of [
      [601, undefined],
      [1_300, false],
    ] as const) {
      clock.mockReturnValue(now)
      await vi.advanceTimersByTimeAsync(100)
      expect(result).toBe(expected)
    }
  })

  it('does not take a delay of 500 ms for a suspension', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    const clock = vi.spyOn(performance, 'now').mockReturnValueOnce(0).mockReturnValue(600)
    onTestFinished(() => {
      vi.useRealTimers()
      clock.mockRestore()
    })
    const done = settlesWithin(new Promise(() => {}), 100)
    await vi.advanceTimersByTimeAsync(100)
    expect(await done).toBe(false)
    expect(vi.getTimerCount()).toBe(0)
  })

  it('does not count the time in which the process was suspended', async () => {
    const done = settlesWithin(wait(850), 100)
    setTimeout(() => suspend(800), 10)
    expect(await done).toBe(true)
  })
})
