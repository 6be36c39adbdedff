/** @module The import time of a package and its size on disk. */
import { execFileSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const here = dirname(fileURLToPath(import.meta.url))
export const root = join(here, '../..')

/** Measures the import time of modules in a new process, in milliseconds. @param {readonly string[]} modules */
export function importTime(modules) {
  const imports = modules.map((name) => `await import(${JSON.stringify(name)})`).join(';')
  const script = `const start = performance.now();${imports};console.log(performance.now() - start)`
  const args = ['--input-type=module', '-e', script]
  return Number(execFileSync(process.execPath, args, { cwd: here, encoding: 'utf8' }))
}

/** The modules of a build that importing one of them loads. @param {string} file @param {Set<string>} [seen] */
export function modulesLoadedBy(file, seen = new Set()) {
  if (!seen.has(file)) {
    seen.add(file)
    const imports = readFileSync(file, 'utf8').matchAll(/^(?:import|export) [^;]*?"(\.[^"]+)"/gm)
    for (const [, path = ''] of imports) modulesLoadedBy(join(dirname(file), path), seen)
  }
  return [...seen]
}

/** The number and the size in bytes of packages with all dependencies. @param {readonly string[]} packages */
export function installedSize(packages) {
  const folders = new Set(packages.flatMap((name) => closure(locate(name, here))))
  return { packages: folders.size, bytes: sum([...folders].map(folderSize)) }
}

/** Like `installedSize`, for the package of this repository as npm publishes it. */
export function ourInstalledSize() {
  const { files, dependencies } = manifest(root)
  const published = ['package.json', 'README.md', 'LICENSE', ...files].map((name) =>
    join(root, name),
  )
  const own = sum(published.filter(existsSync).map(folderSize))
  const folders = new Set(Object.keys(dependencies).flatMap((name) => closure(locate(name, root))))
  return { packages: 1 + folders.size, bytes: own + sum([...folders].map(folderSize)) }
}

/** The package folder and those of its dependencies. @param {string} folder @param {Set<string>} [seen] */
function closure(folder, seen = new Set()) {
  if (!seen.has(folder)) {
    seen.add(folder)
    const { dependencies = {} } = manifest(folder)
    for (const name of Object.keys(dependencies)) closure(locate(name, folder), seen)
  }
  return [...seen]
}

/** Finds the folder of a package that a folder imports. @param {string} name @param {string} from @returns {string} */
function locate(name, from) {
  const folder = join(from, 'node_modules', name)
  if (existsSync(folder)) return folder
  if (dirname(from) === from) throw new Error(`${name} is not installed`)
  return locate(name, dirname(from))
}

/** @param {string} folder */
function manifest(folder) {
  return JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'))
}

/** @param {string} path @returns {number} */
function folderSize(path) {
  if (statSync(path).isFile()) return statSync(path).size
  const names = readdirSync(path).filter((name) => name !== 'node_modules')
  return sum(names.map((name) => folderSize(join(path, name))))
}

const sum = (/** @type {readonly number[]} */ values) => values.reduce((a, b) => a + b, 0)
