import { randomBytes } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { createTokenMarks } from '../../../src/pipeline/token-marks.ts'

const createTokens = (count: number) =>
  Array.from({ length: count }, () => `head.claims.${randomBytes(64).toString('base64url')}`)

describe('the marks of tokens', () => {
  it('are kept in the period in which a token is added, and in the next one', () => {
    const marks = createTokenMarks(1_000)
    const [token = ''] = createTokens(1)
    expect(marks.has(token)).toBe(false)
    marks.add(token)
    expect(marks.has(token)).toBe(true)
    marks.startPeriod()
    expect(marks.has(token)).toBe(true)
    marks.startPeriod()
    expect(marks.has(token)).toBe(false)
  })

  it('are kept for longer if the token is added again', () => {
    const marks = createTokenMarks(1_000)
    const [token = ''] = createTokens(1)
    for (let period = 0; period < 10; period++) {
      marks.add(token)
      marks.startPeriod()
      expect(marks.has(token)).toBe(true)
    }
  })

  it('do not come back after any number of periods', () => {
    const marks = createTokenMarks(1_000)
    const [token = '', other = ''] = createTokens(2)
    marks.add(token)
    for (let period = 0; period < 2; period++) marks.startPeriod()
    for (let period = 0; period < 600; period++) {
      expect(marks.has(token)).toBe(false)
      marks.add(other)
      expect(marks.has(other)).toBe(true)
      marks.startPeriod()
    }
  })

  it.each([1, 100, 5_000, 20_000])(
    'are found for few other tokens after %i were added',
    (tokensPerPeriod) => {
      const marks = createTokenMarks(tokensPerPeriod)
      for (const token of createTokens(tokensPerPeriod)) marks.add(token)
      const found = createTokens(2_000).filter((token) => marks.has(token))
      // One of 16 is marked at most; 14 standard deviations above that.
      expect(found.length).toBeLessThan(276)
    },
  )

  it('are found for a token of any length', () => {
    const marks = createTokenMarks(1)
    for (const token of ['', 'a', 'a.b', 'head.claims.signature']) {
      marks.add(token)
      expect(marks.has(token)).toBe(true)
    }
  })
})
