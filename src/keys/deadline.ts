/**
 * @module Time limits that recognise a suspended process (a frozen Lambda, SIGSTOP, a sleeping laptop).
 * If a limit ends much too late, the process was suspended or its event loop was blocked. The server need not
 * be slow then, so the limit starts again, once.
 */

/** How many milliseconds after its limit a wait must end to show that the process was suspended. */
const suspendedAfter = 500

function isSuspended(startedAt: number, limit: number): boolean {
  return performance.now() - startedAt > limit + suspendedAfter
}

/**
 * Runs work with a signal that is aborted after `seconds`. Repeats the work once if it failed and the process
 * was suspended meanwhile.
 */
export async function runWithDeadline<T>(
  seconds: number,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const limit = seconds * 1000
  const startedAt = performance.now()
  try {
    return await runOnce(limit, work)
  } catch (error) {
    if (!isSuspended(startedAt, limit)) throw error
    return await runOnce(limit, work)
  }
}

async function runOnce<T>(limit: number, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const controller = new AbortController()
  const timer = setTimeout(() => controller.abort(), limit)
  try {
    return await work(controller.signal)
  } finally {
    clearTimeout(timer)
  }
}

/**
 * Waits for work that never rejects. Resolves to whether the work ends within the limit.
 *
 * @param limit Milliseconds.
 */
export function settlesWithin(work: Promise<void>, limit: number): Promise<boolean> {
  // The time is up, so only work that has already ended counts, without a timer.
  if (limit <= 0) {
    return Promise.race([work.then(() => true), Promise.resolve().then(() => false)])
  }
  return new Promise((resolve) => {
    let timer: NodeJS.Timeout
    const start = (mayRepeat: boolean): void => {
      const startedAt = performance.now()
      const end = () => (mayRepeat && isSuspended(startedAt, limit) ? start(false) : resolve(false))
      // Rounded up, because Node drops the fraction and the timer would fire early.
      timer = setTimeout(end, Math.ceil(limit))
    }
    start(true)
    void work.then(() => {
      clearTimeout(timer)
      resolve(true)
    })
  })
}
