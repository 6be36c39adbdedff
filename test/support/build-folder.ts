import { mkdirSync, mkdtempSync } from 'node:fs'
import { join, resolve } from 'node:path'

/**
 * Creates a folder for a build of the package that another process runs. It is inside the repository,
 * so that the build finds the dependency `jose`. The caller removes it.
 */
export function createBuildFolder(prefix: string): string {
  mkdirSync('.cache', { recursive: true })
  return resolve(mkdtempSync(join('.cache', prefix)))
}
