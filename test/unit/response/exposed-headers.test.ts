import { describe, expect, it } from 'vitest'
import { exposeHeaders } from '../../../src/response/exposed-headers.ts'

const names = ['WWW-Authenticate', 'DPoP-Nonce']

describe('9728-7-cors, 9449-7.1-i exposed headers', () => {
  it.each([
    ['nothing yet', undefined, 'WWW-Authenticate, DPoP-Nonce'],
    ['an empty value', '', 'WWW-Authenticate, DPoP-Nonce'],
    ['other headers', 'X-Request-Id, Link', 'X-Request-Id, Link, WWW-Authenticate, DPoP-Nonce'],
    ['one of them, in another case', 'www-authenticate,Link', 'www-authenticate, Link, DPoP-Nonce'],
    ['all headers', '*', '*, WWW-Authenticate, DPoP-Nonce'],
    ['several lines', ['A', 'B, C'], 'A, B, C, WWW-Authenticate, DPoP-Nonce'],
    ['empty elements', ' , A ,', 'A, WWW-Authenticate, DPoP-Nonce'],
  ])('are added to %s', (_name, exposed, expected) => {
    expect(exposeHeaders('https://app.test', exposed, names)).toBe(expected)
    expect(exposeHeaders('*', exposed, names)).toBe(expected)
  })

  it('are not changed if they are complete', () => {
    expect(exposeHeaders('*', 'dpop-nonce, A, WWW-AUTHENTICATE', names)).toBeUndefined()
  })

  it.each([undefined, null, ''])('are not added where no other origin is allowed: %j', (origin) => {
    expect(exposeHeaders(origin, 'A', names)).toBeUndefined()
  })
})
