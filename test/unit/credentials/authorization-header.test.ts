import fc from 'fast-check'
import { type HttpRequest, InvalidRequestError } from 'oauth-resource-server'
import { describe, expect, it } from 'vitest'
import { findToken68Error } from '../../../src/credentials/authorization-header.ts'
import { readCredentials } from '../../../src/credentials/credentials.ts'
import { presentedBy } from '../../support/presented-by.ts'

/** The ways in which servers represent one Authorization field. */
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
  'Headers of fetch beside raw headers': (value) => ({
    headers: new Headers({ Authorization: value }),
    rawHeaders: ['Authorization', value],
  }),
  // A backend for frontends adds the header for a session cookie of the client.
  'a header that a middleware has added': (value) => ({
    headers: { authorization: value },
    rawHeaders: ['Cookie', 'session=1'],
  }),
}

describe('one token in the header', () => {
  for (const [name, shape] of Object.entries(shapes)) {
    it(`is found in ${name}`, () => {
      expect(presentedBy(shape('bEARER  a.b.c'))).toEqual({
        scheme: 'Bearer',
        token: 'a.b.c',
        location: 'header',
      })
    })

    it(`is distinguished from another scheme and from a malformed one in ${name}`, () => {
      expect(presentedBy(shape('Basic a'))).toBeUndefined()
      expect(() => presentedBy(shape('Bearer a b'))).toThrow(InvalidRequestError)
      expect(() => presentedBy(shape('Bearer'))).toThrow(InvalidRequestError)
      expect(() => presentedBy(shape('Bearer/a'))).toThrow(InvalidRequestError)
    })
  }

  it.each(['Bearer a.b.c', 'bEARER a.b.c', 'dPOP a.b.c', 'Basic a.b.c', 'Bearer  a.b.c'])(
    'is not kept by the runtime as the text of the last match: %s',
    (authorization) => {
      const lastText = () => (RegExp as unknown as { $_: string }).$_
      const request = { headers: { authorization } }
      const credentials = readCredentials(request, { tokenLocations: ['header'], dpop: {} })
      expect(lastText()).not.toContain('a.b.c')
      if (credentials !== undefined) findToken68Error(credentials)
      expect(lastText()).not.toContain('a.b.c')
    },
  )

  it('may have white space around it if the server did not remove it', () => {
    expect(presentedBy({ headers: { authorization: ' \t Bearer a \t' } })?.token).toBe('a')
    expect(presentedBy({ headers: { authorization: ' \t ' } })).toBeUndefined()
  })

  it('is absent from a request without the field', () => {
    for (const headers of [
      {},
      { authorization: undefined },
      { authorization: [] },
      new Headers(),
    ]) {
      expect(presentedBy({ headers })).toBeUndefined()
    }
    expect(presentedBy({ headers: {}, rawHeaders: [], headersDistinct: {} })).toBeUndefined()
  })

  it('is not found in a field that only resembles Authorization', () => {
    const headers = {
      'x-authorization': 'Bearer a',
      authorizatio: 'Bearer a',
      authorızation: 'Bearer a',
    }
    expect(presentedBy({ headers })).toBeUndefined()
    expect(presentedBy({ headers: {}, rawHeaders: ['Authorization', 'Bearer a'] })).toBeUndefined()
  })

  it('may be any token68, and nothing else', () => {
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
        expect(presentedBy({ headers: { authorization } })?.token).toBe(token)
      }),
    )
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        fc.pre(!/^[ \t]*[\w\-.~+/]+=*[ \t]*$/.test(text))
        const authorization = `Bearer ${text}`
        expect(() => presentedBy({ headers: { authorization } })).toThrow(InvalidRequestError)
      }),
    )
  })

  it('has no character outside token68', () => {
    const allowed = /^[A-Za-z0-9\-._~+/]$/
    for (let code = 0; code < 0x300; code++) {
      const character = String.fromCharCode(code)
      const request = { headers: { authorization: `Bearer a${character}b` } }
      if (allowed.test(character)) expect(presentedBy(request)?.token).toBe(`a${character}b`)
      else expect(() => presentedBy(request), `U+${code.toString(16)}`).toThrow(InvalidRequestError)
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
      expect(() => presentedBy(request)).toThrow(InvalidRequestError)
    })
  }

  it('are distinguished from values that look like a field name', () => {
    const rawHeaders = ['X', 'Authorization', 'Authorization', 'Bearer a', 'Y', 'authorization']
    expect(presentedBy({ headers: { authorization: 'Bearer a' }, rawHeaders })?.token).toBe('a')
  })
})

it.each([null, 5, [null], [5], {}])('rejects a field that is not a string: %j', (value) => {
  const headers = { authorization: value } as never
  for (const request of [{ headers }, { headers, rawHeaders: [] }]) {
    expect(() => presentedBy(request)).toThrow(InvalidRequestError)
  }
})

it('finds the field among others whose names are as long', () => {
  const value = 'Bearer a.b.c'
  const others = ['If-None-Match', '"1"', 'if-none-match', '"2"', 'Cache-Control', 'no-cache']
  const headers = { 'if-none-match': '"1"', 'Cache-Control': 'no-cache', authorization: value }
  expect(presentedBy({ headers, rawHeaders: [...others, 'Authorization', value] })?.token).toBe(
    'a.b.c',
  )
  expect(presentedBy({ headers })?.token).toBe('a.b.c')
  expect(
    presentedBy({ headers: { 'if-none-match': value, 'cache-control': value } }),
  ).toBeUndefined()
})
