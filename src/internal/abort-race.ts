/** @module Waits for promises until a signal is aborted, even if their work ignores the signal. */

export interface AbortRace {
  /** Settles like the promise, or rejects when the signal is aborted. */
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
