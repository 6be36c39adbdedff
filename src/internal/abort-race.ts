/** @module Waits for promises until a signal fires, also for those that do not listen to it. */

export interface AbortRace {
  /** Waits for a promise; rejects when the signal fires. */
  readonly unlessAborted: <T>(promise: Promise<T>) => Promise<T>
  /** Stops listening to the signal. */
  readonly end: () => void
}

export function createAbortRace(signal: AbortSignal): AbortRace {
  let listener = (): void => {}
  const aborted = new Promise<never>((_, reject) => {
    listener = () => reject(new Error('aborted'))
    if (signal.aborted) listener()
    else signal.addEventListener('abort', listener)
  })
  aborted.catch(() => {})
  return {
    unlessAborted: (promise) => Promise.race([promise, aborted]),
    end: () => signal.removeEventListener('abort', listener),
  }
}
