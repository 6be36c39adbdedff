import { describe, expect, it } from 'vitest'
import { isScope, splitScopes } from '../../../src/internal/scope-syntax.ts'

describe('a scope', () => {
  it('consists of one or more of the characters that RFC 6749 lists', () => {
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
  ])('is split only at spaces: %j', (text, scopes) => {
    expect(splitScopes(text)).toEqual(scopes)
  })
})
