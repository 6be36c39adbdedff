/**
 * @module Shares Node's thread pool between issuers: the signatures of one issuer, however many and
 * expensive, delay those of another by no more than the few that are being verified.
 */

/**
 * Verifications in progress. Twice the default size of the thread pool, so that a thread that becomes
 * free finds work without waiting for the event loop. A larger pool (`UV_THREADPOOL_SIZE`) is used as far
 * as this number goes; the event loop parses no more tokens than this number of threads verifies.
 */
const maxRunning = 8
/** Verifications of one owner that wait. */
const maxWaiting = 1_000

/** Begins a verification, and calls `release` once when it has ended. */
export type VerificationTask = (release: () => void) => void

export interface VerificationQueue {
  /**
   * Runs a task at once, or when its owner's turn has come: owners take turns.
   *
   * @param isContinuation Whether the task continues one of the same owner that ran already. It is not
   * refused, and runs before the owner's other tasks.
   * @returns `false`, and does not run the task, where too many tasks of this owner wait.
   */
  readonly run: (owner: string, task: VerificationTask, isContinuation: boolean) => boolean
}

export function createVerificationQueue(): VerificationQueue {
  // In the order of turns. An owner is a member while it has tasks that wait.
  const waiting = new Map<string, VerificationTask[]>()
  let running = 0
  let draining = false

  function release(): void {
    running--
    // A task that ends at once would otherwise nest one call for each task that waits.
    if (draining || waiting.size === 0) return
    draining = true
    while (running < maxRunning && waiting.size > 0) {
      running++
      takeNext()(release)
    }
    draining = false
  }

  function takeNext(): VerificationTask {
    const [owner, tasks] = waiting.entries().next().value as [string, VerificationTask[]]
    waiting.delete(owner)
    const task = tasks.shift() as VerificationTask
    if (tasks.length > 0) waiting.set(owner, tasks)
    return task
  }

  return {
    run(owner, task, isContinuation) {
      if (running < maxRunning && waiting.size === 0) {
        running++
        task(release)
        return true
      }
      const tasks = waiting.get(owner)
      if (tasks === undefined) waiting.set(owner, [task])
      else if (isContinuation) tasks.unshift(task)
      else if (tasks.length < maxWaiting) tasks.push(task)
      else return false
      return true
    },
  }
}
