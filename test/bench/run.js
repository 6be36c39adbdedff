/**
 * @module `npm run bench`: compares this package with the alternatives, on loopback only. Without arguments
 * it measures every table, else the named ones. See `usage`.
 */
import { execFileSync } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { availableParallelism, cpus, tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { contenders } from './contenders.js'
import { digest, order, toJson } from './digest.js'
import { root } from './footprint.js'
import { startIssuer } from './issuer.js'
import { httpTable, importTable, memoryTable, refusalsTable, workloadTable } from './tables.js'

/** @typedef {import('./tables.js').Run} Run */
/** @typedef {import('./tables.js').Table} Table */
/** @typedef {import('./tokens.js').Algorithm} Algorithm */
/** @typedef {{ alone: string, make: (run: Run) => Promise<Table> }} Planned a table, and the arguments that measure only this table */

const algorithms = ['RS256', 'ES256', 'EdDSA']
const frameworks = ['express', 'koa', 'http']
const usage = `node test/bench/run.js [table …] [option …]: measures these tables, or all.

tables
  cold       every token is new
  m2m        the tokens of 1,000 machine clients again and again
  refusals   tokens that are refused
  http       requests per second of servers that authenticate
  authorize  requests per second of servers that authenticate and require a scope
  memory     the heap after many tokens
  import     import time and installed size

options
  --alg NAME        ${algorithms.join(', ')} (cold, m2m, refusals, http, authorize)
  --in-flight N     concurrent calls (cold, m2m, refusals)
  --framework NAME  ${frameworks.join(', ')} (http, authorize)
  --only NAMES      measures only these, separated by commas:
                    ${Object.keys(contenders).join(', ')}
  --before DIR      also measures another build of this package, whose dist folder is DIR
  --rounds N        the number of rounds; every contender is measured once per round (default: 2 to 7)
  --ms N            duration of each sample in milliseconds
  --warm-up N       warm-up of each contender in milliseconds, before the first round and, in new
                    processes, after every 8 rounds
  --patience N      repeats a sample if the host of a virtual machine took more than 2 % of the CPU
                    time (Linux only), at most N × the number of samples in total (default: 0)
  --full            memory: 1,000,000 tokens
  --json FILE       writes medians, quartiles and extremes to FILE, and every sample to a second file
                    whose name ends with .raw.json
`

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    alg: { type: 'string' },
    'in-flight': { type: 'string' },
    framework: { type: 'string' },
    only: { type: 'string' },
    before: { type: 'string' },
    rounds: { type: 'string' },
    ms: { type: 'string' },
    'warm-up': { type: 'string' },
    patience: { type: 'string', default: '0' },
    full: { type: 'boolean', default: false },
    json: { type: 'string' },
    help: { type: 'boolean', default: false },
  },
})
if (options.help) {
  console.log(usage)
  process.exit()
}

/** @param {string} problem @returns {never} */
function exitWithUsage(problem) {
  console.error(`${problem}\n\n${usage}`)
  process.exit(2)
}

/**
 * The defaults of each table. There are many short rounds, because disturbances last longer than a round,
 * and the ratios are those within a round.
 *
 * @type {Record<string, { rounds: number, milliseconds: number, warmUp: number }>}
 */
const defaults = {
  // Longer, because fewer tokens are in flight at the beginning and the end of a round.
  cold: { rounds: 4, milliseconds: 130, warmUp: 200 },
  m2m: { rounds: 7, milliseconds: 50, warmUp: 150 },
  refusals: { rounds: 5, milliseconds: 50, warmUp: 100 },
  http: { rounds: 7, milliseconds: 70, warmUp: 100 },
  authorize: { rounds: 7, milliseconds: 70, warmUp: 100 },
  memory: { rounds: 1, milliseconds: 0, warmUp: 0 },
  import: { rounds: 2, milliseconds: 0, warmUp: 0 },
}

const before = options.before === undefined ? undefined : resolve(options.before)
const everyName = Object.keys(contenders).filter((name) => name !== 'before' || before)
const libraries = everyName.filter((name) => name !== 'nothing')
const without = (/** @type {string[]} */ ...names) =>
  libraries.filter((name) => !names.includes(name))
