/**
 * `npm run mutation -- [--files 'src/keys/**,src/token/**'] [--tests 'test/unit/keys/**'] [--sample N --seed S]
 * [--limit seconds] [--resume] [--break 90]`: changes the source in one place at a time, and runs the unit and
 * conformance tests that execute this place; then, for what these do not find, most integration tests.
 * `--tests` runs only some of them. The verdicts are in .cache/mutation.jsonl; `--resume` keeps those of files
 * that have not changed.
 */
import { spawn } from 'node:child_process'
import { appendFileSync, existsSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { prepare, root, sandbox } from './instrument.js'
import { choose, keepValid, matchPaths, mergeVerdicts, printReport } from './report.js'

/** @typedef {import('./instrument.js').Mutant} Mutant */
/** @typedef {'killed' | 'timeout' | 'survived' | 'static' | 'uncovered'} Status */
/**
 * `cap`: more tests execute the mutant than ran in this time. `polluted`: the test failed also without the
 * mutant afterwards.
 * @typedef {{ status: Status, by?: string, cap?: number, polluted?: boolean }} Verdict
 */
/** @typedef {Mutant & Verdict & { pass: number, ms?: number }} Line */
/**
 * What a process has to do.
 * @typedef {{ pass: number, testFiles: string[], mutants: Mutant[], limit: number, dryRun: string,
 *   state: string, verdicts: string, avoid: string[], retry?: string | undefined }} Plan
 */
/**
 * What a process does.
 * @typedef {{ step?: number, mutant?: string, test?: string, limit?: number, end?: 'finished' | 'polluted' }} State
 */

const { values } = parseArgs({
  options: {
    files: { type: 'string', default: 'src/**' },
    tests: { type: 'string', default: '**' },
    sample: { type: 'string' },
    seed: { type: 'string', default: '1' },
    limit: { type: 'string', default: '1e6' },
    resume: { type: 'boolean', default: false },
    break: { type: 'string', default: '0' },
  },
})

const verdicts = join(root, '.cache/mutation.jsonl')
const limit = Number(values.limit) * 1_000
const planFile = join(sandbox, 'plan.json')
const stateFile = join(sandbox, 'state.json')
/** How long a process may be silent beyond the time limit of its test, and while it loads the tests. */
const grace = 10_000
const tick = 500
const loadingTime = 120_000
const dryRunTime = 1_800_000

/** @type {import('node:child_process').ChildProcess | undefined} */
let child
const stop = () => {
  // Vitest has a process of its own for the tests.
  const runs = child?.exitCode === null && child.signalCode === null
  if (runs && child?.pid !== undefined) process.kill(-child.pid, 'SIGKILL')
}
process.on('exit', stop)
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => process.exit(2))

const { mutants, testFiles: allTestFiles } = await prepare()
const testFiles = matchPaths(values.tests, allTestFiles)
const size = Number(values.sample ?? mutants.length)
const chosen = choose(mutants, values.files, size, Number(values.seed))

const readVerdicts = () => {
  const lines = readFileSync(verdicts, 'utf8').split('\n').filter(Boolean)
  return lines.map((line) => /** @type {Line} */ (JSON.parse(line)))
}
const known = values.resume && existsSync(verdicts) ? keepValid(readVerdicts(), mutants) : []
writeFileSync(verdicts, known.map((line) => `${JSON.stringify(line)}\n`).join(''))

