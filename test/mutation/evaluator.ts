/**
 * @module Decides whether the tests find a mutant. A test that fails finds it only if the same test then passes
 * without the mutant, in the same process, and fails with it once more.
 */
import { type DryRun, type LoadedTest, stryker } from './dry-run.ts'
import { type Executor, type Outcome, timeLimit } from './executor.ts'
import type { Mutant } from './instrument.js'
import type { Plan, State, Verdict } from './main.js'

/** Other tests do not run first, even if they found other mutants. */
const isFast = (duration = 0) => duration < 100

/** As in Stryker: a mutant that is executed this many times as often as normal is in an endless loop. */
const hitLimitFactor = 100

export function createEvaluator(
  plan: Plan,
  dryRun: DryRun,
  loaded: readonly LoadedTest[],
  executor: Executor,
  report: (state: State) => void,
) {
  const byKey = new Map(loaded.map(({ key, test }) => [key, test]))
  const loading = new Set(dryRun.static)
  const tests = dryRun.tests.map((entry) => ({ ...entry, test: byKey.get(entry.key) }))
  const order = createOrder(tests, plan.avoid)

  let step = 0

  async function run(place: number, mutant: Mutant, active: boolean): Promise<Outcome> {
    const entry = tests[place]
    if (!entry?.test) throw new Error(`Test ${place} is missing`)
    report({
      mutant: mutant.id,
      test: entry.name.slice(0, 400),
      step: step++,
      limit: timeLimit(entry.duration),
    })
    stryker.activeMutant = active ? mutant.id : undefined
    const { outcome } = await executor.runTest(entry.test, entry.duration)
    stryker.activeMutant = undefined
    return active && (stryker.hitCount ?? 0) > (stryker.hitLimit ?? 0) ? 'timeout' : outcome
  }

  /** Returns whether a test passes in suites of its own without the mutant. */
  async function passesWithout(place: number, mutant: Mutant) {
    await executor.closeSuites()
    const outcome = await run(place, mutant, false)
    await executor.closeSuites()
    return outcome === 'passed'
  }

  /** Returns `undefined` if the process no longer runs the tests as it did at first. */
  return async function evaluate(mutant: Mutant): Promise<Verdict | undefined> {
    const covering = dryRun.covers[mutant.id]
    if (!covering) return { status: loading.has(mutant.id) ? 'static' : 'uncovered' }
    stryker.hitCount = 0
    stryker.hitLimit = (dryRun.hits[mutant.id] ?? 0) * hitLimitFactor
    await executor.closeSuites()
    let time = 0
    for (const place of order.sort(mutant, covering)) {
      const { name = '', duration = 0 } = tests[place] ?? {}
      time += duration
      if (time > plan.limit) return { status: 'survived', cap: plan.limit }
      const outcome = await run(place, mutant, true)
      if (outcome === 'passed') continue
      const by = { status: outcome === 'failed' ? 'killed' : 'timeout', by: name } as const
      if (!(await passesWithout(place, mutant)) && !(await passesWithout(place, mutant))) {
        return plan.retry === mutant.id ? { ...by, polluted: true } : undefined
      }
      stryker.hitCount = 0
      if ((await run(place, mutant, true)) === 'passed') continue
      if (isFast(duration)) order.recordKill(mutant, place)
      return by
    }
    return { status: 'survived' }
  }
}

/**
 * Puts the tests first that will probably fail: those that found other mutants of the file, then the fast
 * ones of the file and of its folder. Those to avoid come last.
 */
function createOrder(
  tests: readonly { readonly file: string; readonly name: string; readonly duration: number }[],
  avoid: readonly string[],
) {
  const avoided = new Set(avoid)
  const killers = new Map<string, number[]>()

  return {
    sort({ file }: Mutant, covering: readonly number[]): number[] {
      const own = file.replace(/^src/, 'test/unit').replace(/\.ts$/, '.test.ts')
      const folder = own.slice(0, own.lastIndexOf('/') + 1)
      const left = new Set(covering)
      const sorted: number[] = []
      const take = (places: Iterable<number>) => {
        for (const place of places) if (left.delete(place)) sorted.push(place)
      }
      take(killers.get(file) ?? [])
      const preferred = covering.filter((place) => !avoided.has(tests[place]?.name ?? ''))
      const quick = preferred.filter((place) => isFast(tests[place]?.duration))
      take(quick.filter((place) => tests[place]?.file === own))
      take(quick.filter((place) => tests[place]?.file.startsWith(folder)))
      take(preferred)
      take(covering)
      return sorted
    },
    recordKill({ file }: Mutant, place: number) {
      const others = (killers.get(file) ?? []).filter((other) => other !== place)
      killers.set(file, [place, ...others].slice(0, 30))
    },
  }
}
