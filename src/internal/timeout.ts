/** @module Waits for asynchronous work for a limited time. */
import { createAbortRace } from './abort-race.ts'

/**
 * Waits for a promise. Does not cancel the work behind it.
 *
 * @throws what `createError` returns, after the time limit.
 */
export async function withTimeout<T>(
  promise: Promise<T>,
  milliseconds: number,
  createError: () => Error,
): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(createError()), milliseconds)
  })
  try {
    return await Promise.race([promise, late])
  } finally {
    clearTimeout(timer)
  }
}

/**
 * Runs work and aborts its signal after the time limit. Rejects then, even if the work ignores the signal.
 *
 * @param createError Receives the error that ended the wait.
 * @throws what `createError` returns, after the time limit.
 */
export async function runWithTimeout<T>(
  work: (signal: AbortSignal) => Promise<T>,
  milliseconds: number,
  createError: (cause: unknown) => Error,
): Promise<T> {
  const controller = new AbortController()
  const timer = setTimeout(() => controller.abort(), milliseconds)
  const { signal } = controller
  const race = createAbortRace(signal)
  try {
    return await race.unlessAborted(work(signal))
  } catch (error) {
    throw signal.aborted ? createError(error) : error
  } finally {
    clearTimeout(timer)
    race.end()
  }
}