// These files replace modules, so each has a process of its own.
const replacesModules = (/** @type {string} */ file) =>
  /\bvi\.(mock|doMock|resetModules)\(/.test(readFileSync(join(root, file), 'utf8'))
const isIntegration = (/** @type {string} */ file) => file.startsWith('test/integration/')
// They start other programs, or take long.
const isTooSlow = (/** @type {string} */ file) => /examples|nginx|oidc|redis|memory|load/.test(file)
const quickFiles = testFiles.filter((file) => !isIntegration(file))
const passes = [
  quickFiles.filter((file) => !replacesModules(file)),
  ...quickFiles.filter(replacesModules).map((file) => [file]),
  testFiles.filter((file) => isIntegration(file) && !isTooSlow(file) && !replacesModules(file)),
]
/** @type {string[]} */
const leftOut = []
for (const [pass, files] of passes.entries()) await runPass(pass, files)
process.exitCode = printReport(mergeVerdicts(readVerdicts()), chosen, leftOut, Number(values.break))

/**
 * Evaluates the mutants that no earlier pass found, in as many processes as it takes.
 *
 * @param {number} pass
 * @param {string[]} files
 */
async function runPass(pass, files) {
  const dryRun = join(sandbox, `dry-run-${pass}.json`)
  /** @type {string | undefined} */
  let retry
  for (;;) {
    const lines = readVerdicts()
    // With a higher limit, more tests run.
    const isDone = (/** @type {Line} */ line) => line.pass === pass && (line.cap ?? limit) >= limit
    const done = new Set(lines.filter(isDone).map(({ id }) => id))
    const merged = mergeVerdicts(lines)
    const isOpen = (/** @type {Mutant} */ { id }) =>
      !done.has(id) && !['killed', 'timeout'].includes(merged.get(id)?.status ?? '')
    const open = chosen.filter(isOpen)
    console.log(`${time()} pass ${pass}: ${open.length} mutants left`)
    if (open.length === 0) break
    const avoid = lines.flatMap((line) => (line.polluted && line.by ? [line.by] : []))
    const paths = { dryRun, state: stateFile, verdicts }
    /** @type {Plan} */
    const plan = { ...paths, pass, testFiles: files, mutants: open, limit, avoid, retry }
    writeFileSync(planFile, JSON.stringify(plan))
    const state = await runProcess(existsSync(dryRun) ? loadingTime : dryRunTime)
    if (!existsSync(dryRun)) throw new Error('The tests could not be run: see .cache/mutation.log')
    retry = handleEnd(pass, state, retry)
  }
  if (existsSync(dryRun)) leftOut.push(...JSON.parse(readFileSync(dryRun, 'utf8')).leftOut)
}

/**
 * A mutant whose process hung, crashed or was polluted is tried once more, in a new process. Returns it.
 *
 * @param {number} pass
 * @param {State} state
 * @param {string | undefined} retry
 */
function handleEnd(pass, { mutant: id, test, end }, retry) {
  const mutant = chosen.find((other) => other.id === id)
  if (end === 'finished' || !mutant) return undefined
  console.log(`${time()} mutant ${id} ${end ?? 'hangs or crashes'} in ${test ?? 'its tests'}`)
  if (end === 'polluted' || retry !== id) return id
  const line = { ...mutant, status: 'timeout', by: test, pass }
  appendFileSync(verdicts, `${JSON.stringify(line)}\n`)
  return undefined
}

/**
 * Runs vitest until it ends or is silent for too long, and returns its last state.
 *
 * @param {number} startLimit
 * @returns {Promise<State>}
 */
async function runProcess(startLimit) {
  rmSync(stateFile, { force: true })
  const log = openSync(join(root, '.cache/mutation.log'), 'a')
  const vitest = join(root, 'node_modules/vitest/vitest.mjs')
  const config = ['--config', 'test/mutation/vitest.config.ts']
  child = spawn(process.execPath, [vitest, 'run', ...config], {
    cwd: sandbox,
    detached: true,
    stdio: ['ignore', log, log],
    env: { ...process.env, MUTATION_PLAN: planFile, NODE_NO_WARNINGS: '1' },
  })
  /** @type {State} */
  let state = {}
  // Counted, so that a pause of the machine is no silence.
  for (let silence = 0; ; silence += tick) {
    await sleep(tick)
    const next = readState() ?? state
    if (next.step !== state.step) silence = 0
    state = next
    const isSilent = silence > (state.limit ?? startLimit) + grace
    if (state.end !== undefined || child.exitCode !== null || isSilent) {
      stop()
      return readState() ?? state
    }
  }
}

/** @returns {State | undefined} `undefined` if there is none yet, or while it is being written. */
function readState() {
  try {
    return JSON.parse(readFileSync(stateFile, 'utf8'))
  } catch {
    return undefined
  }
}

function time() {
  return new Date().toISOString().slice(11, 19)
}
