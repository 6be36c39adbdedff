import { expect, it } from 'vitest'
import { futureTolerance, isNumericDate } from '../../../src/internal/numeric-date.ts'

it.each([0, -1, 1.5, 1_800_000_000])('takes %s as a time', (value) => {
  expect(isNumericDate(value)).toBe(true)
})

it.each([undefined, null, '1', '', true, [1], {}, 1n, Number.NaN, Number.POSITIVE_INFINITY])(
  'does not take %s as a time',
  (value) => {
    expect(isNumericDate(value)).toBe(false)
  },
)

it('tolerates a minute at least for times in the future', () => {
  expect([0, 60, 61].map(futureTolerance)).toEqual([60, 60, 61])
})
