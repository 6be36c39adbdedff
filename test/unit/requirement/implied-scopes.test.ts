import { describe, expect, it, vi } from 'vitest'
import { compileImpliedScopes } from '../../../src/requirement/implied-scopes.ts'
import { processFailures } from '../../support/process-failures.ts'

const compile = (option: unknown) => compileImpliedScopes(option as never)
const expand = (option: unknown, ...granted: string[]) => compile(option)?.(granted)

describe('implied scopes as a record', () => {
  const hierarchy = { admin: ['write', 'audit'], write: ['read'], owner: ['admin'] }

  it.each([
    ['a scope that implies nothing', ['read'], ['read']],
    ['an unknown scope', ['x', 'toString', '__proto__'], ['x', 'toString', '__proto__']],
    ['a scope that implies one', ['write'], ['write', 'read']],
    ['a scope that implies several', ['admin'], ['admin', 'write', 'audit', 'read']],
    ['a scope that implies across levels', ['owner'], ['owner', 'admin', 'write', 'audit', 'read']],
    ['scopes that imply the same', ['write', 'admin'], ['write', 'admin', 'read', 'audit']],
    ['no scope', [], []],
  ])('MCP-scope-f expand %s', (_name, granted, expected) => {
    expect([...(expand(hierarchy, ...granted) ?? [])].sort()).toEqual([...expected].sort())
  })

  it('do not imply in the other direction', () => {
    expect(expand(hierarchy, 'read', 'audit')).toEqual(['read', 'audit'])
  })

  it.each([
    ['itself', { a: ['a'] }, 'a -> a'],
    ['two scopes', { a: ['b'], b: ['a'] }, 'a -> b -> a'],
    ['a part of a longer path', { x: ['a'], a: ['b'], b: ['c'], c: ['a'] }, 'a -> b -> c -> a'],
  ])('are refused if they contain a cycle of %s', (_name, option, cycle) => {
    expect(() => compile(option)).toThrow(new TypeError(`impliedScopes contains a cycle: ${cycle}`))
  })

  it('may imply a scope in two ways, which is not a cycle', () => {
    const diamond = { a: ['b', 'c'], b: ['d'], c: ['d'] }
    expect([...(expand(diamond, 'a') ?? [])].sort()).toEqual(['a', 'b', 'c', 'd'])
  })

  it.each([
    ['text', 'admin', 'impliedScopes must be an object of lists of scopes, or a function'],
    ['null', null, 'impliedScopes must be an object'],
    ['a list', ['a'], 'impliedScopes must be an object'],
    [
      'a name that is not a scope',
      { 'a b': ['c'] },
      'impliedScopes["a b"]: the name is not a scope',
    ],
    ['text in place of a list', { a: 'b' }, 'impliedScopes["a"] must be a list of scopes'],
    ['an empty list', { a: [] }, 'impliedScopes["a"] must not be empty'],
    ['two scopes in one entry', { a: ['b c'] }, 'impliedScopes["a"] must be a list of scopes'],
    ['undefined in a list', { a: [undefined] }, 'impliedScopes["a"] must be a list of scopes'],
  ])('are refused if they are %s', (_name, option, message) => {
    expect(() => compile(option)).toThrow(TypeError)
    expect(() => compile(option)).toThrow(message)
  })

  it('are copied, so that later changes have no effect', () => {
    const option = { a: ['b'] }
    const compiled = compile(option)
    option.a.push('c')
    expect(compiled?.(['a'])).toEqual(['a', 'b'])
  })

  it('that are inherited have no effect', () => {
    expect(expand(Object.create({ a: ['b'] }), 'a')).toEqual(['a'])
  })
})

describe('implied scopes as a function', () => {
  it('receive the granted scopes and add to them', () => {
    const implied = vi.fn(() => ['read', 'admin'])
    expect(expand(implied, 'admin')).toEqual(['admin', 'read'])
    expect(implied.mock.calls).toEqual([[['admin']]])
  })

  it('add nothing that is not a scope', () => {
    expect(expand(() => ['read', '', 'a b', 1, null], 'admin')).toEqual(['admin', 'read'])
  })

  it.each([new Error('boom'), undefined, 'text'])('become an Error if they throw %o', (thrown) => {
    const compiled = compile(() => {
      throw thrown
    })
    expect(() => compiled?.(['a'])).toThrow(
      new Error('The callback impliedScopes failed', { cause: thrown }),
    )
  })

  it.each([
    ['nothing', () => undefined],
    ['text', () => 'a b'],
    ['a set', () => new Set(['a'])],
    ['a promise, which may reject', () => Promise.reject(new Error('not awaited'))],
  ])('are refused if they return %s', (_name, implied) => {
    expect(() => expand(implied, 'a')).toThrow(
      new TypeError('impliedScopes must return an array of strings'),
    )
  })

  it('become an Error where the array that they return cannot be read', () => {
    const thrown = new RangeError('a trap ran')
    const get = () => {
      throw thrown
    }
    expect(() => expand(() => new Proxy([], { get }), 'a')).toThrow(
      new Error('The callback impliedScopes failed', { cause: thrown }),
    )
  })

  it('may contain promises, which add nothing and whose rejections are ignored', async () => {
    const ended = await processFailures(async () => {
      const implied = () => [Promise.reject(new Error('not awaited')), 'b']
      expect(expand(implied, 'a')).toEqual(['a', 'b'])
    })
    expect(ended).toEqual([])
  })
})

describe('a hierarchy with many paths', () => {
  it('is followed once per scope', () => {
    const levels = Array.from({ length: 40 }, (_, level) => {
      const next = [`a${level + 1}`, `b${level + 1}`]
      return { [`a${level}`]: next, [`b${level}`]: next }
    })
    expect(expand(Object.assign({}, ...levels), 'a0')).toHaveLength(81)
  })
})

describe('the expansion', () => {
  it('is computed once per frozen list, and frozen', () => {
    const implied = vi.fn(() => ['b'])
    const compiled = compile(implied)
    const granted = Object.freeze(['a'])
    const expanded = compiled?.(granted)
    expect(expanded).toSatisfy(Object.isFrozen)
    expect(compiled?.(granted)).toBe(expanded)
    expect(implied).toHaveBeenCalledTimes(1)
    expect(compiled?.(Object.freeze(['a']))).toEqual(expanded)
    expect(implied).toHaveBeenCalledTimes(2)
  })

  it('is computed again for a list that is not frozen', () => {
    const compiled = compile({ a: ['b'], c: ['d'] })
    const granted = ['a']
    expect(compiled?.(granted)).toEqual(['a', 'b'])
    granted[0] = 'c'
    expect(compiled?.(granted)).toEqual(['c', 'd'])
  })

  it('is absent without the option', () => {
    expect(compile(undefined)).toBeUndefined()
  })
})
