/** @module The tables of verification in one process: workloads, refusals, mixed load and opaque tokens. */
import { byRound, labelOf, percent, ratios, times } from './cells.js'
import { contenderOf } from './contenders.js'
import { ask, start } from './processes.js'
import { describeHost, inNewProcesses, measureRounds } from './rounds.js'
import { figure, markdown, median, range } from './table.js'

/** @typedef {import('./child.js').Sample} Sample */
/** @typedef {import('./cells.js').Run} Run */
/** @typedef {import('./cells.js').Rounds} Rounds */
/** @typedef {import('./cells.js').Table} Table */
/** @typedef {import('./tokens.js').Algorithm} Algorithm */

/**
 * Measures workloads in rounds (A B C, B C A, …), each contender in its own process.
 *
 * @param {Run} run
 * @param {{ workloads: readonly string[], algorithm: Algorithm, inFlight: number, names: readonly string[] }} options
 * @returns {Promise<Record<string, Rounds>>} by workload
 */
async function measureInProcess(run, { workloads, algorithm, inFlight, names }) {
  const { file } = await run.issuer(algorithm)
  const children = new Map(
    await Promise.all(
      names.map(async (contender) => {
        const cell = JSON.stringify({ contender, workloads, inFlight, file })
        return /** @type {const} */ ([contender, (await start('child.js', cell)).child])
      }),
    ),
  )
  /** @param {string} name @param {import('./child.js').Order} order @returns {Promise<Sample>} */
  const measure = (name, order) =>
    ask(/** @type {import('./processes.js').ChildProcess} */ (children.get(name)), order)
  /** @type {Record<string, Rounds>} */
  const figures = {}
  for (const workload of /** @type {import('./child.js').Workload[]} */ ([...workloads])) {
    for (const name of names) await measure(name, { workload, milliseconds: run.warmUp })
    figures[workload] = await measureRounds(run, names, (name) =>
      measure(name, { workload, milliseconds: run.milliseconds }),
    )
  }
  for (const child of children.values()) child.disconnect()
  return figures
}

/** @param {readonly string[]} names @param {Algorithm} algorithm */
function divide(names, algorithm) {
  const lacks = (/** @type {string} */ name) => contenderOf(name).lacks.includes(algorithm)
  return { able: names.filter((name) => !lacks(name)), unable: names.filter(lacks) }
}

/**
 * The cold or the machine-to-machine workload.
 *
 * @param {Run} run
 * @param {{ workload: 'cold' | 'm2m', algorithm: Algorithm, inFlight: number, names: readonly string[] }} options
 * @returns {Promise<Table>}
 */
export async function workloadTable(run, options) {
  const { workload, algorithm, inFlight } = options
  const { able, unable } = divide(options.names, algorithm)
  const figures = await inNewProcesses(run, (some) =>
    measureInProcess(some, { ...options, workloads: [workload], names: able }),
  )
  const rounds = figures[workload] ?? {}
  const head = [
    'tokens/s (min–max)',
    'p50 µs',
    'p99 µs',
    'CPU µs',
    'main thread µs',
    'event loop',
    'ours ÷ it, tokens/s',
    'ours ÷ it, CPU',
    'ours ÷ it, main thread',
  ]
  const rows = Object.entries(rounds).map(([name, samples]) => [
    labelOf(name),
    range(byRound(samples, 'perSecond')),
    ...['p50', 'p99', 'cpu', 'mainCpu'].map((key) => figure(median(byRound(samples, key)))),
    percent(median(byRound(samples, 'loop'))),
    ...['perSecond', 'cpu', 'mainCpu'].map((key) => times(ratios(rounds, name, key))),
  ])
  const lacking = unable.map((name) => `${labelOf(name)} does not verify ${algorithm}.`).join(' ')
  const what =
    workload === 'cold' ? 'Every token is new' : 'Machine to machine, 1,000 tokens (Zipf)'
  return {
    title: `${what}: ${algorithm}, ${inFlight} in flight`,
    markdown: `${markdown(['', ...head], rows)}${lacking && `\n\n${lacking}`}\n\n${describeHost(rounds)}`,
    figures: rounds,
  }
}

const refusals = {
  badSignature: 'bad signature',
  expired: 'expired',
  unknownKid: 'made-up kid',
  garbage: 'garbage',
}

/**
 * @param {Run} run
 * @param {{ algorithm: Algorithm, inFlight: number, names: readonly string[] }} options
 * @returns {Promise<Table>}
 */
export async function refusalsTable(run, { algorithm, inFlight, names }) {
  // The empty function refuses nothing.
  const { able } = divide(
    names.filter((name) => name !== 'nothing'),
    algorithm,
  )
  const workloads = Object.keys(refusals)
  const figures = await inNewProcesses(run, (some) =>
    measureInProcess(some, { workloads, algorithm, inFlight, names: able }),
  )
  const cellOf = (/** @type {Rounds} */ rounds, /** @type {string} */ name) => {
    const perSecond = figure(median(byRound(rounds[name] ?? [], 'perSecond')))
    const ratio = ratios(rounds, name, 'perSecond')
    return ratio.length > 0 ? `${perSecond} · ${times(ratio)}` : perSecond
  }
  return {
    title: `Refusals per second · ours ÷ it (min–max): ${algorithm}, ${inFlight} in flight`,
    markdown: `${markdown(
      ['', ...Object.values(refusals)],
      able.map((name) => [
        labelOf(name),
        ...Object.values(figures).map((rounds) => cellOf(rounds, name)),
      ]),
    )}\n\n${Object.entries(figures)
      .map(
        ([name, rounds]) =>
          `${refusals[/** @type {keyof typeof refusals} */ (name)]}: ${describeHost(rounds)}`,
      )
      .join('\n')}`,
    figures,
  }
}

/**
 * New tokens, and cached ones at a fixed rate: how long the event loop and the cached tokens wait.
 *
 * @param {Run} run
 * @param {{ algorithm: Algorithm, inFlight: number, names: readonly string[] }} options
 * @returns {Promise<Table>}
 */
export async function mixedTable(run, { algorithm, inFlight, names }) {
  const { mixed: rounds = {} } = await inNewProcesses(run, (some) =>
    measureInProcess(some, { workloads: ['mixed'], algorithm, inFlight, names }),
  )
  const head = [
    'event loop delay, p99 ms (min–max)',
    'cached tokens, p99 ms',
    'new tokens/s',
    'ours ÷ it, event loop delay',
  ]
  const milliseconds = (/** @type {number} */ value) => figure(value / 1000)
  const rows = Object.entries(rounds).map(([name, samples]) => [
    labelOf(name),
    range(byRound(samples, 'delayP99'), milliseconds),
    milliseconds(median(byRound(samples, 'cachedP99'))),
    figure(median(byRound(samples, 'perSecond'))),
    times(ratios(rounds, name, 'delayP99')),
  ])
  return {
    title: `New tokens, ${inFlight} in flight, and 2,000 cached tokens per second: ${algorithm}`,
    markdown: `${markdown(['', ...head], rows)}\n\n${describeHost(rounds)}`,
    figures: rounds,
  }
}

/**
 * Opaque tokens whose results are cached, beside cached JWTs.
 *
 * @param {Run} run
 * @param {{ inFlight: number, names: readonly string[] }} options
 * @returns {Promise<Table>}
 */
export async function opaqueTable(run, { inFlight, names }) {
  const table = await workloadTable(run, { workload: 'm2m', algorithm: 'RS256', inFlight, names })
  return { ...table, title: `Cached opaque tokens and cached JWTs: RS256, ${inFlight} in flight` }
}
