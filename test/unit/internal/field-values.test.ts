import { IncomingMessage } from 'node:http'
import { Socket } from 'node:net'
import { describe, expect, it, vi } from 'vitest'
import { getFieldValues, isRepeatedField } from '../../../src/internal/field-values.ts'

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

describe('a header field with several lines', () => {
  it.each<[boolean, object]>([
    [false, {}],
    [false, { rawHeaders: ['A', 'x', 'b', 'a', 'aa', 'y'] }],
    [true, { rawHeaders: ['A', 'x', 'b', 'y', 'a', 'z'] }],
    [false, { headersDistinct: { a: ['x'], b: ['x', 'y'] } }],
    [true, { headersDistinct: { a: ['x', 'y'] } }],
    [false, { headersDistinct: { a: undefined } }],
    [false, { headersDistinct: Object.create({ a: ['x', 'y'] }) }],
    [false, { rawHeaders: ['a', 'x'], headersDistinct: { a: ['x', 'y'] } }],
  ])('is repeated: %s in %j', (isRepeated, request) => {
    expect(isRepeatedField(request, 'a')).toBe(isRepeated)
  })

  it('is found in rawHeaders alone, without the object of all fields that Node creates', () => {
    const request = new IncomingMessage(new Socket())
    request.rawHeaders = ['A', 'x', 'b', 'y', 'a', 'z']
    const readAll = vi.fn()
    Object.defineProperty(request, 'headersDistinct', { get: readAll })
    expect(isRepeatedField(request, 'a')).toBe(true)
    expect(isRepeatedField(request, 'b')).toBe(false)
    expect(readAll).not.toHaveBeenCalled()
  })
})
