import { describe, expect, it } from 'vitest'
import { parseUrl } from '../../../src/internal/parse-url.ts'

describe('parseUrl', () => {
  it('parses an absolute URL', () => {
    expect(parseUrl('https://api.example.com/a?b')?.pathname).toBe('/a')
  })

  it('parses a URL relative to a base', () => {
    expect(parseUrl('/b', 'https://api.example.com/a')?.href).toBe('https://api.example.com/b')
  })

  it.each(['', 'a', '/a', 'https://', 'https://a b'])('returns undefined for %j', (text) => {
    expect(parseUrl(text)).toBeUndefined()
  })

  // URL.canParse of Node 20 and 22 returns false from about the 4,000th call on.
  it('parses a host with a non-ASCII character, also in code that V8 has optimized', () => {
    let failures = 0
    for (let count = 0; count < 50_000; count++) {
      if (parseUrl('https://bücher.example') === undefined) failures++
    }
    expect(failures).toBe(0)
  })
})
