/** @module The tables of the documentation, from the figures of a committed run. */
import { contenderOf } from './contenders.js'
import { figure, markdown } from './table.js'

/** @typedef {Record<string, any>} Figures the figures of each contender, as `digest.js` reduces them */
/** @typedef {{ date: string, commit: string, node: string, machine: string, command: string, seconds: number, figures: Record<string, any> }} Run */

/** @param {readonly number[]} numbers in the order of `digest.js` */
export const medianOf = ([, , median = NaN] = []) => median
const labelOf = (/** @type {string} */ name) => (name === 'ours' ? 'ours' : contenderOf(name).label)

/** @param {Figures} table @param {string} name @param {string} key */
function ratio(table, name, key) {
  const value = medianOf(table[name]?.ratio?.[key])
  if (!Number.isFinite(value)) return '–'
  return `${value < 10 ? value.toFixed(value < 1 ? 2 : 1) : Math.round(value)} ×`
}

/** @param {Run} run @param {string} start of the title @returns {Figures | undefined} */
export const findTable = ({ figures }, start) =>
  figures[Object.keys(figures).find((name) => name.startsWith(start)) ?? '']

/** @param {Run} run @param {string} start of the title */
export function tableOf(run, start) {
  const table = findTable(run, start)
  if (table === undefined) throw new Error(`the run has no table ${start}`)
  return table
}

const rivals = [
  'jose',
  'aws-jwt-verify',
  'oauth4webapi',
  'fast-jwt',
  'fast-jwt-cache',
  'express-oauth2-jwt-bearer',
  'express-jwt',
]

/** @param {string} what @param {Figures} table @param {string} [key] */
const row = (what, table, key = 'perSecond') => [
  what,
  figure(medianOf(table.ours[key])),
  ...rivals.map((name) => ratio(table, name, key)),
]

/** @param {Run} run */
export function inProcessTable(run) {
  const cold = (/** @type {string} */ algorithm, inFlight = 64) =>
    tableOf(run, `Every token is new: ${algorithm}, ${inFlight} in flight`)
  const again = tableOf(run, 'Machine to machine, 1,000 tokens (Zipf): RS256, 64 in flight')
  const refused = tableOf(run, 'Refusals per second')
  return markdown(
    ['ours ÷ it', 'ours', ...rivals.map(labelOf)],
    [
      row('1,000 tokens again and again, per second', again),
      row('… main thread, µs per token', again, 'mainCpu'),
      row('every token new, RS256, per second', cold('RS256')),
      row('… main thread, µs per token', cold('RS256'), 'mainCpu'),
      row('… all threads, µs per token', cold('RS256'), 'cpu'),
      row('every token new, RS256, one in flight, per second', cold('RS256', 1)),
      row('… main thread, µs per token', cold('RS256', 1), 'mainCpu'),
      row('… all threads, µs per token', cold('RS256', 1), 'cpu'),
      row('every token new, ES256, per second', cold('ES256')),
      row('every token new, EdDSA, per second', cold('EdDSA')),
      row('expired, refused per second', refused.expired),
      row('made-up key, refused per second', refused.unknownKid),
      row('garbage, refused per second', refused.garbage),
      row('bad signature, refused per second', refused.badSignature),
    ],
  )
}

/** One row per contender. @param {Figures} table @param {Record<string, (name: string) => string>} columns */
const contenderTable = (table, columns) =>
  markdown(
    ['', ...Object.keys(columns)],
    Object.keys(table).map((name) => [
      labelOf(name),
      ...Object.values(columns).map((cell) => cell(name)),
    ]),
  )

/** @param {Figures} table */
export const costTable = (table) =>
  contenderTable(table, {
    'per second': (name) => figure(medianOf(table[name].perSecond)),
    'main thread, µs': (name) => figure(medianOf(table[name].mainCpu)),
    'ours ÷ it, per second': (name) => ratio(table, name, 'perSecond'),
    '… main thread': (name) => ratio(table, name, 'mainCpu'),
  })

/** @param {Figures} table */
export const mixedTable = (table) =>
  contenderTable(table, {
    'event loop delay, p99, ms': (name) => figure(medianOf(table[name].delayP99) / 1000),
    'ours ÷ it': (name) => ratio(table, name, 'delayP99'),
    'cached tokens, p99, ms': (name) => figure(medianOf(table[name].cachedP99) / 1000),
    'new tokens per second': (name) => figure(medianOf(table[name].perSecond)),
  })

const frameworks = { express: 'Express', koa: 'Koa', http: 'node:http' }

/** @param {Run} run */
export function lostTable(run) {
  const names = ['ours', 'fast-jwt-cache', 'jose', 'aws-jwt-verify']
  const own = ['express-oauth2-jwt-bearer', 'express-jwt', 'koa-jwt']
  const rows = Object.entries(frameworks).map(([framework, label]) => {
    const table = tableOf(run, `Over HTTP, machine to machine: ${framework}`)
    const lost = (/** @type {string} */ name) =>
      table[name] === undefined ? '–' : `${Math.round(medianOf(table[name].lost))} %`
    return [label, ...['empty', ...names, ...own].map(lost)]
  })
  return markdown(
    ['requests/s lost', 'an empty middleware', ...[...names, ...own].map(labelOf)],
    rows,
  )
}

const httpWorkloads = {
  'machine to machine': '',
  'authenticate and authorize({ scopes }), machine to machine': ', scope required',
  'authenticate and authorize({ scopes }), every token is new': ', scope required, new tokens',
}

/** @param {Run} run */
export function addedTable(run) {
  const names = ['fast-jwt-cache', 'jose', 'aws-jwt-verify', 'express-oauth2-jwt-bearer']
  const rows = Object.entries(httpWorkloads).flatMap(([workload, suffix]) =>
    Object.entries(frameworks).map(([framework, label]) => {
      const table = tableOf(run, `Over HTTP, ${workload}: ${framework}`)
      return [
        `${label}${suffix}`,
        figure(medianOf(table.empty.mainCpu)),
        figure(medianOf(table.ours.addedCpu)),
        ...names.map((name) => ratio(table, name, 'addedCpu')),
      ]
    }),
  )
  const head = ['added by ours ÷ by it', 'an empty middleware, µs', 'added by ours, µs']
  return markdown([...head, ...names.map(labelOf)], rows)
}

/** @param {Run} run */
export function importTable(run) {
  const table = tableOf(run, 'Import time and installed size')
  const rows = Object.entries(table)
    .filter(([name]) => !name.startsWith('ours/'))
    .map(([name, { importMs, bytes, packages }]) => [
      name,
      figure(medianOf(importMs)),
      (bytes / 1e6).toFixed(2),
      String(packages),
    ])
  return markdown(['', 'import, ms', 'installed, MB', 'packages'], rows)
}

/** @param {Run} run */
export function memorySentence(run) {
  const samples = /** @type {any} */ (tableOf(run, 'Memory of ours'))
  const [first, last] = [samples[0], samples.at(-1)]
  const grown = (last.after.heap - first.after.heap) / 2 ** 20
  return `After ${last.tokens.toLocaleString('en-US')} distinct tokens the heap held ${grown.toFixed(1)} MiB more than before.`
}
