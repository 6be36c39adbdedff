/** @module The table of requests with a cached token and a new DPoP proof. */
import { byRound, labelOf, ratios, times } from './cells.js'
import { createDpopClient } from './dpop-client.js'
import { ask, start } from './processes.js'
import { describeHost, inNewProcesses, measureRounds } from './rounds.js'
import { figure, markdown, median, range } from './table.js'

/** @typedef {import('./cells.js').Run} Run */
/** @typedef {import('./cells.js').Rounds} Rounds */
/** @typedef {{ inFlight: number, names: readonly string[] }} Options */

/** Proofs in a sample. They are made before it. */
const proofs = 1000

/** @param {Run} run @param {Options} options @returns {Promise<Record<string, Rounds>>} */
async function measureProofs(run, { inFlight, names }) {
  const { file } = await run.issuer('RS256')
  const client = await createDpopClient(file)
  /** @type {Map<string, import('./processes.js').ChildProcess>} */
  const children = new Map()
  for (const name of names) {
    const { child } = await start('dpop.js', JSON.stringify({ name, file, inFlight }))
    children.set(name, child)
    await ask(child, await client.makeMany(proofs))
  }
  // `measureRounds` measures a name only after the sample before it, so the proofs can be made in between.
  const rounds = await measureRounds(run, names, async (name) =>
    ask(
      /** @type {import('./processes.js').ChildProcess} */ (children.get(name)),
      await client.makeMany(proofs),
    ),
  )
  for (const child of children.values()) child.disconnect()
  return { dpop: rounds }
}

/** @param {Run} run @param {Options} options @returns {Promise<import('./cells.js').Table>} */
export async function dpopTable(run, options) {
  const { dpop: rounds = {} } = await inNewProcesses(run, (some) => measureProofs(some, options))
  const head = [
    'requests/s (min–max)',
    'p99 µs',
    'CPU µs',
    'main thread µs',
    'ours ÷ it, requests/s',
    'ours ÷ it, CPU',
    'ours ÷ it, main thread',
  ]
  const rows = Object.entries(rounds).map(([name, samples]) => [
    labelOf(name),
    range(byRound(samples, 'perSecond')),
    ...['p99', 'cpu', 'mainCpu'].map((key) => figure(median(byRound(samples, key)))),
    ...['perSecond', 'cpu', 'mainCpu'].map((key) => times(ratios(rounds, name, key))),
  ])
  return {
    title: `A cached token and a new DPoP proof (ES256): RS256, ${options.inFlight} in flight`,
    markdown: `${markdown(['', ...head], rows)}\n\n${describeHost(rounds)}`,
    figures: rounds,
  }
}
