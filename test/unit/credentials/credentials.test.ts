import fc from 'fast-check'
import {
  type HttpRequest,
  InvalidRequestError,
  MissingTokenError,
  type TokenLocation,
} from 'oauth-resource-server'
import { describe, expect, it } from 'vitest'
import { validateToken68 } from '../../../src/credentials/authorization-header.ts'
import { hintForMissingToken, readCredentials } from '../../../src/credentials/credentials.ts'
import { createApi } from '../../support/verdict.ts'

const everywhere: readonly TokenLocation[] = ['header', 'body', 'query']
const formType = 'application/x-www-form-urlencoded'

const read = (request: HttpRequest, locations: readonly TokenLocation[] = ['header']) => {
  const credentials = readCredentials(request, locations)
  const error = credentials && validateToken68(credentials)
  if (error !== undefined) throw error
  return credentials
}

/** The ways in which servers show one Authorization field. */
const shapes: Readonly<Record<string, (value: string) => HttpRequest>> = {
  'an IncomingMessage': (value) => ({
    headers: { authorization: value },
    rawHeaders: ['Host', 'rs.test', 'AUTHORIZATION', value],
  }),
  'headers of HTTP/2': (value) => ({
    headers: { ':path': '/', authorization: value },
    rawHeaders: [':path', '/', 'authorization', value],
  }),
  'a plain object': (value) => ({ headers: { authorization: value } }),
  'a plain object in another case': (value) => ({ headers: { Authorization: value } }),
  'a list of one value': (value) => ({ headers: { authorization: [value] } }),
  'a value beside an undefined one': (value) => ({
    headers: { authorization: undefined, Authorization: value },
  }),
  headersDistinct: (value) => ({
    headers: { authorization: value },
    headersDistinct: { authorization: [value] },
  }),
  'an object without a prototype': (value) => ({
    headers: Object.assign(Object.create(null), { authorization: value }),
  }),
  'Headers of fetch': (value) => ({ headers: new Headers({ Authorization: value }) }),
  'a Request of fetch': (value) => {
    return new Request('https://rs.test/p', { headers: { Authorization: value } })
  },
  // A backend for frontends turns its session cookie into a header that never came.
  'a header that a middleware has added': (value) => ({
    headers: { authorization: value },
    rawHeaders: ['Cookie', 'session=1'],
  }),
}

it.each([null, 5, [null], [5], {}])('a field that is no text (%j) is malformed', (value) => {
  const headers = { authorization: value } as never
  for (const request of [{ headers }, { headers, rawHeaders: [] }]) {
    expect(() => read(request)).toThrow(InvalidRequestError)
  }
})

it('a field is told from others whose names are as long', () => {
  const value = 'Bearer a.b.c'
  const others = ['If-None-Match', '"1"', 'if-none-match', '"2"', 'Cache-Control', 'no-cache']
  const headers = { 'if-none-match': '"1"', 'Cache-Control': 'no-cache', authorization: value }
  expect(read({ headers, rawHeaders: [...others, 'Authorization', value] })?.token).toBe('a.b.c')
  expect(read({ headers })?.token).toBe('a.b.c')
  expect(read({ headers: { 'if-none-match': value, 'cache-control': value } })).toBeUndefined()
})

it.each([
  ['application/x-www-form-urlencoded ;charset=utf-8', 'a.b.c'],
  ['APPLICATION/X-WWW-Form-Urlencoded', 'a.b.c'],
  ['application/x-www-form-urlencodedX', undefined],
  [undefined, undefined],
])('a form is told by its media type: %s', (type, token) => {
  const headers = type === undefined ? {} : { 'content-type': type }
  const request = { method: 'POST', headers, body: { access_token: 'a.b.c' } }
  expect(read(request, everywhere)?.token).toBe(token)
  expect(read({ headers, body: request.body }, everywhere)).toBeUndefined()
})

