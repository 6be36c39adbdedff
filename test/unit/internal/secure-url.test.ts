import { describe, expect, it } from 'vitest'
import {
  findFetchedIssuerProblem,
  findFetchedUrlProblem,
  findHttpIssuerProblem,
} from '../../../src/internal/secure-url.ts'

const loopback = [
  'http://localhost:3000',
  'http://127.0.0.1:3000/',
  'http://127.255.255.254/',
  'http://[::1]:3000/',
  'http://127.0.0.1:8080/',
]

const notAbsolute = [
  '',
  'as.test',
  '/jwks',
  '//as.test/jwks',
  'https://',
  'https:as.test',
  'data:application/json,{}',
  'https:/as.test',
  'https:///as.test',
  'https://?a',
  'https:\\\\as.test',
  'https:\\/as.test',
  'https://as.test\\jwks',
  ' https://as.test',
  'https://as.test\n',
  'https://as.te\tst',
  'https://as.test/a b',
  'https://as.test/\u0000',
  'https://as.test/\u0085',
  'https://as.test:99999/',
  'http:///as.test',
]

const wrongParts = [
  ['https://user@as.test', 'has credentials in it'],
  ['https://user:password@as.test', 'has credentials in it'],
  ['https://:password@as.test', 'has credentials in it'],
  ['https://@as.test/', 'has credentials in it'],
  ['https://:@as.test/', 'has credentials in it'],
  ['https://as.test#', 'has a fragment'],
  ['https://as.test/#a', 'has a fragment'],
] as const

const otherScheme = ['ftp://as.test', 'file:///etc/passwd', 'ws://127.0.0.1']

const insecure = [
  'http://as.test',
  'http://169.254.169.254/',
  'http://10.0.0.1/',
  'http://0.0.0.0/',
  'http://128.0.0.1/',
  'http://localhost.evil.test/',
  'http://127.0.0.1.evil.test/',
  'http://evil.test/127.0.0.1',
  'http://[::2]/',
]

/** Texts that the URL parser changes, in any kind of URL. */
const rewritten = [
  'https://as.test/realms/../files/mallory',
  'https://as.test/realms/..',
  'https://as.test/realms/./a',
  'https://as.test/realms/%2e%2e/files',
  'https://as.test/realms/.%2E/files',
  'https://a\u00ads.test/',
  'https://bücher.test/',
  'https://ａs.test/',
  'https://as。test/',
  'https://as.test/ü',
  'https://as.test/"a"',
  'https://0x7f.1/',
  'https://2130706433/',
  'https://%61s.test/',
]

describe('a URL that is fetched', () => {
  it.each([
    ...loopback,
    'https://as.test',
    'https://as.test?a=b',
    'https://as.test?',
    'https://as.test:4430/jwks',
    'https://as.test/?next=https:///a',
    'https://as.test:8443/a/b?c=d',
    'https://as.test/a//b/%2F/..a/',
    'https://xn--bcher-kva.test/',
  ])('may be %s', (url) => {
    expect(findFetchedUrlProblem(url, false)).toBeUndefined()
  })

  it.each([
    'HTTPS://AS.TEST/',
    'https://as.test:443/jwks',
    'https://AS.test:443?a',
    'http://LOCALHOST:80/',
  ])('may be written in any case and with its default port: %s', (url) => {
    expect(findFetchedUrlProblem(url, false)).toBeUndefined()
  })

  it.each([...notAbsolute, undefined, null, 1, ['https://as.test'], new URL('https://as.test')])(
    '%j is not an absolute URL',
    (url) => {
      expect(findFetchedUrlProblem(url, true)).toBe('is not an absolute URL')
    },
  )

  it.each([...wrongParts, ...otherScheme.map((url) => [url, 'is not an https URL'] as const)])(
    '%s %s, even if http is allowed',
    (url, problem) => {
      expect(findFetchedUrlProblem(url, false)).toBe(problem)
      expect(findFetchedUrlProblem(url, true)).toBe(problem)
    },
  )

  it.each(insecure)('%s is an http URL beyond loopback, which must be allowed', (url) => {
    expect(findFetchedUrlProblem(url, false)).toBe(
      'is an http URL beyond loopback, which needs allowInsecureHttp: true',
    )
    expect(findFetchedUrlProblem(url, true)).toBeUndefined()
  })

  it.each(rewritten)('%s is refused, because the parser returns another URL', (url) => {
    expect(findFetchedUrlProblem(url, true)).toBe(
      `is not in its parsed form, which is ${new URL(url).href}`,
    )
  })
})

