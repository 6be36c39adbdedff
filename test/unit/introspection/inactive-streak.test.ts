import { expect, it } from 'vitest'
import { createInactiveStreakDetector } from '../../../src/introspection/inactive-streak.ts'

function createDetector() {
  let time = 1_000
  const { record } = createInactiveStreakDetector()
  return {
    /** Records responses that are all inactive, the first one now, the last one after these seconds. */
    inactive: (responses: number, seconds: number) => {
      const reports = Array.from({ length: responses }, (_, index) => {
        if (index === responses - 1) time += seconds
        return record(false, time)
      })
      return reports.filter((streak) => streak !== undefined)
    },
    active: () => record(true, time),
    pass(seconds: number) {
      time += seconds
    },
  }
}

it.each([
  [20, 600, [{ responses: 20, seconds: 600 }]],
  [19, 6_000, []],
  [200, 599, []],
])('%i inactive responses in %i s are reported as %j', (responses, seconds, expected) => {
  expect(createDetector().inactive(responses, seconds)).toEqual(expected)
})

it('reports a streak once', () => {
  const { inactive } = createDetector()
  inactive(20, 600)
  expect(inactive(200, 6_000)).toEqual([])
})

it.each([
  [100, 3_600, [{ responses: 100, seconds: 3_600 }]],
  [99, 36_000, []],
  [1_000, 3_599, []],
])(
  '%i inactive responses in %i s after an active one are reported as %j',
  (responses, seconds, expected) => {
    const { active, inactive } = createDetector()
    expect(active()).toBeUndefined()
    expect(inactive(responses, seconds)).toEqual(expected)
  },
)

it('reports the next streak after an active response', () => {
  const { active, inactive } = createDetector()
  inactive(20, 600)
  active()
  expect(inactive(100, 3_600)).toEqual([{ responses: 100, seconds: 3_600 }])
})

it('measures the streak from the time to which the clock was set back', () => {
  const { inactive, pass } = createDetector()
  inactive(20, 0)
  pass(-1_000)
  expect(inactive(1, 0)).toEqual([])
  expect(inactive(1, 600)).toEqual([{ responses: 22, seconds: 600 }])
})
