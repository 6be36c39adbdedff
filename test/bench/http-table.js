/** @module The tables of servers that are measured over HTTP. */
import { byRound, labelOf, percent, ratios, times } from './cells.js'
import { contenderOf, contenders } from './contenders.js'
import { ask, start } from './processes.js'
import { describeHost, inNewProcesses, measureRounds } from './rounds.js'
import { figure, markdown, median, range } from './table.js'

/** @typedef {import('./cells.js').Run} Run */
/** @typedef {import('./cells.js').Rounds} Rounds */
/** @typedef {import('./cells.js').Table} Table */
/** @typedef {import('./tokens.js').Algorithm} Algorithm */
/** @typedef {{ framework: string, algorithm: Algorithm, names: readonly string[], scopes: boolean, fresh: boolean }} HttpOptions with `fresh` every token is new */

/** Requests to every server before it is measured, so that caches are full. */
const warmUpRequests = 2500

/** @param {number} port @param {string} token */
async function statusOf(port, token) {
  const headers = { authorization: `Bearer ${token}`, connection: 'close' }
  return (await fetch(`http://127.0.0.1:${port}/reports`, { headers })).status
}

/** @param {number} port @param {import('./tokens.js').TokenSet} tokens @param {boolean} scopes */
async function assertProtects(port, { spare, refusals, foreign, withoutScope }, scopes) {
  const bad = [...Object.values(refusals).map((list) => list[0] ?? ''), ...foreign]
  const statuses = await Promise.all([spare, ...bad].map((token) => statusOf(port, token)))
  if (statuses.some((status, index) => (status === 200) !== (index === 0))) {
    throw new Error(`a server responds with ${statuses}: 200 and then refusals were expected`)
  }
  const status = await statusOf(port, withoutScope)
  if (status !== (scopes ? 403 : 200)) {
    throw new Error(`a server responds with ${status} to a token without a scope`)
  }
}

/**
 * One sample: load on a server, and the CPU time of its main thread meanwhile.
 *
 * @param {import('./processes.js').ChildProcess} driver
 * @param {Server} server
 * @param {{ spare: string, fresh: boolean, milliseconds: number }} options
 */
async function measureServer(driver, { child, port }, { spare, fresh, milliseconds }) {
  if (fresh) {
    await ask(child, 'renew')
    await statusOf(port, spare)
  }
  const before = await ask(child, 'mainThreadTime')
  /** @type {import('./load.js').Load} */
  const { requests, ...load } = await ask(driver, { port, milliseconds, fresh })
  const mainCpu = ((await ask(child, 'mainThreadTime')) - before) / requests
  return { ...load, mainCpu }
}

/** @typedef {{ protection: string, child: import('./processes.js').ChildProcess, port: number }} Server */

/**
 * @param {Run} run
 * @param {HttpOptions} options
 * @returns {Promise<Record<string, Rounds>>} by framework
 */
async function measureOverHttp(run, { framework, algorithm, names, scopes, fresh }) {
  const { file, tokens } = await run.issuer(algorithm)
  const driver = (await start('load.js', file)).child
  /** @type {Map<string, Server>} */
  const servers = new Map()
  for (const protection of ['unprotected', 'empty', ...names]) {
    const argument = JSON.stringify({ framework, protection, file, scopes })
    const { child, first } = await start('servers.js', argument)
    if (protection in contenders) await assertProtects(first, tokens, scopes)
    servers.set(protection, { protection, child, port: Number(first) })
  }
  const ports = [...servers.values()].map(({ port }) => port)
  await ask(driver, { warmUp: ports, requests: warmUpRequests })
  const measure = (/** @type {string} */ name, /** @type {number} */ milliseconds) =>
    measureServer(driver, /** @type {Server} */ (servers.get(name)), {
      spare: tokens.spare,
      fresh,
      milliseconds,
    })
  for (const name of servers.keys()) await measure(name, run.warmUp)
  const rounds = await measureRounds(run, [...servers.keys()], (name) =>
    measure(name, run.milliseconds),
  )
  for (const { child } of servers.values()) child.disconnect()
  driver.disconnect()
  return { [framework]: rounds }
}

/** Adds to each sample what the contender costs beside the servers without it, in the same round. @param {Rounds} rounds */
function addDifferences(rounds) {
  for (const [name, samples] of Object.entries(rounds)) {
    for (const [round, sample] of samples.entries()) {
      sample.lost = 100 * (1 - sample.perSecond / rounds.unprotected?.[round].perSecond)
      if (name in contenders) sample.addedCpu = sample.mainCpu - rounds.empty?.[round].mainCpu
    }
  }
}

const serverLabels = { unprotected: 'unprotected', empty: 'an empty asynchronous middleware' }

/** @param {Rounds} rounds */
function httpMarkdown(rounds) {
  const head = [
    'requests/s (min–max)',
    'lost, % of unprotected (min–max)',
    'load generator busy',
    'main thread, µs per request',
    'added to the empty middleware, µs (min–max)',
    'ours ÷ it, requests/s',
    'ours ÷ it, added µs',
  ]
  const points = (/** @type {number} */ value) => value.toFixed(1)
  const rows = Object.entries(rounds).map(([name, samples]) => {
    const isContender = name in contenders
    const compared = (/** @type {string} */ key) =>
      times(isContender ? ratios(rounds, name, key) : [])
    return [
      serverLabels[/** @type {keyof typeof serverLabels} */ (name)] ?? labelOf(name),
      range(byRound(samples, 'perSecond')),
      name === 'unprotected' ? '–' : range(byRound(samples, 'lost'), points),
      percent(median(byRound(samples, 'loop'))),
      figure(median(byRound(samples, 'mainCpu'))),
      range(isContender ? byRound(samples, 'addedCpu') : []),
      compared('perSecond'),
      compared('addedCpu'),
    ]
  })
  return markdown(['', ...head], rows)
}

/**
 * One framework over HTTP with 64 connections. With `scopes` the route requires a scope, and only
 * contenders whose result has the scopes are measured.
 *
 * @param {Run} run
 * @param {HttpOptions} options
 * @returns {Promise<Table>}
 */
export async function httpTable(run, options) {
  const { framework, algorithm, scopes, fresh } = options
  const checksScopes = (/** @type {string} */ name) => {
    const { authorize, scopeOf } = contenderOf(name)
    return authorize !== undefined || scopeOf !== undefined
  }
  const names = options.names.filter((name) => !scopes || checksScopes(name))
  const figures = await inNewProcesses(run, (some) => measureOverHttp(some, { ...options, names }))
  const rounds = figures[framework] ?? {}
  addDifferences(rounds)
  const requirement = scopes ? 'authenticate and authorize({ scopes }), ' : ''
  const workload = fresh ? 'every token is new' : 'machine to machine'
  return {
    title: `Over HTTP, ${requirement}${workload}: ${framework}, ${algorithm}, 64 connections`,
    markdown: `${httpMarkdown(rounds)}\n\n${describeHost(rounds)}`,
    figures: rounds,
  }
}
