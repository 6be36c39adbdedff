/** @module Which contenders each table measures, and for how long. */
import { contenders } from './contenders.js'
import { dpopContenders } from './dpop-contenders.js'
import { dpopTable } from './dpop-table.js'
import { importTable, memoryTable } from './footprint-tables.js'
import { httpTable } from './http-table.js'
import { algorithm, before, inFlight, only, options } from './options.js'
import { mixedTable, opaqueTable, refusalsTable, workloadTable } from './tables.js'

/** @typedef {import('./cells.js').Run} Run */
/** @typedef {import('./cells.js').Table} Table */
/** @typedef {import('./tokens.js').Algorithm} Algorithm */
/** @typedef {{ alone: string, make: (run: Run) => Promise<Table> }} Planned a table, and the arguments that measure only this table */

/**
 * The defaults of each table. There are many short rounds, because disturbances last longer than a round,
 * and the ratios are those within a round.
 *
 * @type {Record<string, { rounds: number, milliseconds: number, warmUp: number }>}
 */
export const defaults = {
  // Longer, because fewer tokens are in flight at the beginning and the end of a round.
  cold: { rounds: 4, milliseconds: 130, warmUp: 200 },
  m2m: { rounds: 7, milliseconds: 50, warmUp: 150 },
  mixed: { rounds: 5, milliseconds: 200, warmUp: 200 },
  refusals: { rounds: 5, milliseconds: 50, warmUp: 100 },
  opaque: { rounds: 7, milliseconds: 50, warmUp: 150 },
  dpop: { rounds: 4, milliseconds: 0, warmUp: 0 },
  http: { rounds: 7, milliseconds: 70, warmUp: 100 },
  authorize: { rounds: 7, milliseconds: 70, warmUp: 100 },
  memory: { rounds: 1, milliseconds: 0, warmUp: 0 },
  import: { rounds: 2, milliseconds: 0, warmUp: 0 },
}

const everyName = Object.keys(contenders).filter(
  (name) => name !== 'ours-opaque' && (name !== 'before' || before),
)
const libraries = everyName.filter((name) => name !== 'nothing')
const without = (/** @type {string[]} */ ...names) =>
  libraries.filter((name) => !names.includes(name))
const special = options.alg !== undefined || options['in-flight'] !== undefined

/** Adds the other build, if there is one, after ours. @param {readonly string[]} names */
const withBefore = (names) =>
  before === undefined || !names.includes('ours') || names.includes('before')
    ? names
    : names.flatMap((name) => (name === 'ours' ? ['ours', 'before'] : [name]))

/** @param {readonly string[]} names @param {readonly string[]} all */
function restrict(names, all) {
  const wanted = only ?? withBefore(names)
  const restriction = wanted.length === all.length ? '' : ` --only ${wanted}`
  return before === undefined ? restriction : `${restriction} --before ${options.before}`
}

/** @param {'cold' | 'm2m' | 'mixed'} name @param {Algorithm} algorithm @param {number} inFlight @param {readonly string[]} names @returns {Planned} */
const workload = (name, algorithm, inFlight, names) => ({
  alone: `${name} --alg ${algorithm} --in-flight ${inFlight}${restrict(names, everyName)}`,
  make: (run) => {
    const options = { algorithm, inFlight, names: only ?? withBefore(names) }
    return name === 'mixed'
      ? mixedTable(run, options)
      : workloadTable(run, { ...options, workload: name })
  },
})

/** @param {readonly string[]} names @returns {Planned} */
const refusals = (names) => ({
  alone: `refusals --alg ${algorithm} --in-flight ${inFlight}${restrict(names, libraries)}`,
  make: (run) => refusalsTable(run, { algorithm, inFlight, names: only ?? withBefore(names) }),
})

/** @returns {Planned} */
function dpop() {
  const names = Object.keys(dpopContenders).filter((name) => name !== 'before' || before)
  const wanted = names.filter((name) => only?.includes(name) ?? true)
  return {
    alone: `dpop --in-flight ${inFlight}${restrict(names, names)}`,
    make: (run) => dpopTable(run, { inFlight, names: wanted }),
  }
}

/** @param {'http' | 'authorize'} table @param {string} framework @param {readonly string[]} names @param {'known' | 'new'} tokens @returns {Planned} */
const overHttp = (table, framework, names, tokens) => ({
  alone: `${table} --framework ${framework} --alg ${algorithm} --tokens ${tokens}${restrict(names, names)}`,
  make: (run) =>
    httpTable(run, {
      framework,
      algorithm,
      names: only ?? withBefore(names),
      scopes: table === 'authorize',
      fresh: tokens === 'new',
    }),
})

const servers = {
  express: [
    'ours',
    'express-oauth2-jwt-bearer',
    'express-jwt',
    'aws-jwt-verify',
    'fast-jwt-cache',
    'jose',
  ],
  koa: ['ours', 'koa-jwt', 'fast-jwt-cache', 'jose'],
  http: ['ours', 'aws-jwt-verify', 'fast-jwt-cache', 'jose'],
}

const authorizing = {
  express: ['ours', 'express-oauth2-jwt-bearer', 'fast-jwt-cache'],
  koa: ['ours', 'fast-jwt-cache', 'jose'],
  http: ['ours', 'fast-jwt-cache', 'aws-jwt-verify', 'jose'],
}

/** @param {'http' | 'authorize'} table @param {Record<string, string[]>} contenders @param {('known' | 'new')[]} tokens */
const everyFramework = (table, contenders, tokens) =>
  Object.entries(contenders)
    .filter(([framework]) => framework === (options.framework ?? framework))
    .flatMap(([framework, names]) =>
      tokens
        .filter((name) => name === (options.tokens ?? name))
        .map((name) => overHttp(table, framework, names, name)),
    )

/** For the tables that would take too long with all contenders. */
const few = ['ours', 'jose', 'aws-jwt-verify']
/** @type {Record<string, Planned[]>} */
export const plan = {
  cold: special
    ? [workload('cold', algorithm, inFlight, everyName)]
    : [
        workload('cold', 'RS256', 64, ['nothing', ...without('fast-jwt-cache', 'koa-jwt')]),
        workload('cold', 'ES256', 64, without('fast-jwt', 'fast-jwt-cache', 'koa-jwt')),
        workload('cold', 'EdDSA', 64, libraries),
        workload('cold', 'RS256', 1, [...few, 'fast-jwt']),
      ],
  m2m: special
    ? [workload('m2m', algorithm, inFlight, everyName)]
    : [
        workload('m2m', 'RS256', 64, ['nothing', ...without('fast-jwt', 'koa-jwt')]),
        workload('m2m', 'RS256', 1, [...few, 'fast-jwt-cache']),
      ],
  mixed: [workload('mixed', algorithm, inFlight, [...few, 'fast-jwt-cache'])],
  refusals: [
    refusals(
      special ? libraries : [...few, 'fast-jwt', 'express-oauth2-jwt-bearer', 'express-jwt'],
    ),
  ],
  opaque: [
    {
      alone: `opaque --in-flight ${inFlight}`,
      make: (run) => opaqueTable(run, { inFlight, names: ['ours', 'ours-opaque'] }),
    },
  ],
  dpop: [dpop()],
  http: everyFramework('http', servers, options.tokens === 'new' ? ['new'] : ['known']),
  authorize: everyFramework('authorize', authorizing, ['known', 'new']),
  memory: [{ alone: 'memory --full', make: memoryTable }],
  import: [
    {
      alone: `import${restrict(libraries, libraries)}`,
      make: (run) => importTable(run, { names: only ?? without('before') }),
    },
  ],
}
