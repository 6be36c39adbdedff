/**
 * @module Copies the repository to .cache/mutation and puts every mutant into the copied sources. A mutant is
 * switched on while the tests run: it is active if `__stryker__.activeMutant` is its id.
 */
import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import {
  cpSync,
  existsSync,
  mkdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

/**
 * `source` is a digest of the file. The id belongs to one run.
 * @typedef {{ id: string, file: string, source: string, range: string, mutator: string,
 *   replacement: string }} Mutant
 */

export const root = fileURLToPath(new URL('../..', import.meta.url))
export const sandbox = join(root, '.cache/mutation')

/** The files of the repository, without those that Git ignores. */
function listFiles() {
  const options = ['ls-files', '--cached', '--others', '--exclude-standard', '-z']
  const names = String(execFileSync('git', options, { cwd: root }))
    .split('\0')
    .filter(Boolean)
  return names.filter((name) => existsSync(join(root, name)))
}

/**
 * Creates the copy, and returns its mutants and the tests that run against them.
 *
 * @returns {Promise<{ mutants: Mutant[], testFiles: string[] }>}
 */
export async function prepare() {
  rmSync(sandbox, { recursive: true, force: true })
  const files = listFiles()
  for (const file of files) cpSync(join(root, file), join(sandbox, file))
  mkdirSync(sandbox, { recursive: true })
  symlinkSync(join(root, 'node_modules'), join(sandbox, 'node_modules'))

  const sources = files
    .filter((file) => file.startsWith('src/') && file.endsWith('.ts'))
    .map((name) => ({ name, mutate: true, content: readFileSync(join(root, name), 'utf8') }))
  const instrumented = await instrument(sources)
  for (const { name, content } of instrumented.files) writeFileSync(join(sandbox, name), content)
  const digests = new Map(
    sources.map(({ name, content }) => [name, createHash('sha256').update(content).digest('hex')]),
  )
  const testFiles = files.filter((file) =>
    /^test\/(unit|conformance|integration)\/.*\.test\.ts$/.test(file),
  )
  const mutants = instrumented.mutants.map((/** @type {ApiMutant} */ mutant) => ({
    ...describeMutant(mutant),
    source: digests.get(mutant.fileName)?.slice(0, 16) ?? '',
  }))
  return { mutants, testFiles }
}

/** @param {{ name: string, mutate: boolean, content: string }[]} sources */
async function instrument(sources) {
  // It is installed in this folder alone, where type checks of the repository do not find it.
  const name = '@stryker-mutator/instrumenter'
  const { Instrumenter } = await import(name)
  const log = { debug() {}, info() {}, warn: console.warn, isDebugEnabled: () => false }
  return new Instrumenter(log).instrument(sources, {
    plugins: null,
    excludedMutations: [],
    ignorers: [],
  })
}

/**
 * What Stryker knows about a mutant.
 * @typedef {{ id: string, fileName: string, mutatorName: string, replacement: string,
 *   location: Record<'start' | 'end', { line: number, column: number }> }} ApiMutant
 */

/** @param {ApiMutant} mutant */
function describeMutant({ id, fileName, mutatorName, replacement, location }) {
  const [start, end] = [location.start, location.end].map((at) => `${at.line + 1}:${at.column + 1}`)
  return { id, file: fileName, range: `${start}-${end}`, mutator: mutatorName, replacement }
}
