/** @module The measurements of each table, and its Markdown. */
import { contenderOf, contenders } from './contenders.js'
import { importTime, installedSize, ourInstalledSize, root } from './footprint.js'
import { ask, start } from './processes.js'
import { describeHost, inNewProcesses, measureRounds } from './rounds.js'
import { figure, markdown, median, range } from './table.js'

/** @typedef {import('./child.js').Sample} Sample */
/** @typedef {import('./load.js').Load} Load */
/** @typedef {import('./tokens.js').Algorithm} Algorithm */
/** @typedef {Record<string, any[]>} Rounds the samples of each contender, one per round */
/**
 * @typedef {object} Run
 * @property {(algorithm: Algorithm) => Promise<Issued>} issuer
 * @property {number} rounds
 * @property {number} patience how many samples may be repeated, as a multiple of all samples
 * @property {number} milliseconds per cell and round
 * @property {number} warmUp milliseconds before the first round
 * @property {boolean} full
 */
/** @typedef {{ file: string, tokens: import('./tokens.js').TokenSet }} Issued */
/** @typedef {{ title: string, markdown: string, figures: unknown }} Table */
/** @typedef {{ framework: string, algorithm: Algorithm, names: readonly string[], scopes: boolean }} HttpOptions */

const percent = (/** @type {number} */ share) => `${Math.round(100 * share)} %`
const byRound = (/** @type {any[]} */ samples, /** @type {string} */ key) =>
  samples.map((sample) => sample[key])
const labelOf = (/** @type {string} */ name) => contenderOf(name).label

/** The ratio of ours to another contender, per round. @param {Rounds} rounds @param {string} name @param {string} key */
function ratios(rounds, name, key) {
  const [own, other] = [rounds.ours ?? [], rounds[name] ?? []]
  if (name === 'ours' || name === 'nothing') return []
  return own.map((sample, round) => sample[key] / other[round][key])
}