describe('one token in the header', () => {
  for (const [name, shape] of Object.entries(shapes)) {
    it(`is found in ${name}`, () => {
      expect(read(shape('bEARER  a.b.c'))).toEqual({
        scheme: 'Bearer',
        token: 'a.b.c',
        location: 'header',
      })
    })

    it(`is told from another scheme and from a malformed one in ${name}`, () => {
      expect(read(shape('Basic a'))).toBeUndefined()
      expect(() => read(shape('Bearer a b'))).toThrow(InvalidRequestError)
      expect(() => read(shape('Bearer'))).toThrow(InvalidRequestError)
    })
  }

  it('may have space around it, where the server did not take it away', () => {
    expect(read({ headers: { authorization: ' \t Bearer a \t' } })?.token).toBe('a')
    expect(read({ headers: { authorization: ' \t ' } })).toBeUndefined()
  })

  it('is absent from a request without the field', () => {
    for (const headers of [
      {},
      { authorization: undefined },
      { authorization: [] },
      new Headers(),
    ]) {
      expect(read({ headers })).toBeUndefined()
    }
    expect(read({ headers: {}, rawHeaders: [], headersDistinct: {} })).toBeUndefined()
  })

  it('is not found in a field that only resembles Authorization', () => {
    const headers = {
      'x-authorization': 'Bearer a',
      authorizatio: 'Bearer a',
      authorızation: 'Bearer a',
    }
    expect(read({ headers })).toBeUndefined()
    expect(read({ headers: {}, rawHeaders: ['Authorization', 'Bearer a'] })).toBeUndefined()
  })

  it('is every token68 and nothing else', () => {
    const alphabet = [...'ABCXYZabcxyz0189-._~+/']
    const token68 = fc
      .tuple(
        fc.string({ unit: fc.constantFrom(...alphabet), minLength: 1 }),
        fc.constantFrom('', '=', '==', '==='),
      )
      .map((parts) => parts.join(''))
    fc.assert(
      fc.property(token68, fc.integer({ min: 1, max: 4 }), (token, spaces) => {
        const authorization = `Bearer${' '.repeat(spaces)}${token}`
        expect(read({ headers: { authorization } })?.token).toBe(token)
      }),
    )
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        fc.pre(!/^[ \t]*[\w\-.~+/]+=*[ \t]*$/.test(text))
        const authorization = `Bearer ${text}`
        expect(() => read({ headers: { authorization } })).toThrow(InvalidRequestError)
      }),
    )
  })

  it('has none of the characters beside those of token68', () => {
    const allowed = /^[A-Za-z0-9\-._~+/]$/
    for (let code = 0; code < 0x300; code++) {
      const character = String.fromCharCode(code)
      const request = { headers: { authorization: `Bearer a${character}b` } }
      if (allowed.test(character)) expect(read(request)?.token).toBe(`a${character}b`)
      else expect(() => read(request), `U+${code.toString(16)}`).toThrow(InvalidRequestError)
    }
  })
})

describe('several Authorization fields', () => {
  const repeated: Readonly<Record<string, HttpRequest>> = {
    'an IncomingMessage, which shows the first': {
      headers: { authorization: 'Bearer a' },
      rawHeaders: ['Authorization', 'Bearer a', 'authorization', 'Bearer b'],
    },
    'an IncomingMessage, of which the first is another scheme': {
      headers: { authorization: 'Basic a' },
      rawHeaders: ['authorization', 'Basic a', 'AUTHORIZATION', 'Bearer b'],
    },
    headersDistinct: {
      headers: { authorization: 'Bearer a' },
      headersDistinct: { authorization: ['Bearer a', 'Bearer a'] },
    },
    'a list': { headers: { authorization: ['Bearer a', 'Bearer a'] } },
    'a list beside the raw headers': {
      headers: { authorization: ['Bearer a', 'Bearer a'] },
      rawHeaders: [],
    },
    'names of different case': { headers: { authorization: 'Bearer a', Authorization: 'Basic b' } },
    'Headers of fetch, which joins them': {
      headers: new Headers([
        ['Authorization', 'Bearer a'],
        ['authorization', 'Bearer b'],
      ]),
    },
  }

  for (const [name, request] of Object.entries(repeated)) {
    it(`are a malformed request in ${name}`, () => {
      expect(() => read(request)).toThrow(InvalidRequestError)
    })
  }

  it('are told from values that look like the name of one', () => {
    const rawHeaders = ['X', 'Authorization', 'Authorization', 'Bearer a', 'Y', 'authorization']
    expect(read({ headers: { authorization: 'Bearer a' }, rawHeaders })?.token).toBe('a')
  })
})

