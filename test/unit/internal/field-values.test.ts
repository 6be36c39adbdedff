import { describe, expect, it } from 'vitest'
import { getFieldValues } from '../../../src/internal/field-values.ts'

describe('the values of a header field', () => {
  it.each([
    [null, []],
    [undefined, []],
    [{}, []],
    [{ a: undefined, b: 'x' }, []],
    [{ a: 'x' }, ['x']],
    [{ A: ['x', 'y'], a: 'z' }, ['x', 'y', 'z']],
    [Object.create({ a: 'x' }), []],
    [new Headers(), []],
    [
      new Headers([
        ['A', 'x'],
        ['a', 'y'],
      ]),
      ['x, y'],
    ],
  ])('are read from %j', (headers, values) => {
    expect(getFieldValues(headers, 'a')).toEqual(values)
  })
})
