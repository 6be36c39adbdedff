/**
 * @module `npm run bench`: compares this package with the alternatives, on loopback only. Without arguments
 * it measures every table, else the named ones. `--help` lists the options.
 */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { availableParallelism, cpus, tmpdir } from 'node:os'
import { join } from 'node:path'
import { digest, order, toJson } from './digest.js'
import { root } from './footprint.js'
import { startIssuer } from './issuer.js'
import { before, describeCommand, names, only, options } from './options.js'
import { defaults, plan } from './plan.js'
import { installAlternatives, requireBuild } from './prerequisites.js'

/** @typedef {import('./tokens.js').Algorithm} Algorithm */

/** The commit that is measured. */
function commitOf() {
  try {
    return String(execFileSync('git', ['describe', '--always', '--dirty'], { cwd: root })).trim()
  } catch {
    return 'unknown'
  }
}

if ((only ?? ['ours']).includes('ours')) requireBuild()
installAlternatives()

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
  const run = {
    date,
    commit,
    node: process.versions.node,
    machine,
    command: describeCommand(),
    seconds,
  }
  const raw = options.json.replace(/(\.json)?$/, '.raw.json')
  writeFileSync(raw, toJson({ ...run, figures }))
  writeFileSync(options.json, toJson({ ...run, order, figures: digest(figures) }))
}
process.exit()
