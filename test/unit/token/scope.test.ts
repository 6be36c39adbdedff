import { describe, expect, it } from 'vitest'
import { readScopes } from '../../../src/token/scope.ts'

describe('the scopes of a token', () => {
  it.each([
    ['scope', { scope: 'a b' }, undefined, ['a', 'b']],
    ['scope that is a list', { scope: ['a', 'b'] }, undefined, ['a', 'b']],
    ['scope that is a list, and configured', { scope: ['a', 'b'] }, 'scope', ['a', 'b']],
    ['scope that is a list with spaces in an entry', { scope: ['a b', 'c'] }, undefined, ['c']],
    ['scope that is a list with a number', { scope: ['a', 1] }, undefined, ['a']],
    ['another claim that is text', { scope: 'x', scp: 'a b' }, 'scp', ['a', 'b']],
    ['another claim that is a list', { scp: ['a', 'b'] }, 'scp', ['a', 'b']],
    [
      'a list with entries that are not scopes',
      { scp: ['a b', '', 1, null, 'c', ['d']] },
      'scp',
      ['c'],
    ],
    ['a claim that is not there', { scope: 'x' }, 'scp', []],
    ['a claim that is a number', { scope: 1 }, undefined, []],
    ['a claim that is null', { scp: null }, 'scp', []],
    ['a claim that is an object', { scp: { 0: 'a', length: 1 } }, 'scp', []],
    ['a claim that every object inherits', {}, 'toString', []],
    ['a claim that is inherited', Object.create({ scope: 'a' }), undefined, []],
  ] as const)('are read from %s', (_, claims, scopeClaim, scopes) => {
    const read = readScopes(claims, scopeClaim)
    expect(read).toEqual(scopes)
    expect(read).toSatisfy(Object.isFrozen)
  })

  it('are those that a function returns, without entries that are not scopes', () => {
    const returned = ['a', 'b c', 'd']
    const read = readScopes({ x: 1 }, () => returned)
    expect(read).toEqual(['a', 'd'])
    expect(read).toSatisfy(Object.isFrozen)
    expect(returned).toHaveLength(3)
  })

  it.each(['a b', undefined, null, new Set(['a']), Promise.resolve(['a'])])(
    'are refused if a function returns %o',
    (value) => {
      expect(() => readScopes({}, () => value as never)).toThrow(
        new TypeError('scopeClaim must return an array of strings'),
      )
    },
  )
})
