import { InvalidTokenError, ServiceUnavailableError } from 'oauth-resource-server'
import { describe, expect, it, vi } from 'vitest'
import {
  refuseRequest,
  setCacheControlPrivate,
  setDpopNonce,
} from '../../../src/adapters/error-response.ts'

/** A response with these headers, whose names are in lower case. */
function responseWith(present: Record<string, unknown> = {}) {
  const headers = new Map(Object.entries(present))
  const response = {
    headersSent: false,
    statusCode: 200,
    getHeader: (name: string) => headers.get(name.toLowerCase()),
    setHeader: (name: string, value: unknown) => headers.set(name.toLowerCase(), value),
    removeHeader: (name: string) => void headers.delete(name.toLowerCase()),
    end: vi.fn(),
  }
  return { response, headers }
}

describe('refuseRequest', () => {
  it('sends no challenge for a 503, and keeps that of other code', () => {
    for (const present of [{}, { 'www-authenticate': 'Basic realm="x"' }]) {
      const { response, headers } = responseWith({ ...present, 'access-control-allow-origin': '*' })
      const error = new ServiceUnavailableError('keys', 5)
      expect(refuseRequest(response, error, false)).toBeUndefined()
      expect(response.statusCode).toBe(503)
      expect(error.headers).not.toHaveProperty('WWW-Authenticate')
      expect(headers.get('www-authenticate')).toBe(
        'www-authenticate' in present ? 'Basic realm="x"' : undefined,
      )
      expect(headers.has('access-control-expose-headers')).toBe(false)
    }
  })

  it('exposes the challenge to a browser client of another origin', () => {
    const { response, headers } = responseWith({
      'access-control-allow-origin': 'https://app.test',
      'access-control-expose-headers': 'X-Mine',
      'content-encoding': 'gzip',
    })
    expect(refuseRequest(response, new InvalidTokenError('expired'), false)).toBeUndefined()
    expect(headers.get('access-control-expose-headers')).toBe('X-Mine, WWW-Authenticate')
    expect(headers.has('content-encoding')).toBe(false)
  })
})

describe('setDpopNonce', () => {
  it('sets the nonce, which must not be cached', () => {
    const { response, headers } = responseWith({ 'access-control-allow-origin': '*' })
    setDpopNonce(response, 'n')
    expect(Object.fromEntries(headers)).toEqual({
      'access-control-allow-origin': '*',
      'access-control-expose-headers': 'DPoP-Nonce',
      'cache-control': 'no-store',
      'dpop-nonce': 'n',
    })
  })

  it('has no effect after the headers were sent, and without header methods', () => {
    const { response, headers } = responseWith()
    setDpopNonce({ ...response, headersSent: true }, 'n')
    expect(headers.size).toBe(0)
    expect(() => setDpopNonce({} as never, 'n')).not.toThrow()
  })
})

describe('setCacheControlPrivate', () => {
  it.each([
    [undefined, 'private'],
    [['no-store'], 'private'],
    ['max-age=60', 'private'],
    ['no-cache="a, private, b"', 'private'],
    ['private="set-cookie"', 'private'],
    ['max-age=60, Private', 'max-age=60, Private'],
    ['no-cache="a", no-store', 'no-cache="a", no-store'],
  ])('changes %j to %j', (before, after) => {
    const { response, headers } = responseWith({ 'cache-control': before })
    setCacheControlPrivate(response)
    expect(headers.get('cache-control')).toBe(after)
  })

  it('has no effect after the headers were sent, and without header methods', () => {
    const { response, headers } = responseWith()
    setCacheControlPrivate({ ...response, headersSent: true })
    expect(headers.size).toBe(0)
    expect(() => setCacheControlPrivate({} as never)).not.toThrow()
  })
})
