import { readFileSync } from 'node:fs'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { metadataUrl, readResource } from '../../../src/options/resource.ts'

const check = (identifier: unknown): string => readResource({ identifier })?.identifier as string

const file = new URL('../../vectors/rfc-examples/rfc-examples.json', import.meta.url)
const examples: { wellknown: { rfc9728: [string, string][] } } = JSON.parse(
  readFileSync(file, 'utf8'),
)

afterEach(() => {
  vi.restoreAllMocks()
})

describe('the URL of the metadata', () => {
  it.each(examples.wellknown.rfc9728)('for %s is %s', (identifier, url) => {
    expect(metadataUrl(identifier)).toBe(url)
  })

  it.each([
    ['https://rs.test/api/', 'https://rs.test/.well-known/oauth-protected-resource/api/'],
    ['https://rs.test/?k=v', 'https://rs.test/.well-known/oauth-protected-resource?k=v'],
    ['https://rs.test/a//b', 'https://rs.test/.well-known/oauth-protected-resource/a//b'],
    ['https://rs.test//', 'https://rs.test/.well-known/oauth-protected-resource//'],
    ['HTTPS://RS.test:443/A', 'HTTPS://RS.test:443/.well-known/oauth-protected-resource/A'],
    ['http://[::1]:3000/a', 'http://[::1]:3000/.well-known/oauth-protected-resource/a'],
    ['https://rs.test/a%2fb', 'https://rs.test/.well-known/oauth-protected-resource/a%2fb'],
    ['https://rs.test/a...b/..c', 'https://rs.test/.well-known/oauth-protected-resource/a...b/..c'],
  ])('keeps the rest of the identifier: %s', (identifier, url) => {
    expect(metadataUrl(check(identifier))).toBe(url)
  })

  it.each([
    ['https://rs.test/é', 'https://rs.test/.well-known/oauth-protected-resource/%C3%A9'],
    ['https://rs.test/a"b', 'https://rs.test/.well-known/oauth-protected-resource/a%22b'],
    ['https://bücher.test/a', 'https://xn--bcher-kva.test/.well-known/oauth-protected-resource/a'],
  ])('encodes what a header cannot contain: %s', (identifier, url) => {
    expect(metadataUrl(check(identifier))).toBe(url)
  })

  it.each([
    ...examples.wellknown.rfc9728.map(([identifier]) => identifier),
    'https://rs.test/é?é',
    'https://rs.test/{a}|b^c`d<e>',
  ])('is the URL that a client requests after parsing it: %s', (identifier) => {
    const url = metadataUrl(identifier)
    const { origin, pathname, search } = new URL(url)
    expect(url).toBe(origin + pathname + search)
    expect(url).toMatch(/^[\x21\x23-\x5b\x5d-\x7e]+$/)
  })
})

describe('a resource identifier', () => {
  it.each([
    'https://rs.test',
    'https://rs.test/api',
    'https://rs.test:8443/a/b/',
    'http://localhost:3000/mcp',
    'http://127.0.0.1/api',
    'http://[::1]/',
  ])('can be %s', (identifier) => {
    const warn = vi.spyOn(process, 'emitWarning').mockImplementation(() => undefined)
    expect(check(identifier)).toBe(identifier)
    expect(warn).not.toHaveBeenCalled()
  })

  it.each([
    ['missing', undefined, 'is not an absolute URL'],
    ['a number', 1, 'resource.identifier 1 is not an absolute URL'],
    ['without a scheme', 'rs.test/api', '"rs.test/api" is not an absolute URL'],
    ['a URN', 'urn:my:api', 'is not an absolute URL'],
    ['with a fragment', 'https://rs.test/api#x', 'has a fragment'],
    ['with an empty fragment', 'https://rs.test/api#', 'has a fragment'],
    ['with credentials', 'https://user:pass@rs.test/', 'has credentials in it'],
    ['http', 'http://rs.test/api', 'must be an https URL, or an http URL of a loopback host'],
    ['of another scheme', 'ftp://rs.test/api', 'is not an https URL'],
    ['with a space', 'https://rs.test/a b', 'is not an absolute URL'],
    ['with a dot segment', 'https://rs.test/a/../b', 'has a dot segment'],
    ['with a dot segment at the end', 'https://rs.test/a/.', 'has a dot segment'],
    ['with an encoded dot segment', 'https://rs.test/%2E%2e/b', 'has a dot segment'],
    ['with a backslash', 'https://rs.test/a\\b', 'is not an absolute URL'],
    ['with a backslash after the host', 'https://rs.test\\a', 'is not an absolute URL'],
  ])('8707-2-b, 9728-1.2-a is refused where it is %s', (_name, identifier, message) => {
    expect(() => check(identifier)).toThrow(TypeError)
    expect(() => check(identifier)).toThrow(message)
  })

  it('is missing if the option is neither a string nor an object', () => {
    expect(() => readResource(1)).toThrow(/^resource takes an object with identifier, /)
  })

  it('9728-1.2-a with a query causes a warning', () => {
    const warn = vi.spyOn(process, 'emitWarning').mockImplementation(() => undefined)
    expect(check('https://rs.test/r?k=v')).toBe('https://rs.test/r?k=v')
    expect(warn.mock.calls).toEqual([
      [
        'resource.identifier "https://rs.test/r?k=v" has a query, which RFC 9728 advises against',
        { type: 'OAuthResourceServerWarning' },
      ],
    ])
  })
})