const only = options.only?.split(',')
const algorithm = /** @type {Algorithm} */ (options.alg ?? 'RS256')
const inFlight = Number(options['in-flight'] ?? 64)
const special = options.alg !== undefined || options['in-flight'] !== undefined

/** The commit that is measured. */
function commitOf() {
  try {
    return String(execFileSync('git', ['describe', '--always', '--dirty'], { cwd: root })).trim()
  } catch {
    return 'unknown'
  }
}

/** @param {readonly string[]} names @param {readonly string[]} all */
function restrict(names, all) {
  const wanted = only ?? withBefore(names)
  const restriction = wanted.length === all.length ? '' : ` --only ${wanted}`
  return before === undefined ? restriction : `${restriction} --before ${options.before}`
}

/** @param {'cold' | 'm2m'} name @param {Algorithm} algorithm @param {number} inFlight @param {readonly string[]} names @returns {Planned} */
const workload = (name, algorithm, inFlight, names) => ({
  alone: `${name} --alg ${algorithm} --in-flight ${inFlight}${restrict(names, everyName)}`,
  make: (run) =>
    workloadTable(run, {
      workload: name,
      algorithm,
      inFlight,
      names: only ?? withBefore(names),
    }),
})

/** @param {readonly string[]} names @returns {Planned} */
const refusals = (names) => ({
  alone: `refusals --alg ${algorithm} --in-flight ${inFlight}${restrict(names, libraries)}`,
  make: (run) => refusalsTable(run, { algorithm, inFlight, names: only ?? withBefore(names) }),
})

/** Adds the other build, if there is one, after ours. @param {readonly string[]} names */
const withBefore = (names) =>
  before === undefined || !names.includes('ours') || names.includes('before')
    ? names
    : names.flatMap((name) => (name === 'ours' ? ['ours', 'before'] : [name]))

/** @param {'http' | 'authorize'} table @param {string} framework @param {readonly string[]} names @returns {Planned} */
const overHttp = (table, framework, names) => ({
  alone: `${table} --framework ${framework} --alg ${algorithm}${restrict(names, names)}`,
  make: (run) =>
    httpTable(run, {
      framework,
      algorithm,
      names: only ?? withBefore(names),
      scopes: table === 'authorize',
    }),
})

const servers = {
  express: [
    'ours',
    'express-oauth2-jwt-bearer',
    'express-jwt',
    'aws-jwt-verify',
    'fast-jwt-cache',
    'jose',
  ],
  koa: ['ours', 'koa-jwt', 'fast-jwt-cache', 'jose'],
  http: ['ours', 'aws-jwt-verify', 'fast-jwt-cache', 'jose'],
}

/** For the tables that would take too long with all contenders. */
const few = ['ours', 'jose', 'aws-jwt-verify']
/** @type {Record<string, Planned[]>} */
const plan = {
  cold: special
    ? [workload('cold', algorithm, inFlight, everyName)]
    : [
        workload('cold', 'RS256', 64, ['nothing', ...without('fast-jwt-cache', 'koa-jwt')]),
        workload('cold', 'ES256', 64, without('fast-jwt', 'fast-jwt-cache', 'koa-jwt')),
        workload('cold', 'EdDSA', 64, libraries),
        workload('cold', 'RS256', 1, [...few, 'fast-jwt']),
      ],
  m2m: special
    ? [workload('m2m', algorithm, inFlight, everyName)]
    : [
        workload('m2m', 'RS256', 64, ['nothing', ...without('fast-jwt', 'koa-jwt')]),
        workload('m2m', 'RS256', 1, [...few, 'fast-jwt-cache']),
      ],
  refusals: [
    refusals(
      special ? libraries : [...few, 'fast-jwt', 'express-oauth2-jwt-bearer', 'express-jwt'],
    ),
  ],
  http: Object.entries(servers)
    .filter(([framework]) => framework === (options.framework ?? framework))
    .map(([framework, names]) => overHttp('http', framework, names)),
  authorize: Object.keys(servers)
    .filter((framework) => framework === (options.framework ?? framework))
    .map((framework) =>
      overHttp(
        'authorize',
        framework,
        framework === 'express' ? ['ours', 'express-oauth2-jwt-bearer'] : ['ours'],
      ),
    ),
  memory: [{ alone: 'memory --full', make: memoryTable }],
  import: [
    {
      alone: `import${restrict(libraries, libraries)}`,
      make: (run) => importTable(run, { names: only ?? without('before') }),
    },
  ],
}

