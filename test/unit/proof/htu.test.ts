import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { matchesHtu } from '../../../src/proof/htu.ts'

const file = new URL('../../vectors/rfc-examples/rfc-examples.json', import.meta.url)
const { htu } = JSON.parse(readFileSync(file, 'utf8'))
const request: string = htu.request
const isString = (value: unknown) => typeof value === 'string'

describe('an htu', () => {
  it.each(htu.equal as string[])('9449-4.3-9c %j matches the request of the table', (uri) => {
    expect(matchesHtu(uri, request)).toBe(true)
    expect(matchesHtu(request, uri)).toBe(true)
  })

  it.each((htu.not_equal as unknown[]).filter(isString) as string[])(
    '9449-4.3-9c %j does not match the request of the table',
    (uri) => {
      expect(matchesHtu(uri, request)).toBe(false)
      expect(matchesHtu(request, uri)).toBe(false)
    },
  )

  it.each([htu.rfc9110_equivalent_triplet as string[], htu.rfc3986_http_equivalent as string[]])(
    '9449-4.3-9c matches every URI that an RFC calls equivalent to %j',
    (...uris) => {
      for (const uri of uris) for (const other of uris) expect(matchesHtu(uri, other)).toBe(true)
    },
  )

  it.each([
    ['https://rs.example/a?x', 'https://rs.example/a?y', true],
    ['https://rs.example/a#x?y', 'https://rs.example/a', true],
    ['https://rs.example?/a', 'https://rs.example/', true],
    ['https://rs.example/a%2fb', 'https://rs.example/a%2Fb', true],
    ['https://rs.example/a%c3%a9', 'https://rs.example/a%C3%A9', true],
    ['https://rs.example/%2e%2E/a', 'https://rs.example/a', true],
    ['https://rs.example/a/..', 'https://rs.example/', true],
    ['https://rs.example/a/b/.', 'https://rs.example/a/b/', true],
    ['https://rs.example/../../a', 'https://rs.example/a', true],
    ['https://rs.example/a//../b', 'https://rs.example/a/b', true],
    ['https://[2001:DB8::1]/a', 'https://[2001:db8::1]:443/a', true],
    ['https://rs.example/.a/..b', 'https://rs.example/.a/..b?', true],
    ['https://rs.example/a%252Fb', 'https://rs.example/a%2Fb', false],
    ['https://rs.example/a%', 'https://rs.example/a%25', false],
    ['https://rs.example/a;b', 'https://rs.example/a%3Bb', false],
    ['https://rs.example/a/b/.', 'https://rs.example/a/b', false],
    ['https://rs.example/a//b', 'https://rs.example/a/b', false],
    ['https://rs.example:80/a', 'https://rs.example/a', false],
    ['http://rs.example:443/a', 'http://rs.example/a', false],
    ['https://rs.example./a', 'https://rs.example/a', false],
  ])('%j against %j: %j', (one, other, expected) => {
    expect(matchesHtu(one, other)).toBe(expected)
    expect(matchesHtu(other, one)).toBe(expected)
  })

  it.each([
    'https:///a',
    'https:/rs.example/a',
    'https:rs.example/a',
    'https://rs.example\\a',
    'https://rs.example:4 43/a',
    'https://rs.example:x/a',
    'https://rs.example@evil.test/a',
    'https://@rs.example/a',
    'https://rs.exämple/a',
    'https://rs.example%2Fa',
    'ftp://rs.example/a',
    ' https://rs.example/a',
    'https://rs.example/a\n',
    'https://rs.example\n/a',
    'https://[::1/a',
    'null',
  ])('%j is not an http URI and matches nothing', (uri) => {
    expect(matchesHtu(uri, 'https://rs.example/a')).toBe(false)
    expect(matchesHtu(uri, `${uri}?`)).toBe(false)
  })

  it('matches exact text of any length, but is normalised only up to 16,384 characters', () => {
    const at = (length: number) => `https://rs.example/${'a'.repeat(length - 19)}`
    expect(matchesHtu(`${at(16_383)}?`, at(16_383))).toBe(true)
    expect(matchesHtu(`${at(16_384)}?`, at(16_384))).toBe(false)
    expect(matchesHtu(at(20_000), at(20_000))).toBe(true)
  })

  it('takes time in proportion to its length', () => {
    const start = performance.now()
    for (const part of ['/.', '/..', '%7e', '/', ':', '[', '%', 'a.', '@', '#', '?']) {
      const uri = `https://rs.example${part.repeat(16_000 / part.length)}`
      expect(matchesHtu(uri, `${uri}x`)).toBeTypeOf('boolean')
    }
    expect(performance.now() - start).toBeLessThan(500)
  })

  it('matches what a WHATWG URL parser makes of it, where both read the same characters', () => {
    const segment = fc.constantFrom(
      'a',
      'B',
      '',
      '.',
      '..',
      '~',
      'a.b',
      '%41',
      '%2e',
      'x-_y',
      '%2F',
    )
    const uri = fc
      .record({
        scheme: fc.constantFrom('https', 'HTTP'),
        host: fc.constantFrom('rs.example', 'RS.example', '[::1]'),
        port: fc.constantFrom('', ':', ':80', ':443', ':8080'),
        path: fc.array(segment, { maxLength: 6 }),
        query: fc.constantFrom('', '?q', '#f'),
      })
      .map(({ scheme, host, port, path, query }) => {
        return `${scheme}://${host}${port}${path.map((part) => `/${part}`).join('')}${query}`
      })
    fc.assert(
      fc.property(uri, (text) => {
        expect(matchesHtu(text, new URL(text).href)).toBe(true)
      }),
      { numRuns: 2_000 },
    )
  })
})
