/** @module The arguments of `npm run bench`, checked. */
import { existsSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { contenders } from './contenders.js'

/** @typedef {import('./tokens.js').Algorithm} Algorithm */

export const tableNames = [
  'cold',
  'm2m',
  'mixed',
  'refusals',
  'opaque',
  'dpop',
  'http',
  'authorize',
  'memory',
  'import',
]
const algorithms = ['RS256', 'ES256', 'EdDSA']
const frameworks = ['express', 'koa', 'http']
const usage = `node test/bench/run.js [table …] [option …]: measures these tables, or all, with the Node
that runs it: \`/path/to/another/node test/bench/run.js\` measures with that version.

tables
  cold       every token is new
  m2m        the tokens of 1,000 machine clients again and again
  mixed      new tokens and a stream of cached ones: the delay of the event loop
  refusals   tokens that are refused
  opaque     cached opaque tokens, beside cached JWTs
  dpop       a cached token and a new DPoP proof
  http       requests per second and CPU time of servers that authenticate
  authorize  the same of servers that authenticate and require a scope, with known and with new tokens
  memory     the heap after many tokens
  import     import time and installed size

options
  --alg NAME        ${algorithms.join(', ')} (cold, m2m, mixed, refusals, http, authorize)
  --in-flight N     concurrent calls (cold, m2m, mixed, refusals, opaque, dpop)
  --framework NAME  ${frameworks.join(', ')} (http, authorize)
  --tokens NAME     known or new (http, authorize)
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

const parsed = parseArgs({
  allowPositionals: true,
  options: {
    alg: { type: 'string' },
    'in-flight': { type: 'string' },
    framework: { type: 'string' },
    tokens: { type: 'string' },
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
export const options = parsed.values
if (options.help) {
  console.log(usage)
  process.exit()
}

/** The tables to measure. */
export const names = parsed.positionals.length > 0 ? parsed.positionals : tableNames
/** The folder of another build. */
export const before = options.before === undefined ? undefined : resolve(options.before)
export const only = options.only?.split(',')
export const algorithm = /** @type {Algorithm} */ (options.alg ?? 'RS256')
export const inFlight = Number(options['in-flight'] ?? 64)

/** The arguments without `--json`. */
export function describeCommand() {
  const words = process.argv.slice(2)
  const json = words.indexOf('--json')
  if (json >= 0) words.splice(json, 2)
  return ['node test/bench/run.js', ...words.filter((word) => !word.startsWith('--json='))].join(
    ' ',
  )
}

/** @param {string} problem @returns {never} */
function exitWithUsage(problem) {
  console.error(`${problem}\n\n${usage}`)
  process.exit(2)
}

const choices = { alg: algorithms, framework: frameworks, tokens: ['known', 'new'] }
for (const [name, list] of Object.entries(choices)) {
  const value = options[/** @type {keyof typeof choices} */ (name)]
  if (value !== undefined && !list.includes(value)) {
    exitWithUsage(`--${name} takes ${list.join(', ')}: ${value}`)
  }
}
for (const name of /** @type {const} */ (['rounds', 'ms', 'warm-up', 'in-flight', 'patience'])) {
  if (!/^\d+$/.test(options[name] ?? '1'))
    exitWithUsage(`--${name} takes a number: ${options[name]}`)
}
if (before !== undefined && !existsSync(join(before, 'index.js'))) {
  exitWithUsage(`--before takes a folder with index.js: ${options.before}`)
}
if (only?.includes('before') && before === undefined) {
  exitWithUsage('--only before requires --before DIR')
}
const unknown = [
  ...names.filter((name) => !tableNames.includes(name)),
  ...(only ?? []).filter((name) => !(name in contenders)),
]
if (unknown.length > 0) exitWithUsage(`unknown: ${unknown}`)
