// @ts-check
/** Packs the package, and creates projects that install the tarball. */
import { execFile } from 'node:child_process'
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

export const run = promisify(execFile)
export const root = fileURLToPath(new URL('../..', import.meta.url))
export const manifest = JSON.parse(await readFile(join(root, 'package.json'), 'utf8'))

/** The output of servers/serve.js without errors. */
export const answers =
  '200 for the issuer, 401 challenge, 401 invalid_token, 403 insufficient_scope'

/** Builds and packs. Resolves to the version for a package.json. @param {string} folder */
export async function pack(folder) {
  await npm(root, 'pack', '--pack-destination', folder)
  const tarball = (await readdir(folder)).find((file) => file.endsWith('.tgz'))
  return `file:${join(folder, tarball ?? '')}`
}

/** The versions in the devDependencies of the package. @param {readonly string[]} names */
export function versions(...names) {
  return Object.fromEntries(names.map((name) => [name, manifest.devDependencies[name]]))
}

/**
 * @param {string} folder
 * @param {Record<string, string>} dependencies
 * @param {Record<string, string>} [devDependencies]
 */
export async function install(folder, dependencies, devDependencies) {
  const project = { type: 'module', private: true, dependencies, devDependencies }
  await mkdir(folder, { recursive: true })
  await writeFile(join(folder, 'package.json'), JSON.stringify(project))
  const quick = ['--prefer-offline', '--no-audit', '--no-fund', '--ignore-scripts']
  await npm(folder, 'install', ...quick)
}

/** @param {string} cwd @param {readonly string[]} args */
export async function npm(cwd, ...args) {
  return (await run('npm', ['--loglevel=error', ...args], { cwd })).stdout
}
