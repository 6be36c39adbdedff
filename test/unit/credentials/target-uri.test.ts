import { describe, expect, it } from 'vitest'
import { createGetTargetUri } from '../../../src/credentials/target-uri.ts'

const root = createGetTargetUri('https://rs.example')
const prefixed = createGetTargetUri('https://RS.example:443/stripped/')

describe('the target URI', () => {
  it.each([
    ['/', 'https://rs.example/'],
    ['/a/b', 'https://rs.example/a/b'],
    ['/a/b?q=1', 'https://rs.example/a/b'],
    ['/a/b#f', 'https://rs.example/a/b'],
    ['/a?b#f?c', 'https://rs.example/a'],
    ['/a#f?q', 'https://rs.example/a'],
    ['/a%2Fb/../c', 'https://rs.example/a%2Fb/../c'],
    ['*', 'https://rs.example'],
  ])('of %j is the public origin with the path', (url, expected) => {
    expect(root({ url })).toBe(expected)
  })

  it.each([
    ['//evil.test/x', 'https://rs.example//evil.test/x'],
    ['///evil.test', 'https://rs.example///evil.test'],
    ['/\\evil.test/x', 'https://rs.example/\\evil.test/x'],
    ['/@evil.test', 'https://rs.example/@evil.test'],
    ['http://evil.test/x?q', 'https://rs.example/x'],
    ['HTTPS://evil.test:8443', 'https://rs.example'],
    ['https://evil.test?/x', 'https://rs.example'],
    ['https://user@evil.test//x', 'https://rs.example//x'],
  ])('9449-4.3-9e of %j does not take its origin from the request', (url, expected) => {
    expect(root({ url })).toBe(expected)
  })

  it('9449-4.3-9d ignores Host, Forwarded and X-Forwarded-*', () => {
    const headers = {
      host: 'evil.test',
      forwarded: 'host=evil.test;proto=http',
      'x-forwarded-host': 'evil.test',
      'x-forwarded-proto': 'http',
      'x-forwarded-port': '1',
      'x-forwarded-prefix': '/evil',
    }
    expect(root(Object.assign({ url: '/p' }, { headers }))).toBe('https://rs.example/p')
  })

  it('9449-4.3-9f prefers the target from before a router was mounted', () => {
    expect(root({ url: '/p', originalUrl: '/api/p?q' })).toBe('https://rs.example/api/p')
    expect(root({ url: '/p', originalUrl: undefined })).toBe('https://rs.example/p')
  })

  it('begins with the prefix that a proxy strips', () => {
    expect(prefixed({ url: '/p' })).toBe('https://rs.example/stripped/p')
    expect(prefixed({ url: '//p' })).toBe('https://rs.example/stripped//p')
    expect(prefixed({ url: 'http://127.0.0.1/p' })).toBe('https://rs.example/stripped/p')
    expect(prefixed({ url: '*' })).toBe('https://rs.example/stripped')
  })

  it('begins with a prefix that has no slash at its end', () => {
    const unslashed = createGetTargetUri('https://rs.example/stripped')
    expect(unslashed({ url: '/p' })).toBe('https://rs.example/stripped/p')
  })

  it.each([undefined, '', '?q', 'p', 'evil.test:443', './p', 'javascript:alert(1)', '\\p'])(
    'does not exist for the target %j',
    (url) => {
      expect(root({ url })).toBeUndefined()
      expect(prefixed({ url })).toBeUndefined()
    },
  )

  it.each([
    '/../other',
    '/a/../../other?q',
    '/a/..',
    '/..',
    '/%2e%2E/other',
    '/.%2e/other',
    '/a/./b',
    'http://127.0.0.1/../other',
  ])('9449-4.3-9b does not leave the prefix by the dot segments of %j', (url) => {
    expect(prefixed({ url })).toBeUndefined()
    expect(prefixed({ url: '/p', originalUrl: url })).toBeUndefined()
  })

  it.each(['/.well-known/x', '/a../b', '/...', '/a/.b', '/a.', '/%2e%2e%2e', '/a?/../b'])(
    'begins with the prefix for %j, which has no dot segment',
    (url) => {
      expect(prefixed({ url })).toBe(`https://rs.example/stripped${url.split('?')[0]}`)
    },
  )

  it('does not exist for a target that is not a string', () => {
    const url = ['/p'] as unknown as string
    expect(root({ url })).toBeUndefined()
  })
})