const times = (/** @type {number[]} */ values) => range(values, (value) => `${value.toFixed(2)}`)

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
    'ours ÷ it, main thread',
  ]
  const rows = Object.entries(rounds).map(([name, samples]) => [
    labelOf(name),
    range(byRound(samples, 'perSecond')),
    ...['p50', 'p99', 'cpu', 'mainCpu'].map((key) => figure(median(byRound(samples, key)))),
    percent(median(byRound(samples, 'loop'))),
    times(ratios(rounds, name, 'perSecond')),
    times(ratios(rounds, name, 'mainCpu')),
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
  const { able } = divide(names, algorithm)
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

/** Requests to every server before it is measured, so that caches are full. */
const warmUpRequests = 2500

/** @param {number} port @param {import('./tokens.js').TokenSet} tokens @param {boolean} scopes */
async function assertProtects(port, { spare, refusals, foreign, withoutScope }, scopes) {
  const statusOf = async (/** @type {string} */ token) => {
    const headers = { authorization: `Bearer ${token}`, connection: 'close' }
    return (await fetch(`http://127.0.0.1:${port}/reports`, { headers })).status
  }
  const bad = [...Object.values(refusals).map((list) => list[0] ?? ''), ...foreign]
  const statuses = await Promise.all([spare, ...bad].map(statusOf))
  if (statuses.some((status, index) => (status === 200) !== (index === 0))) {
    throw new Error(`a server responds with ${statuses}: 200 and then refusals were expected`)
  }
  const status = await statusOf(withoutScope)
  if (status !== (scopes ? 403 : 200)) {
    throw new Error(`a server responds with ${status} to a token without a scope`)
  }
}

/**
 * @param {Run} run
 * @param {HttpOptions} options
 * @returns {Promise<Record<string, Rounds>>} by framework
 */
async function measureOverHttp(run, { framework, algorithm, names, scopes }) {
  const { file, tokens } = await run.issuer(algorithm)
  const driver = (await start('load.js', file)).child
  const servers = await Promise.all(
    ['unprotected', 'empty', ...names].map(async (protection) => {
      const { child, first } = await start(
        'servers.js',
        JSON.stringify({ framework, protection, file, scopes }),
      )
      if (protection in contenders) await assertProtects(first, tokens, scopes)
      return { protection, child, port: Number(first) }
    }),
  )
  await ask(driver, { warmUp: servers.map(({ port }) => port), requests: warmUpRequests })
  for (const { port } of servers) await ask(driver, { port, milliseconds: run.warmUp })
  const ports = new Map(servers.map(({ protection, port }) => [protection, port]))
  const rounds = await measureRounds(run, [...ports.keys()], (name) =>
    ask(driver, { port: ports.get(name), milliseconds: run.milliseconds }),
  )
  for (const { child } of servers) child.disconnect()
  driver.disconnect()
  return { [framework]: rounds }
}

/**
 * One framework over HTTP, machine to machine, with 64 connections. With `scopes` the route requires a
 * scope, and only contenders with their own check of scopes are measured.
 *
 * @param {Run} run
 * @param {HttpOptions} options
 * @returns {Promise<Table>}
 */
export async function httpTable(run, options) {
  const { framework, algorithm, scopes } = options
  const names = options.names.filter((name) => !scopes || contenderOf(name).authorize)
  const figures = await inNewProcesses(run, (some) => measureOverHttp(some, { ...options, names }))
  const rounds = figures[framework] ?? {}
  for (const samples of Object.values(rounds)) {
    for (const [round, sample] of samples.entries()) {
      sample.lost = 100 * (1 - sample.perSecond / rounds.unprotected?.[round].perSecond)
    }
  }
  const points = (/** @type {number} */ value) => value.toFixed(1)
  const rows = Object.entries(rounds).map(([name, samples]) => [
    { unprotected: 'unprotected', empty: 'an empty asynchronous middleware' }[name] ??
      labelOf(name),
    range(byRound(samples, 'perSecond')),
    name === 'unprotected' ? '–' : range(byRound(samples, 'lost'), points),
    percent(median(byRound(samples, 'loop'))),
    times(name in contenders ? ratios(rounds, name, 'perSecond') : []),
  ])
  const requirement = scopes ? 'authenticate and authorize({ scopes }), ' : ''
  return {
    title: `Over HTTP, ${requirement}machine to machine: ${framework}, ${algorithm}, 64 connections`,
    markdown: `${markdown(
      [
        '',
        'requests/s (min–max)',
        'lost, % of unprotected (min–max)',
        'load generator busy',
        'ours ÷ it, requests/s',
      ],
      rows,
    )}\n\n${describeHost(rounds)}`,
    figures: rounds,
  }
}

const mebibytes = (/** @type {number} */ bytes) => (bytes / 2 ** 20).toFixed(1)

/**
 * The memory of ours while it verifies new tokens.
 *
 * @param {Run} run
 * @returns {Promise<Table>}
 */
export async function memoryTable(run) {
  const { file } = await run.issuer('ES256')
  const count = run.full ? 1_000_000 : 20_000
  const argument = JSON.stringify({ file, count, steps: 4 })
  /** @type {import('./memory.js').MemorySample[]} */
  const samples = (await start('memory.js', argument, ['--expose-gc'])).first
  const rows = samples.map(({ tokens, before, after }) => [
    tokens.toLocaleString('en-US'),
    ...[before.heap, after.heap, before.rss, after.rss].map(mebibytes),
  ])
  return {
    title: `Memory of ours after ${count.toLocaleString('en-US')} distinct tokens (ES256), MiB`,
    markdown: markdown(
      ['tokens verified', 'heap', 'heap after GC', 'resident', 'resident after GC'],
      rows,
    ),
    figures: samples,
  }
}

/** @param {string} file */
const built = (file) => `${root}/dist/${file}`

/**
 * @param {Run} run
 * @param {{ names: readonly string[] }} options
 * @returns {Promise<Table>}
 */
export async function importTable(run, { names }) {
  /** @type {Map<string, { label: string, modules: readonly string[], size: { packages: number, bytes: number } }>} */
  const entries = new Map()
  for (const name of names) {
    const { label, packages } = contenderOf(name)
    const key = name === 'ours' ? name : packages.join(' + ')
    if (name === 'ours') {
      const size = ourInstalledSize()
      entries.set(key, { label, modules: [built('index.js')], size })
      for (const adapter of ['express', 'koa', 'http']) {
        const modules = [built(`adapters/${adapter}.js`)]
        entries.set(`ours/${adapter}`, { label: `${label}/${adapter}`, modules, size })
      }
    } else {
      entries.set(key, { label: key, modules: packages, size: installedSize(packages) })
    }
  }
  /** @type {Record<string, { importMs: number[], bytes: number, packages: number }>} */
  const figures = {}
  for (let round = 0; round < run.rounds; round++) {
    for (const [key, { modules, size }] of entries) {
      figures[key] ??= { importMs: [], ...size }
      figures[key].importMs.push(importTime(modules))
    }
  }
  const own = figures.ours?.importMs ?? []
  const rows = Object.entries(figures).map(([key, { importMs, bytes, packages }]) => [
    entries.get(key)?.label ?? key,
    range(importMs),
    key === 'ours' ? '–' : times(own.map((value, round) => value / (importMs[round] ?? NaN))),
    `${(bytes / 1e6).toFixed(2)} MB`,
    String(packages),
  ])
  return {
    title: 'Import time and installed size',
    markdown: markdown(['', 'import, ms (min–max)', 'ours ÷ it', 'installed', 'packages'], rows),
    figures,
  }
}
