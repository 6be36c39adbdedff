/** @module The tables of memory, import time and size. */
import { times } from './cells.js'
import { contenderOf } from './contenders.js'
import { importTime, installedSize, modulesLoadedBy, ourInstalledSize, root } from './footprint.js'
import { start } from './processes.js'
import { markdown, range } from './table.js'

/** @typedef {import('./cells.js').Run} Run */
/** @typedef {import('./cells.js').Table} Table */

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
  /** @type {Map<string, Entry>} */
  const entries = new Map()
  for (const name of names) {
    const { label, packages } = contenderOf(name)
    if (name === 'ours') {
      for (const [key, entry] of ourEntries(label)) entries.set(key, entry)
    } else {
      const key = packages.join(' + ')
      entries.set(key, { label: key, modules: packages, size: installedSize(packages) })
    }
  }
  /** @type {Record<string, { importMs: number[], bytes: number, packages: number, files?: number | undefined }>} */
  const figures = {}
  for (let round = 0; round < run.rounds; round++) {
    for (const [key, { modules, size, files }] of entries) {
      figures[key] ??= { importMs: [], ...size, files }
      figures[key].importMs.push(importTime(modules))
    }
  }
  const own = figures.ours?.importMs ?? []
  const rows = Object.entries(figures).map(([key, { importMs, bytes, packages, files }]) => [
    entries.get(key)?.label ?? key,
    range(importMs),
    key === 'ours' ? '–' : times(own.map((value, round) => value / (importMs[round] ?? NaN))),
    `${(bytes / 1e6).toFixed(2)} MB`,
    String(packages),
    String(files ?? '–'),
  ])
  const head = ['', 'import, ms (min–max)', 'ours ÷ it', 'installed', 'packages', 'own modules']
  return { title: 'Import time and installed size', markdown: markdown(head, rows), figures }
}

/** @typedef {{ label: string, modules: readonly string[], size: { packages: number, bytes: number }, files?: number }} Entry */

/** The core and the adapters. @param {string} label @returns {[string, Entry][]} */
function ourEntries(label) {
  const size = ourInstalledSize()
  return ['', 'express', 'koa', 'http'].map((adapter) => {
    const file = adapter === '' ? built('index.js') : built(`adapters/${adapter}.js`)
    const name = adapter === '' ? '' : `/${adapter}`
    const files = modulesLoadedBy(file).length
    return [`ours${name}`, { label: `${label}${name}`, modules: [file], size, files }]
  })
}
