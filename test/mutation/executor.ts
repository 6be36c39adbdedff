/**
 * @module Runs single tests of a collected file, any number of times and in any order, with their hooks. The
 * hooks around a suite run when its first test runs, and when the caller closes all suites.
 */
import { type RunnerTestCase, type RunnerTestSuite, TestRunner, vi } from 'vitest'

export type Outcome = 'passed' | 'failed' | 'timeout'

interface Result {
  readonly outcome: Outcome
  readonly error?: unknown
}

type Hook = (...args: unknown[]) => unknown

/** What a test registers while it runs. */
type Registering = RunnerTestCase & { onFinished?: Hook[]; onFailed?: Hook[] }

// Tests replace the globals.
const { setTimeout, clearTimeout, performance } = globalThis
const now = performance.now.bind(performance)
export const realTime = Date.now

// Test files create tokens while they are loaded. The clock is set back to then again and again, because
// the tokens would expire.
let ahead = 0
Date.now = () => realTime() - ahead
globalThis.Date = new Proxy(Date, {
  construct: (target, args, self) =>
    Reflect.construct(target, args.length === 0 ? [target.now()] : args, self),
})

/** The time that a test or hook may take if it normally takes this many milliseconds. */
export const timeLimit = (normal: number) => 3 * normal + 1_000

/** How long a suite's hooks may take. No suite of the repository needs a third of it. */
const suiteLimit = 4_000

/** Runs a function and waits for its result, until the time limit. */
function limited(run: () => unknown, limit: number): Promise<Result> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => resolve({ outcome: 'timeout' }), limit)
    const settle = (result: Result) => {
      clearTimeout(timer)
      resolve(result)
    }
    const result = new Promise((settled) => settled(run()))
    result.then(
      () => settle({ outcome: 'passed' }),
      (error) => settle({ outcome: 'failed', error }),
    )
  })
}

const passes = async (hook: () => unknown) => (await limited(hook, suiteLimit)).outcome === 'passed'

const hooksOf = (
  suite: RunnerTestSuite,
  name: 'beforeAll' | 'afterAll' | 'beforeEach' | 'afterEach',
) => TestRunner.getSuiteHooks(suite)[name] as unknown as Hook[]

/** The suites that a test is in, without the file, the outermost first. */
export function suitesOf(task: RunnerTestCase | RunnerTestSuite): RunnerTestSuite[] {
  return task.suite ? [...suitesOf(task.suite), task.suite] : []
}

export type Executor = ReturnType<typeof createExecutor>

export function createExecutor(host: Registering) {
  const loadedAt = realTime()
  /** The suites whose `beforeAll` hooks have run, with their result, and what runs when they are closed. */
  const open = new Map<RunnerTestSuite, { result: Result; cleanups: Hook[] }>()

  async function openSuite(suite: RunnerTestSuite): Promise<Result> {
    const known = open.get(suite)
    if (known) return known.result
    const cleanups: Hook[] = []
    const result = await limited(async () => {
      for (const hook of hooksOf(suite, 'beforeAll')) {
        const cleanup = await hook(suite)
        if (typeof cleanup === 'function') cleanups.push(cleanup as Hook)
      }
    }, suiteLimit)
    open.set(suite, { result, cleanups })
    return result
  }

  /** Runs the hooks after all suites that are open. */
  async function closeSuites() {
    for (const [suite, { cleanups }] of [...open].reverse()) {
      for (const hook of [...hooksOf(suite, 'afterAll').toReversed(), ...cleanups]) {
        await passes(() => hook(suite))
      }
    }
    open.clear()
    reset()
    ahead = realTime() - loadedAt
  }

  async function runBody(test: RunnerTestCase, cleanups: Hook[], isStopped: () => boolean) {
    for (const suite of suitesOf(test)) {
      for (const hook of hooksOf(suite, 'beforeEach')) {
        const cleanup = await hook(test.context, suite)
        if (typeof cleanup === 'function') cleanups.push(cleanup as Hook)
        if (isStopped()) return
      }
    }
    await TestRunner.getTestFn(test)()
    // Assertions that the test did not wait for.
    await Promise.all(host.promises ?? [])
  }

  /** Runs the hooks after a test, also if it did not end. Returns whether all succeeded. */
  async function cleanUp(test: Registering, cleanups: Hook[], failed: boolean) {
    let good = true
    const call = async (hooks: readonly Hook[], ...args: unknown[]) => {
      for (const hook of hooks) good = (await passes(() => hook(...args))) && good
    }
    for (const suite of suitesOf(test).reverse()) {
      await call(hooksOf(suite, 'afterEach').toReversed(), test.context, suite)
    }
    await call(cleanups.reverse())
    // `onTestFinished` registers with the test that vitest runs, the context's function with its own.
    for (const task of [host, test]) {
      await call(task.onFinished?.reverse() ?? [], test.context)
      if (failed) await call(task.onFailed ?? [], test.context)
    }
    return good
  }

  /** Runs a test that normally takes this many milliseconds, and removes what a failed one left behind. */
  async function runTest(
    test: RunnerTestCase,
    normal: number,
  ): Promise<Result & { duration: number }> {
    for (const task of [host, test]) {
      Object.assign(task, { onFinished: undefined, onFailed: undefined, promises: undefined })
    }
    const start = now()
    for (const suite of suitesOf(test)) {
      const opened = await openSuite(suite)
      if (opened.outcome !== 'passed') return { ...opened, duration: 0 }
    }
    const cleanups: Hook[] = []
    let stopped = false
    let result = await limited(() => runBody(test, cleanups, () => stopped), timeLimit(normal))
    stopped = true
    const clean = await cleanUp(test, cleanups, result.outcome !== 'passed')
    if (result.outcome === 'passed' && !clean) {
      result = { outcome: 'failed', error: 'a hook after the test failed' }
    }
    if (result.outcome !== 'passed') reset()
    return { ...result, duration: now() - start }
  }

  return { openSuite, runTest, closeSuites }
}

function reset() {
  vi.useRealTimers()
  vi.restoreAllMocks()
  vi.unstubAllGlobals()
  vi.unstubAllEnvs()
}
