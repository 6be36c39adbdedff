import { expect, it } from 'vitest'
import { createRateLimit } from '../../../src/keys/rate-limit.ts'

function createLimit() {
  let time = 1_000
  const rateLimit = createRateLimit(() => time)
  return {
    pass: (seconds: number) => {
      time += seconds
    },
    /** Returns how many of a number of attempts succeed. */
    take: (tries: number) =>
      Array.from({ length: tries }, rateLimit.tryTake).filter(Boolean).length,
  }
}

it('allows four fetches at first', () => {
  expect(createLimit().take(10)).toBe(4)
})

it('allows one more fetch after thirty seconds, not earlier', () => {
  const { take, pass } = createLimit()
  take(4)
  pass(29.9)
  expect(take(1)).toBe(0)
  pass(0.1)
  expect(take(2)).toBe(1)
})

it('keeps fractions of a fetch when it is called in between', () => {
  const { take, pass } = createLimit()
  take(4)
  let taken = 0
  for (let second = 0; second < 300; second++) {
    pass(1)
    taken += take(3)
  }
  expect(taken).toBeGreaterThanOrEqual(9)
  expect(taken).toBeLessThanOrEqual(10)
})

it('never allows more than four fetches at once', () => {
  const { take, pass } = createLimit()
  pass(100_000)
  expect(take(10)).toBe(4)
})

it('adds nothing when the clock is set back, and continues from that time', () => {
  const { take, pass } = createLimit()
  take(2)
  pass(-5_000)
  expect(take(10)).toBe(2)
  pass(30)
  expect(take(10)).toBe(1)
})