const names = positionals.length > 0 ? positionals : Object.keys(plan)
const isOneOf = (/** @type {readonly string[]} */ list, /** @type {string | undefined} */ value) =>
  value === undefined || list.includes(value)
if (!isOneOf(algorithms, options.alg))
  exitWithUsage(`--alg takes ${algorithms.join(', ')}: ${options.alg}`)
if (!isOneOf(frameworks, options.framework))
  exitWithUsage(`--framework takes ${frameworks.join(', ')}: ${options.framework}`)
for (const name of /** @type {const} */ (['rounds', 'ms', 'warm-up', 'in-flight', 'patience'])) {
  if (!/^\d+$/.test(options[name] ?? '1'))
    exitWithUsage(`--${name} takes a number: ${options[name]}`)
}
const unknown = [
  ...names.filter((name) => !(name in plan)),
  ...(only ?? []).filter((name) => !(name in contenders)),
]
if (before !== undefined && !existsSync(join(before, 'index.js'))) {
  exitWithUsage(`--before takes a folder with index.js: ${options.before}`)
}
if (only?.includes('before') && before === undefined) {
  exitWithUsage('--only before requires --before DIR')
}
if (unknown.length > 0) {
  exitWithUsage(`unknown: ${unknown}`)
}
const here = fileURLToPath(new URL('.', import.meta.url))
if ((only ?? ['ours']).includes('ours') && !existsSync(join(root, 'dist/index.js'))) {
  console.error('dist/ is missing: run `npm run build` first')
  process.exit(2)
}
if (!existsSync(join(here, 'node_modules'))) {
  execFileSync('npm', ['ci', '--no-audit', '--no-fund'], { cwd: here, stdio: 'inherit' })
}

const folder = mkdtempSync(join(tmpdir(), 'oauth-resource-server-bench-'))
process.on('exit', () => rmSync(folder, { recursive: true, force: true }))
/** @type {Partial<Record<Algorithm, ReturnType<typeof startIssuer>>>} */
const issuers = {}
const issuer = (/** @type {Algorithm} */ algorithm) => {
  issuers[algorithm] ??= startIssuer(algorithm, join(folder, `${algorithm}.json`), before)
  return issuers[algorithm]
}

const secondsSince = (/** @type {number} */ time) => Math.round((performance.now() - time) / 1000)
const started = performance.now()
const machine = `${availableParallelism()} × ${cpus()[0]?.model ?? 'unknown CPU'}`
const date = new Date().toISOString().slice(0, 10)
const commit = commitOf()
console.log(`${date}, Node ${process.versions.node}, ${machine}`)
/** @type {Record<string, unknown>} */
const figures = {}
for (const name of names) {
  const settings = defaults[name]
  for (const { alone, make } of plan[name] ?? []) {
    const begun = performance.now()
    const table = await make({
      issuer,
      rounds: Number(options.rounds ?? settings?.rounds),
      patience: Number(options.patience),
      milliseconds: Number(options.ms ?? settings?.milliseconds),
      warmUp: Number(options['warm-up'] ?? settings?.warmUp),
      full: options.full,
    })
    console.log(
      `\n### ${table.title}\n\n\`node test/bench/run.js ${alone}\`, ${secondsSince(begun)} s\n\n${table.markdown}`,
    )
    figures[table.title] = table.figures
  }
}
const seconds = secondsSince(started)
console.log(`\n${seconds} s in total.`)
if (options.json) {
  const run = { date, commit, node: process.versions.node, machine, seconds }
  const raw = options.json.replace(/(\.json)?$/, '.raw.json')
  writeFileSync(raw, toJson({ ...run, figures }))
  writeFileSync(options.json, toJson({ ...run, order, figures: digest(figures) }))
}
process.exit()
