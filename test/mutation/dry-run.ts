/**
 * @module Runs every test twice without a mutant, the second time in reverse order, and records which
 * mutants it executes and how long it takes. A test that fails runs once more, alone, and is left out if it
 * fails again.
 */
import type { RunnerTestCase } from 'vitest'
import { type Executor, suitesOf } from './executor.ts'

/** What the instrumented sources read and write. */
interface Stryker {
  activeMutant?: string | undefined
  currentTestId?: string | undefined
  hitCount?: number | undefined
  hitLimit?: number | undefined
  mutantCoverage?: {
    static: Record<string, number>
    perTest: Record<string, Record<string, number>>
  }
}

const globals = globalThis as { __stryker__?: Stryker }
globals.__stryker__ ??= {}
export const stryker = globals.__stryker__

export interface LoadedTest {
  readonly file: string
  /** The same in every process, unlike a title that contains the time. */
  readonly key: string
  readonly name: string
  readonly test: RunnerTestCase
}

export interface DryRun {
  /** The tests with their normal time in milliseconds, the fastest first. */
  readonly tests: readonly (Pick<LoadedTest, 'file' | 'key' | 'name'> & {
    readonly duration: number
  })[]
  readonly leftOut: readonly string[]
  /** The tests that execute a mutant, as places in `tests`, ascending. */
  readonly covers: Readonly<Record<string, readonly number[]>>
  /** How often all tests together execute a mutant. */
  readonly hits: Readonly<Record<string, number>>
  /** The mutants that run while modules are loaded. */
  readonly static: readonly string[]
}

export async function performDryRun(
  loaded: readonly LoadedTest[],
  executor: Executor,
): Promise<DryRun> {
  stryker.mutantCoverage ??= { static: {}, perTest: {} }
  const coverage = stryker.mutantCoverage
  const loading = Object.keys(coverage.static)
  const durations = new Map<LoadedTest, number>()
  const leftOut = new Map<LoadedTest, string>()

  const run = async (entry: LoadedTest): Promise<string | undefined> => {
    // What the hooks of a suite execute is covered by each of its tests.
    for (const suite of suitesOf(entry.test)) {
      stryker.currentTestId = suite.id
      await executor.openSuite(suite)
    }
    stryker.currentTestId = entry.test.id
    const { outcome, error, duration } = await executor.runTest(entry.test, 10_000)
    durations.set(entry, Math.min(duration, durations.get(entry) ?? duration))
    return outcome === 'passed' ? undefined : `${entry.name} (${error ?? outcome})`
  }
  for (const entries of [loaded, loaded.toReversed()]) {
    for (const [place, entry] of entries.entries()) {
      if (entries[place - 1]?.file !== entry.file) await executor.closeSuites()
      if ((await run(entry)) === undefined) continue
      await executor.closeSuites()
      const failure = await run(entry)
      if (failure !== undefined) leftOut.set(entry, failure)
    }
    await executor.closeSuites()
  }
  stryker.currentTestId = undefined

  const kept = loaded.filter((entry) => !leftOut.has(entry))
  kept.sort((a, b) => (durations.get(a) ?? 0) - (durations.get(b) ?? 0))
  return {
    tests: kept.map((entry) => {
      const { file, key, name } = entry
      return { file, key, name, duration: durations.get(entry) ?? 0 }
    }),
    leftOut: [...leftOut.values()],
    ...invert(kept, coverage.perTest),
    static: loading,
  }
}

/** The tests of each mutant, from the mutants of each test and suite. */
function invert(kept: readonly LoadedTest[], perTest: Record<string, Record<string, number>>) {
  const covers: Record<string, number[]> = {}
  const hits: Record<string, number> = {}
  for (const [place, { test }] of kept.entries()) {
    const tasks = [test, ...suitesOf(test)]
    for (const id of new Set(tasks.flatMap((task) => Object.keys(perTest[task.id] ?? {})))) {
      covers[id] ??= []
      covers[id].push(place)
    }
  }
  for (const counts of Object.values(perTest)) {
    for (const [id, count] of Object.entries(counts)) hits[id] = (hits[id] ?? 0) + count
  }
  return { covers, hits }
}