describe('a host with a character at which other parsers end it', () => {
  it.each([
    'https://as.test}.evil.test/',
    'https://as.test{.evil.test/',
    "https://as.test'.evil.test/",
    'https://as.test`.evil.test/',
    'https://as.test;.evil.test/',
    'https://as.test&.evil.test/',
    'https://as.test!.evil.test/',
    'https://as.test,.evil.test/',
    'https://as.test~.evil.test/',
  ])('%s is refused', (url) => {
    const problem = 'has a character in its host that no host name has'
    expect(findFetchedUrlProblem(url, true)).toBe(problem)
    expect(findFetchedIssuerProblem(url, true)).toBe(problem)
    expect(findHttpIssuerProblem(url)).toBe(problem)
  })

  it.each(['https://my_service:8443/', 'https://xn--bcher-kva.test/', 'https://[2001:db8::1]/'])(
    '%s is accepted',
    (url) => {
      expect(findFetchedUrlProblem(url, false)).toBeUndefined()
      expect(findHttpIssuerProblem(url)).toBeUndefined()
    },
  )
})

describe('an issuer whose metadata is fetched', () => {
  it.each([...loopback, 'https://as.test', 'https://as.test/', 'https://as.test:8443/a/b/'])(
    'may be %s',
    (issuer) => {
      expect(findFetchedIssuerProblem(issuer, false)).toBeUndefined()
    },
  )

  it.each([...rewritten, 'HTTPS://as.test', 'https://AS.test/a', 'https://as.test:443/a'])(
    '%s is refused, because it is not in its parsed form',
    (issuer) => {
      expect(findFetchedIssuerProblem(issuer, true)).toBe(
        `is not in its parsed form, which is ${new URL(issuer).href}`,
      )
    },
  )

  it.each([
    ...notAbsolute.map((issuer) => [issuer, 'is not an absolute URL'] as const),
    ...wrongParts,
    ...otherScheme.map((issuer) => [issuer, 'is not an https URL'] as const),
    ['https://as.test?', 'has a query'],
    ['https://as.test/?a=b', 'has a query'],
    ['https://as.test/a/..%2fb', 'has an encoded dot, slash, backslash or percent sign'],
    ['https://as.test/a/..%5Cb', 'has an encoded dot, slash, backslash or percent sign'],
    ['https://as.test/a/%252e%252e/b', 'has an encoded dot, slash, backslash or percent sign'],
    ['https://as.test/a/..;/b', 'has a path segment of dots'],
    ['https://as.test/a/..;x=1/b', 'has a path segment of dots'],
  ] as const)('%j %s', (issuer, problem) => {
    expect(findFetchedIssuerProblem(issuer, true)).toBe(problem)
  })

  it.each(insecure)('%s needs allowInsecureHttp', (issuer) => {
    expect(findFetchedIssuerProblem(issuer, false)).toContain('allowInsecureHttp')
    expect(findFetchedIssuerProblem(issuer, true)).toBeUndefined()
  })
})

describe('an issuer identifier of any kind', () => {
  it.each([
    'http://as.test/adfs/services/trust',
    'https://as.test',
    'https://as.test/realms/a',
    'urn:example:issuer',
    'example',
    'httpsissuer',
    'the issuer https://as.test',
    '-https://as.test',
    'accounts.example.com',
    'spiffe://example.org/../a',
    'file:///etc/passwd',
  ])('%s is accepted', (issuer) => {
    expect(findHttpIssuerProblem(issuer)).toBeUndefined()
  })

  it.each(['https:///h', 'https:as.test', ' https://as.test', 'https://as.test:99999/'])(
    '%j is no absolute URL',
    (issuer) => {
      expect(findHttpIssuerProblem(issuer)).toBe('is not an absolute URL')
    },
  )

  it.each([
    ...rewritten,
    ...wrongParts.map(([issuer]) => issuer),
    'https:///h',
    'https:as.test',
    'https://',
    'HTTP://as.test',
    'https://as.test:99999/',
    ' https://as.test',
    ' https://as.test:99999/',
    'http://as.test:99999/',
    'h\nttps://as.test',
    'ht\ttp://as.test',
    '\u0000https://as.test',
    'https:\\\\as.test\\a',
    'https://as.test?',
    'http://as.test/a/..%2fb',
  ])('%j is refused', (issuer) => {
    expect(findHttpIssuerProblem(issuer)).toEqual(expect.any(String))
  })
})
