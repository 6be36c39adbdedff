/** What would end the process of an application: collected instead, so that a test can look at it. */
import { setImmediate } from 'node:timers/promises'

/** Runs something and returns every unhandled rejection and uncaught exception of that time. */
export async function processFailures(run: () => Promise<void>): Promise<unknown[]> {
  const failures: unknown[] = []
  const note = (failure: unknown) => void failures.push(failure)
  process.on('unhandledRejection', note).on('uncaughtException', note)
  try {
    await run()
    // Node reports an unhandled rejection once the microtasks of a turn have run.
    for (let turn = 0; turn < 3; turn++) await setImmediate()
  } finally {
    process.off('unhandledRejection', note).off('uncaughtException', note)
  }
  return failures
}
