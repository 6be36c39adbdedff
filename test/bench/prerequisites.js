/** @module What the scripts of this folder need before they start: the build, and the alternatives. */
import { execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const here = fileURLToPath(new URL('.', import.meta.url))

/** Ends the process if `dist` is missing. */
export function requireBuild() {
  if (existsSync(join(here, '../../dist/index.js'))) return
  console.error('dist/ is missing: run `npm run build` first')
  process.exit(2)
}

/** Installs the alternatives, unless they are installed. */
export function installAlternatives() {
  if (existsSync(join(here, 'node_modules'))) return
  execFileSync('npm', ['ci', '--no-audit', '--no-fund'], { cwd: here, stdio: 'inherit' })
}
