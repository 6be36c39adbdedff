import { expect, it } from 'vitest'
import { createRateLimit } from '../../../src/keys/rate-limit.ts'

function spending() {
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

it('allows four lookups at first', () => {
  expect(spending().take(10)).toBe(4)
})

it('allows one more after thirty seconds, not earlier', () => {
  const { take, pass } = spending()
  take(4)
  pass(29.9)
  expect(take(1)).toBe(0)
  pass(0.1)
  expect(take(2)).toBe(1)
})

it('keeps fractions of a lookup when it is called in between', () => {
  const { take, pass } = spending()
  take(4)
  let taken = 0
  for (let second = 0; second < 300; second++) {
    pass(1)
    taken += take(3)
  }
  expect(taken).toBeGreaterThanOrEqual(9)
  expect(taken).toBeLessThanOrEqual(10)
})

it('never allows more than four', () => {
  const { take, pass } = spending()
  pass(100_000)
  expect(take(10)).toBe(4)
})

it('does not change when the clock is set back, and continues from there', () => {
  const { take, pass } = spending()
  take(2)
  pass(-5_000)
  expect(take(10)).toBe(2)
  pass(30)
  expect(take(10)).toBe(1)
})
