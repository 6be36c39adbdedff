/**
 * @module Limits the number of tasks in progress. Waiting tasks run in turn, one of each owner, so that
 * many tasks of one owner do not delay those of another.
 */

/** The `cause` of the error for a task that was refused because too many tasks of its owner wait. */
export class QueueFullError extends Error {
  constructor() {
    super('too many tasks of this owner are waiting')
  }
}

/** Begins an operation, and calls `release` once at its end. */
export type QueuedTask = (release: () => void) => void

export interface FairQueue {
  /**
   * Runs a task now or later. Waiting tasks run in turn: one of each owner.
   *
   * @param isContinuation Whether the task continues an earlier task of the same owner. A continuation
   * is never refused, and runs before the owner's other tasks.
   * @returns `false` if too many tasks of this owner are waiting; the task does not run.
   */
  readonly run: (owner: string, task: QueuedTask, isContinuation: boolean) => boolean
}

export interface QueueLimits {
  /** The maximum number of tasks in progress. */
  readonly running: number
  /** The maximum number of waiting tasks of one owner. */
  readonly waiting: number
}

export function createFairQueue(limits: QueueLimits): FairQueue {
  // Owners with waiting tasks, in the order of their turns.
  const waiting = new Map<string, QueuedTask[]>()
  let running = 0
  let draining = false

  function release(): void {
    running--
    // Without this, tasks that end synchronously would nest one call per waiting task.
    if (draining || waiting.size === 0) return
    draining = true
    while (running < limits.running && waiting.size > 0) {
      running++
      takeNext()(release)
    }
    draining = false
  }

  function takeNext(): QueuedTask {
    const [owner, tasks] = waiting.entries().next().value as [string, QueuedTask[]]
    waiting.delete(owner)
    const task = tasks.shift() as QueuedTask
    if (tasks.length > 0) waiting.set(owner, tasks)
    return task
  }

  return {
    run(owner, task, isContinuation) {
      if (running < limits.running && waiting.size === 0) {
        running++
        task(release)
        return true
      }
      const tasks = waiting.get(owner)
      if (tasks === undefined) waiting.set(owner, [task])
      else if (isContinuation) tasks.unshift(task)
      else if (tasks.length < limits.waiting) tasks.push(task)
      else return false
      return true
    },
  }
}
