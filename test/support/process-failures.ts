/** Collects unhandled errors, which would end the process of an application. */
import { setImmediate } from 'node:timers/promises'

/** Runs a function. Resolves to every unhandled rejection and uncaught exception during the run. */
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
