import { expect, it } from 'vitest'
import { doubtUrl } from '../../../src/internal/secure-url.ts'

it.each([
  'https://as.test',
  'https://as.test:8443/a/b?c=d',
  'HTTPS://AS.TEST/',
  'https://bücher.test/',
  'http://localhost:3000/jwks',
  'http://LOCALHOST/',
  'http://127.0.0.1:3000/',
  'http://127.255.255.254/',
  'http://[::1]:3000/',
])('%s may be fetched', (url) => {
  expect(doubtUrl(url, false)).toBeUndefined()
})

it.each([
  undefined,
  null,
  1,
  ['https://as.test'],
  new URL('https://as.test'),
  '',
  'as.test',
  '/jwks',
  '//as.test/jwks',
  'https://',
  'https:as.test',
  'data:application/json,{}',
  'https:/as.test',
  'https:\\\\as.test',
  ' https://as.test',
  'https://as.test\n',
  'https://as.te\tst',
  'https://as.test/a b',
  'https://as.test/\u0000',
  'https://as.test/\u0085',
])('%j is not an absolute URL', (url) => {
  expect(doubtUrl(url, true)).toBe('is not an absolute URL')
})

it.each([
  ['https://user@as.test', 'has credentials in it'],
  ['https://user:password@as.test', 'has credentials in it'],
  ['https://:password@as.test', 'has credentials in it'],
  ['https://as.test#', 'has a fragment'],
  ['https://as.test/#a', 'has a fragment'],
  ['ftp://as.test', 'is not an https URL'],
  ['file:///etc/passwd', 'is not an https URL'],
  ['ws://127.0.0.1', 'is not an https URL'],
])('%s %s, also where http is allowed', (url, doubt) => {
  expect(doubtUrl(url, false)).toBe(doubt)
  expect(doubtUrl(url, true)).toBe(doubt)
})

it.each([
  'http://as.test',
  'http://169.254.169.254/',
  'http://10.0.0.1/',
  'http://0.0.0.0/',
  'http://128.0.0.1/',
  'http://localhost.evil.test/',
  'http://127.0.0.1.evil.test/',
  'http://evil.test/127.0.0.1',
  'http://[::2]/',
])('%s is an http URL beyond loopback, which must be allowed', (url) => {
  expect(doubtUrl(url, false)).toBe(
    'is an http URL beyond loopback, which needs allowInsecureHttp: true',
  )
  expect(doubtUrl(url, true)).toBeUndefined()
})