describe('a token in the body', () => {
  const post = (body: unknown, changes: Partial<HttpRequest> = {}): HttpRequest => ({
    method: 'POST',
    headers: { 'content-type': formType },
    body,
    ...changes,
  })
  const found = { scheme: 'Bearer', token: 'a', location: 'body' }

  it.each([
    ['a plain object', post({ access_token: 'a' })],
    [
      'an object without a prototype',
      post(Object.assign(Object.create(null), { access_token: 'a' })),
    ],
    ['URLSearchParams', post(new URLSearchParams('access_token=a'))],
    [
      'a form whose type has another case',
      post(
        { access_token: 'a' },
        { headers: { 'Content-Type': `${formType.toUpperCase()};charset=x` } },
      ),
    ],
    [
      'a form with Headers of fetch',
      post({ access_token: 'a' }, { headers: new Headers({ 'content-type': formType }) }),
    ],
  ])('is found in %s', (_name, request) => {
    expect(read(request, ['body'])).toEqual(found)
    expect(read(request, everywhere)).toEqual(found)
    expect(read(request, ['header', 'query'])).toBeUndefined()
  })

  it.each([
    ['there is no body', post(undefined)],
    ['the body is a text', post('access_token=a')],
    ['the body is null', post(null)],
    ['the parameter is inherited', post(Object.create({ access_token: 'a' }))],
    ['the parameter is empty', post({ access_token: '' })],
    ['the parameter is undefined', post({ access_token: undefined })],
    ['the parameter is empty in URLSearchParams', post(new URLSearchParams('access_token='))],
    ['the parameter has another case', post({ Access_Token: 'a' })],
    ['the method is GET', post({ access_token: 'a' }, { method: 'GET' })],
    ['the method is unknown', post({ access_token: 'a' }, { method: undefined })],
    ['there is no media type', post({ access_token: 'a' }, { headers: {} })],
    [
      'there are two media types',
      post({ access_token: 'a' }, { headers: { 'content-type': [formType, formType] } }),
    ],
    [
      'the media type is JSON',
      post({ access_token: 'a' }, { headers: { 'content-type': 'application/json' } }),
    ],
  ])('is not found where %s', (_name, request) => {
    expect(read(request, ['body'])).toBeUndefined()
  })

  it.each([
    ['a list', post({ access_token: ['a', 'b'] })],
    ['a list of one', post({ access_token: ['a'] })],
    ['an empty list', post({ access_token: [] })],
    ['an object', post({ access_token: { a: 'b' } })],
    ['an object that pretends to be a string', post({ access_token: { toString: () => 'a' } })],
    ['a number', post({ access_token: 1 })],
    ['null', post({ access_token: null })],
    ['repeated in URLSearchParams', post(new URLSearchParams('access_token=a&access_token=a'))],
  ])('is malformed where it is %s', (_name, request) => {
    expect(() => read(request, ['body'])).toThrow(InvalidRequestError)
  })
})

