import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'

const manifest = JSON.parse(
  readFileSync(fileURLToPath(new URL('../../package.json', import.meta.url)), 'utf8'),
)
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
})
