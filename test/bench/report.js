/**
 * @module Writes the figures of committed runs into docs/explanation/performance.md and the README:
 * `node test/bench/report.js results/a.json [results/b.json …]`. The README has the figures of the first.
 * A test compares the documents with the runs that they name.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { basename, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import {
  addedTable,
  costTable,
  findTable,
  importTable,
  inProcessTable,
  lostTable,
  medianOf,
  memorySentence,
  mixedTable,
  tableOf,
} from './report-tables.js'
import { figure } from './table.js'

/** @typedef {import('./report-tables.js').Figures} Figures */
/** @typedef {import('./report-tables.js').Run} Run */

/**
 * The parts of a section: the title of the first table that each needs, what it shows, and the figures.
 *
 * @type {readonly (readonly [start: string, text: string, write: (run: Run, table: Figures) => string])[]}
 */
const parts = [
  [
    'Every token is new',
    'RS256 and 64 in flight, unless stated otherwise (`m2m`, `cold`, `refusals`). The known tokens are drawn by popularity (Zipf).',
    inProcessTable,
  ],
  [
    'New tokens, 64 in flight',
    'New tokens, 64 in flight, beside 2,000 cached ones per second (`mixed`). A timer of 1 ms shows the delay of the event loop.',
    (_run, table) => mixedTable(table),
  ],
  [
    'A cached token and a new DPoP proof',
    'A cached token and a new ES256 DPoP proof (`dpop`). Only this package records used proofs.',
    (_run, table) => costTable(table),
  ],
  [
    'Cached opaque tokens',
    'Cached opaque tokens and cached JWTs (`opaque`).',
    (_run, table) => costTable(table),
  ],
  [
    'Over HTTP, machine to machine',
    'Over HTTP with known tokens (`http`): the share of the requests per second of an unprotected API that is lost.',
    lostTable,
  ],
  [
    'Over HTTP, authenticate and authorize',
    "Over HTTP (`http`, `authorize`): the CPU time of the server's main thread per request, in addition to that with an empty asynchronous middleware.",
    addedTable,
  ],
  [
    'Import time',
    'Import time of the core and installed size, with dependencies (`import`).',
    importTable,
  ],
  ['Memory of ours', 'Memory (`memory`).', memorySentence],
]

/** @param {Run} run @param {string} name of the file */
function section(run, name) {
  const minutes = Math.round(run.seconds / 60)
  const measured = parts.flatMap(([start, text, write]) => {
    const table = findTable(run, start)
    return table === undefined ? [] : [text, write(run, table)]
  })
  return [
    `## Node ${run.node}`,
    `\`${run.command}\` on ${run.date}, commit ${run.commit}, ${run.machine}; ${minutes} minutes. [Medians, quartiles and extremes](../../test/bench/results/${name}).`,
    ...measured,
  ].join('\n\n')
}

const begin = '<!-- The figures: node test/bench/report.js -->'
const end = '<!-- The end of the figures -->'

/** @param {readonly string[]} files the runs @returns {Run[]} */
const read = (files) => files.map((file) => JSON.parse(readFileSync(file, 'utf8')))

/** Replaces the figures in the text of performance.md. @param {string} text @param {readonly string[]} files */
export function writeFigures(text, files) {
  const sections = read(files).map((run, index) => section(run, basename(files[index] ?? '')))
  const [before = '', rest = ''] = text.split(begin)
  return `${before}${begin}\n\n${sections.join('\n\n')}\n\n${end}${rest.split(end)[1] ?? ''}`
}

/** Replaces the sentence with figures in the text of the README. @param {string} text @param {string} file */
export function writeSpeed(text, file) {
  const [run] = /** @type {[Run]} */ (read([file]))
  const again = tableOf(run, 'Machine to machine, 1,000 tokens (Zipf): RS256, 64 in flight')
  const cold = tableOf(run, 'Every token is new: RS256, 64 in flight')
  const express = tableOf(run, 'Over HTTP, machine to machine: express')
  const perSecond = (/** @type {Figures} */ table) => figure(medianOf(table.ours.perSecond))
  const sentence = `In one process with RS256 and Node ${run.node}, on a machine with ${run.machine}: ${perSecond(again)} known tokens per second, or ${perSecond(cold)} new ones. Express loses ${Math.round(medianOf(express.ours.lost))} % of its requests per second.`
  return text.replace(/^In one process with RS256.*?requests per second\./m, sentence)
}

const documents = {
  performance: fileURLToPath(new URL('../../docs/explanation/performance.md', import.meta.url)),
  readme: fileURLToPath(new URL('../../README.md', import.meta.url)),
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const files = process.argv.slice(2).map((file) => resolve(file))
  const [first] = files
  if (first === undefined) throw new TypeError('name the JSON files of the runs')
  const update = (/** @type {string} */ path, /** @type {(text: string) => string} */ change) =>
    writeFileSync(path, change(readFileSync(path, 'utf8')))
  update(documents.performance, (text) => writeFigures(text, files))
  update(documents.readme, (text) => writeSpeed(text, first))
}