describe('a token in the query', () => {
  it.each([
    ['/p?access_token=a', 'a'],
    ['/p?x=y&access_token=a', 'a'],
    ['/p?access_token=%61', 'a'],
    ['https://rs.test/p?access_token=a', 'a'],
    ['//evil.test/p?access_token=a', 'a'],
    ['?access_token=a', 'a'],
    ['/p?x=?&access_token=a', 'a'],
    ['/p?access_token=a#access_token=b', 'a'],
  ])('is found in %s', (url, token) => {
    expect(read({ url, headers: {} }, ['query'])).toEqual({
      scheme: 'Bearer',
      token,
      location: 'query',
    })
    expect(read({ url, headers: {} })).toBeUndefined()
    expect(read({ url, headers: {} }, ['body'])).toBeUndefined()
  })

  it.each([
    undefined,
    '',
    '/access_token=a',
    '/p?',
    '/p?access_token',
    '/p?access_token=',
    '/p#?access_token',
    '/p?Access_token=a',
    '/p?x=access_token=a',
    '/p?x#access_token=a',
  ])('is not found in %s', (url) => {
    expect(read({ url, headers: {} }, ['query'])).toBeUndefined()
  })

  it('is not found in a fragment that a client should never have sent', () => {
    expect(read({ url: '/p#?access_token=a', headers: {} }, ['query'])).toBeUndefined()
  })

  it.each([
    '/p?access_token=a&access_token=b',
    '/p?access_token=&access_token=a',
    '/p?access_token=a&access%5Ftoken=a',
  ])('is malformed where it is repeated, as in %s', (url) => {
    expect(() => read({ url, headers: {} }, ['query'])).toThrow(InvalidRequestError)
  })
})

describe('several methods at once', () => {
  const header = { authorization: 'Bearer a' }
  const contentType = { 'content-type': formType }
  const body = { access_token: 'a' }
  const url = '/p?access_token=a'

  it.each([
    ['header and body', { method: 'POST', headers: { ...header, ...contentType }, body }],
    ['header and query', { headers: header, url }],
    ['body and query', { method: 'POST', headers: contentType, body, url }],
  ])('are a malformed request: %s', (_name, request) => {
    expect(() => read(request, everywhere)).toThrow(InvalidRequestError)
  })

  it('are one where the others are switched off', () => {
    const request = { method: 'POST', headers: { ...header, ...contentType }, body, url }
    expect(read(request)).toMatchObject({ location: 'header' })
  })

  it('leave a malformed header malformed', () => {
    const request = { headers: { authorization: 'Bearer' }, url }
    expect(() => read(request, everywhere)).toThrow(InvalidRequestError)
  })
})

describe('a request without headers', () => {
  it.each([null, undefined])('has no token where headers is %s', (headers) => {
    expect(read({ headers })).toBeUndefined()
    expect(read({ headers, rawHeaders: [], headersDistinct: {} })).toBeUndefined()
    const request = { headers, method: 'POST', body: { access_token: 'a' }, url: '/p' }
    expect(read(request, everywhere)).toBeUndefined()
    expect(hintForMissingToken({ headers })).toBeUndefined()
  })

  it('may have a token in its query', () => {
    expect(read({ headers: null, url: '/p?access_token=a' }, ['query'])).toMatchObject({
      token: 'a',
    })
  })

  it.each(['x', 5, true])('is a mistake of the caller where headers is %j', (headers) => {
    expect(() => readCredentials({ headers } as never, ['header'])).toThrow(
      new TypeError('headers of the request must be an object'),
    )
  })
})

describe('an event of AWS API Gateway', () => {
  it('of payload version 2.0 has its token in headers', () => {
    const event = { version: '2.0', headers: { authorization: 'Bearer a', 'x-a': '1,2' } }
    expect(read({ headers: event.headers })).toMatchObject({ token: 'a' })
  })

  it('of payload version 1.0 has its token in multiValueHeaders, repeated fields included', () => {
    const one = {
      headers: { Authorization: 'Bearer a' },
      multiValueHeaders: { Authorization: ['Bearer a'] },
    }
    expect(read({ headers: one.multiValueHeaders })).toMatchObject({ token: 'a' })
    const two = { Authorization: ['Bearer b', 'Bearer a'] }
    expect(() => read({ headers: two })).toThrow(InvalidRequestError)
  })

  it('from the test console has no headers, which is answered with 401', async () => {
    const event = { httpMethod: 'GET', headers: null, multiValueHeaders: null }
    const { validator } = createApi()
    const error = await validator
      .authenticate({ method: event.httpMethod, headers: event.multiValueHeaders ?? event.headers })
      .catch((reason) => reason)
    expect(error).toBeInstanceOf(MissingTokenError)
    expect(error).toMatchObject({ status: 401 })
  })
})
