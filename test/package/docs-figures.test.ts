/** What README and docs claim is what the code, its tests and the committed measurements say. */
import { readFileSync } from 'node:fs'
import { invalidTokenReasons } from 'oauth-resource-server'
import { describe, expect, it } from 'vitest'
import { optionNames } from '../../src/options/resolve.ts'
import { docsFile, root, rowsOf } from '../support/docs.ts'

const { text: performanceText } = docsFile('README.md')
const { text: outageText } = docsFile('README.md')
const { text: referenceText } = docsFile('README.md')

describe('README and docs', () => {
  it('name only outage tests that exist', () => {
    const tests = readFileSync(`${root}/test/integration/outages.test.ts`, 'utf8')
    const named = [...outageText.matchAll(/\*([^*|]+)\* \|$/gm)].map(([, title = '']) => title)
    expect(named.length).toBeGreaterThan(12)
    expect(named.filter((title) => !tests.includes(`'${title}'`))).toEqual([])
  })

  it('state the speed of the committed measurements', async () => {
    const { inProcessTable, httpTable, memoryOfMillion } = await import(
      `${root}/test/bench/summary.js`
    )
    const [, date = '', minutes] =
      /on (\d{4}-\d\d-\d\d) \((\d+) minutes; \[medians, quartiles and extremes\]/.exec(
        performanceText,
      ) ?? []
    const { seconds } = JSON.parse(readFileSync(`${root}/test/bench/results/${date}.json`, 'utf8'))
    expect(Number(minutes)).toBe(Math.round(seconds / 60))
    expect(performanceText).toContain(`\n\n${inProcessTable(date)}\n\n`)
    expect(performanceText).toContain(`\n\n${httpTable(date)}\n\n`)
    const { tokens, mebibytes } = memoryOfMillion(date)
    const held = `After ${tokens.toLocaleString('en-US')} distinct tokens the heap held ${mebibytes.toFixed(1)} MiB`
    expect(performanceText).toContain(held)
  })

  it('have a row for every reason of a refusal and every option', () => {
    const rows = rowsOf(referenceText)
    expect(rows).toEqual(expect.arrayContaining([...invalidTokenReasons]))
    expect(optionNames.filter((option) => !rows.includes(option))).toEqual([])
  })
})
