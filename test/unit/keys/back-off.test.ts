import { expect, it } from 'vitest'
import { createBackOff } from '../../../src/keys/back-off.ts'

function failing(random = 1) {
  let time = 1_000
  const backOff = createBackOff(
    () => time,
    () => random,
  )
  return {
    backOff,
    pass: (seconds: number) => {
      time += seconds
    },
    /** The delays after a number of consecutive failures. */
    waits: (count: number) =>
      Array.from({ length: count }, () => {
        backOff.recordFailure()
        return backOff.remaining()
      }),
  }
}

it('has no delay before the first failure', () => {
  const { backOff } = failing()
  expect([backOff.isFailing(), backOff.remaining()]).toEqual([false, 0])
})

it('doubles the delay from one second to sixty, and not beyond', () => {
  expect(failing().waits(9)).toEqual([1, 2, 4, 8, 16, 32, 60, 60, 60])
})

it('shortens delays below sixty seconds at random, to at least half and at least one second', () => {
  expect(failing(0).waits(9)).toEqual([1, 1, 2, 4, 8, 16, 60, 60, 60])
})

it('counts the delay down, and still reports the failure after it', () => {
  const { backOff, pass, waits } = failing()
  waits(4)
  pass(3)
  expect(backOff.remaining()).toBe(5)
  pass(5)
  expect([backOff.remaining(), backOff.isFailing()]).toEqual([0, true])
  pass(1_000)
  expect(backOff.remaining()).toBe(0)
})

it('starts again at one second after a success', () => {
  const { backOff, waits } = failing()
  waits(5)
  backOff.recordSuccess()
  expect([backOff.isFailing(), backOff.remaining()]).toEqual([false, 0])
  expect(waits(2)).toEqual([1, 2])
})

it('follows a Retry-After that is longer than the delay, up to 600 seconds', () => {
  const { backOff } = failing()
  const waits = [0, 90, 600, 601, 1e9].map((retryAfter) => {
    backOff.recordFailure(retryAfter)
    return backOff.remaining()
  })
  expect(waits).toEqual([1, 90, 600, 600, 600])
})

it('does not extend the delay if the clock is set back', () => {
  const { backOff, pass, waits } = failing()
  waits(7)
  pass(-10_000)
  expect(backOff.remaining()).toBe(0)
})

it('uses Math.random by default', () => {
  const waits = Array.from({ length: 50 }, () => {
    const backOff = createBackOff(() => 0)
    for (let failure = 0; failure < 6; failure++) backOff.recordFailure()
    return backOff.remaining()
  })
  expect(Math.min(...waits)).toBeGreaterThanOrEqual(16)
  expect(Math.max(...waits)).toBeLessThanOrEqual(32)
  expect(new Set(waits).size).toBeGreaterThan(1)
})
