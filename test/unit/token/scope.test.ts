import { describe, expect, it } from 'vitest'
import { isScope, readScopes, splitScopes } from '../../../src/token/scope.ts'

describe('a scope', () => {
  it('is one or more of the characters that RFC 6749 lists, each of them and no other', () => {
    const listed = (code: number) =>
      code === 0x21 || (code >= 0x23 && code <= 0x5b) || (code >= 0x5d && code <= 0x7e)
    for (let code = 0; code < 0x3000; code++) {
      const character = String.fromCharCode(code)
      expect(isScope(character), `U+${code.toString(16)}`).toBe(listed(code))
      expect(isScope(`a${character}b`), `U+${code.toString(16)}`).toBe(listed(code))
    }
  })

  it.each(['', 'a b', 'a\n', '\n', undefined, null, 1, ['a'], {}])('is not %j', (value) => {
    expect(isScope(value)).toBe(false)
  })
})

describe('a list of scopes', () => {
  it.each([
    ['a b', ['a', 'b']],
    [' a  b ', ['a', 'b']],
    ['', []],
    ['   ', []],
    ['a,b', ['a,b']],
    ['a\tb', ['a\tb']],
    ['a\nb', ['a\nb']],
    ['a\u00a0b', ['a\u00a0b']],
    ['a a', ['a', 'a']],
  ])('is parted at spaces and nothing else: %j', (text, scopes) => {
    expect(splitScopes(text)).toEqual(scopes)
  })
})

describe('the scopes of a token', () => {
  it.each([
    ['scope', { scope: 'a b' }, undefined, ['a', 'b']],
    ['scope that is a list, unasked', { scope: ['a', 'b'] }, undefined, []],
    ['scope that is a list', { scope: ['a', 'b'] }, 'scope', ['a', 'b']],
    ['another claim that is text', { scope: 'x', scp: 'a b' }, 'scp', ['a', 'b']],
    ['another claim that is a list', { scp: ['a', 'b'] }, 'scp', ['a', 'b']],
    [
      'a list with entries that are no scopes',
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

  it('are what a function returns, but for entries that are no scopes', () => {
    const returned = ['a', 'b c', 'd']
    const read = readScopes({ x: 1 }, () => returned)
    expect(read).toEqual(['a', 'd'])
    expect(read).toSatisfy(Object.isFrozen)
    expect(returned).toHaveLength(3)
  })

  it.each(['a b', undefined, null, new Set(['a']), Promise.resolve(['a'])])(
    'are refused where a function returns %o',
    (value) => {
      expect(() => readScopes({}, () => value as never)).toThrow(
        new TypeError('scopeClaim must return an array of strings'),
      )
    },
  )
})
