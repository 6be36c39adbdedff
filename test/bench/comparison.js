/**
 * @module `node test/bench/comparison.js`: observes the behaviours in the first table of the README's
 * comparison, on loopback, and prints them. Fails if a cell of the README says otherwise. Leaves out empty
 * cells and the rows of `documented`.
 */
import { readFileSync } from 'node:fs'
import { stopClock } from './comparison-clock.js'
import { contenders } from './comparison-contenders.js'
import { rows } from './comparison-rows.js'
import { importOurs } from './ours.js'
import { installAlternatives, requireBuild } from './prerequisites.js'
import { markdown } from './table.js'

/** Rows that state what the documentation of the libraries says. */
const documented = ['frameworks']
/** Longer than any outage here. */
const lifetime = 100 * 24 * 3600

/** The first table of the section, as rows of cells without links. */
function readTable() {
  const readme = readFileSync(new URL('../../README.md', import.meta.url), 'utf8')
  const [, section = ''] = readme.split('\n## Comparison\n')
  const [, table = ''] = /^(\|.*?)\n\n/ms.exec(section) ?? []
  const [head = [], , ...body] = table.split('\n').map((line) =>
    line
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.replace(/\[(.*?)\]\(.*?\)/g, '$1').trim()),
  )
  return { head, body }
}

/**
 * Requires that the packages of a column are installed in the version that the README names.
 *
 * @param {string} column for example `express-jwt 8.5 + jwks-rsa 4.1`
 * @returns {string} the packages without versions
 */
function readPackageNames(column) {
  if (column === 'this package') return column
  const names = column.split(' + ').map((words) => {
    const [name = '', version] = words.split(' ')
    const url = new URL(`node_modules/${name}/package.json`, import.meta.url)
    const installed = JSON.parse(readFileSync(url, 'utf8')).version
    if (installed.startsWith(`${version}.`)) return name
    throw new Error(`the README names ${name} ${version}, and ${installed} is installed`)
  })
  return names.join(' + ')
}

/** @param {string} column @param {string} row @returns {Promise<string>} */
async function observe(column, row) {
  const open = contenders[readPackageNames(column)]
  const behaviour = rows[row]
  if (!open || !behaviour) throw new Error(`nothing observes ${row} of ${column}`)
  /** @type {(() => unknown)[]} */
  const closers = []
  try {
    return await behaviour(async (options) => {
      const issuer = await createTestIssuer({ expiresIn: lifetime })
      closers.push(() => issuer.close())
      const api = await open({ issuer, ...options })
      closers.push(() => api.close())
      return { issuer, ...api }
    }, clock)
  } catch (cause) {
    throw new Error(`${column}, ${row}: nothing was observed`, { cause })
  } finally {
    for (const close of closers) await close()
  }
}

requireBuild()
installAlternatives()
const clock = stopClock()
const { createTestIssuer } = await importOurs(/** @type {any} */ ({}), 'testing/index.js')
const { head, body } = readTable()
const observed = []
for (const [row = '', ...stated] of body.filter(([row = '']) => !documented.includes(row))) {
  const cells = []
  for (const [index, expected] of stated.entries()) {
    const column = head[index + 1] ?? ''
    const found = expected === '' ? '' : await observe(column, row)
    cells.push(found)
    if (found === expected) continue
    console.error(`${column}, ${row}: the README says "${expected}", but observed was "${found}"`)
    process.exitCode = 1
  }
  observed.push([row, ...cells])
}
console.log(markdown(head, observed))
