import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { exceptions, requirements } from './requirements.ts'

const root = fileURLToPath(new URL('..', import.meta.url))
const tests = readdirSync(root, { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.ts') && !/^bench|conformance\/requirements\.ts$/.test(name))
  .map((name) => readFileSync(`${root}/${name}`, 'utf8'))
  .join('\n')

const ids = (list: string) => list.split(/\s+/).filter((id) => id !== '')

/** Finds the ids at the beginning of titles, alone or with others. */
function isTested(id: string): boolean {
  const escaped = id.replaceAll('.', '\\.')
  return new RegExp(`['"\`](?:[\\w.-]+,? )*${escaped}[ ,:'"\`]`).test(tests)
}

describe('requirements', () => {
  for (const [topic, list] of Object.entries(requirements)) {
    it(`${topic}: every requirement has a test with its id in the title, or a reason`, () => {
      expect(ids(list).length).toBeGreaterThan(15)
      expect(ids(list).filter((id) => !isTested(id) && !(id in exceptions))).toEqual([])
    })
  }

  it('every exception is a requirement', () => {
    const known = Object.values(requirements).flatMap(ids)
    expect(Object.keys(exceptions).filter((id) => !known.includes(id))).toEqual([])
  })
})
