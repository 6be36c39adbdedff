/**
 * @module Creates the tables of the documentation from the figures of committed runs:
 * `node test/bench/summary.js`. A test compares the two.
 */
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { contenderOf } from './contenders.js'
import { figure, markdown } from './table.js'

/** @param {string} name */
const results = (name) =>
  JSON.parse(readFileSync(new URL(`results/${name}.json`, import.meta.url), 'utf8'))

/** @typedef {Record<string, any>} Table the figures of each contender, as `digest.js` reduces them */

const rivals = [
  'jose',
  'aws-jwt-verify',
  'oauth4webapi',
  'fast-jwt',
  'fast-jwt-cache',
  'express-oauth2-jwt-bearer',
  'express-jwt',
]

/** @param {readonly number[]} numbers in the order of `digest.js` */
const medianOf = ([, , median = NaN]) => median

/** @param {Table} table @param {string} name @param {string} key */
function ratio(table, name, key) {
  if (table[name] === undefined) return '–'
  const value = medianOf(table[name].ratio[key])
  return `${value < 10 ? value.toFixed(value < 1 ? 2 : 1) : Math.round(value)} ×`
}

/** @param {string} what @param {Table} table @param {string} [key] */
const row = (what, table, key = 'perSecond') => [
  what,
  figure(medianOf(table.ours[key])),
  ...rivals.map((name) => ratio(table, name, key)),
]

/** @param {string} date */
export function inProcessTable(date) {
  const { figures } = results(date)
  const titled = (/** @type {string} */ start) => {
    const title = Object.keys(figures).find((name) => name.startsWith(start))
    return figures[title ?? '']
  }
  const cold = (/** @type {string} */ algorithm) =>
    titled(`Every token is new: ${algorithm}, 64 in flight`)
  const alone = titled('Every token is new: RS256, 1 in flight')
  const again = titled('Machine to machine, 1,000 tokens (Zipf): RS256, 64 in flight')
  const refused = titled('Refusals per second')
  return markdown(
    ['ours ÷ it', 'ours', ...rivals.map((name) => contenderOf(name).label)],
    [
      row('1,000 tokens again and again, per second', again),
      row('… main thread, µs per token', again, 'mainCpu'),
      row('every token new, RS256, per second', cold('RS256')),
      row('… main thread, µs per token', cold('RS256'), 'mainCpu'),
      row('… all threads, µs per token', cold('RS256'), 'cpu'),
      row('every token new, RS256, one in flight, per second', alone),
      row('every token new, ES256, per second', cold('ES256')),
      row('every token new, EdDSA, per second', cold('EdDSA')),
      row('expired, refused per second', refused.expired),
      row('made-up key, refused per second', refused.unknownKid),
      row('garbage, refused per second', refused.garbage),
      row('bad signature, refused per second', refused.badSignature),
    ],
  )
}

/** @param {string} date */
export function httpTable(date) {
  const { figures } = results(date)
  const lost = (/** @type {Table} */ table, /** @type {string} */ name) =>
    table[name] === undefined ? '–' : `${Math.round(medianOf(table[name].lost))} %`
  const names = [
    'empty',
    'ours',
    'fast-jwt-cache',
    'jose',
    'aws-jwt-verify',
    'express-oauth2-jwt-bearer',
    'express-jwt',
    'koa-jwt',
  ]
  const frameworks = { express: 'Express', koa: 'Koa', http: 'node:http' }
  return markdown(
    [
      'requests/s lost',
      'an empty middleware',
      ...names.slice(1).map((name) => (name === 'ours' ? 'ours' : contenderOf(name).label)),
    ],
    Object.entries(frameworks).map(([framework, label]) => {
      const table = figures[`Over HTTP, machine to machine: ${framework}, RS256, 64 connections`]
      return [label, ...names.map((name) => lost(table, name))]
    }),
  )
}

/** The growth of the heap of ours after a million tokens, in MiB. @param {string} date */
export function memoryOfMillion(date) {
  const [samples] = Object.values(results(`${date}-memory`).figures)
  const [first, last] = [samples[0], samples.at(-1)]
  return { tokens: last.tokens, mebibytes: (last.after.heap - first.after.heap) / 2 ** 20 }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const date = process.argv[2] ?? ''
  console.log(`${inProcessTable(date)}\n\n${httpTable(date)}\n`, memoryOfMillion(date))
}
