/**
 * @module The one test file of the run, in a process that main.js starts. It loads the test files of the
 * plan, and runs the tests that cover a mutant for one mutant after the other.
 */
import {
  appendFileSync,
  existsSync,
  openSync,
  readFileSync,
  renameSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { describe, it, type RunnerTask, type RunnerTestSuite } from 'vitest'
import { type DryRun, type LoadedTest, performDryRun } from './dry-run.ts'
import { createEvaluator } from './evaluator.ts'
import { createExecutor, realTime } from './executor.ts'
import type { Plan, State } from './main.js'

const plan: Plan = JSON.parse(readFileSync(process.env.MUTATION_PLAN ?? '', 'utf8'))
const failedToLoad: string[] = []

it('runs the mutants', { timeout: 0 }, async ({ task }) => {
  const suites = task.file.tasks.filter((child): child is RunnerTestSuite => child.type === 'suite')
  const loaded = suites.flatMap((suite) =>
    listTests(suite).map((test, index) => ({
      ...test,
      key: `${suite.name}#${index}`,
      file: suite.name,
    })),
  )
  // They run here, and not once more after this test.
  for (const suite of suites) suite.mode = 'skip'
  // An error that no test waits for is no failed test. Vitest would report each one.
  for (const event of ['uncaughtException', 'unhandledRejection']) {
    process.removeAllListeners(event).on(event, () => undefined)
  }

  const executor = createExecutor(task)
  if (!existsSync(plan.dryRun)) {
    const dryRun = await performDryRun(loaded, executor)
    const leftOut = [...failedToLoad, ...dryRun.leftOut]
    writeFileSync(`${plan.dryRun}.part`, JSON.stringify({ ...dryRun, leftOut }))
    renameSync(`${plan.dryRun}.part`, plan.dryRun)
  }
  const dryRun: DryRun = JSON.parse(readFileSync(plan.dryRun, 'utf8'))

  const stateFile = openSync(plan.state, 'w')
  // Shows main.js what runs, and until when it should have ended.
  const report = (state: State) => {
    writeSync(stateFile, JSON.stringify(state).padEnd(4_000), 0)
  }
  const evaluate = createEvaluator(plan, dryRun, loaded, executor, report)
  for (const mutant of plan.mutants) {
    const startedAt = realTime()
    const verdict = await evaluate(mutant)
    if (!verdict) return report({ mutant: mutant.id, end: 'polluted' })
    const line = { ...mutant, ...verdict, pass: plan.pass, ms: realTime() - startedAt }
    appendFileSync(plan.verdicts, `${JSON.stringify(line)}\n`)
    if (verdict.polluted || process.memoryUsage().rss > 2e9) break
  }
  report({ end: 'finished' })
})

/** The tests of a suite that are not skipped. */
function listTests(
  task: RunnerTask,
  path: readonly string[] = [],
): Pick<LoadedTest, 'name' | 'test'>[] {
  if (task.mode === 'skip' || task.mode === 'todo') return []
  const names = [...path, task.name]
  if (task.type === 'suite') return task.tasks.flatMap((child) => listTests(child, names))
  return [{ name: names.join(' > '), test: task }]
}

for (const file of plan.testFiles) {
  describe(file, async () => {
    try {
      await import(`${process.cwd()}/${file}`)
    } catch (error) {
      failedToLoad.push(`${file} (${error})`)
    }
  })
}
