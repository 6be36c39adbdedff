import { type HttpRequest, InvalidRequestError } from 'oauth-resource-server'
import { describe, expect, it } from 'vitest'
import { everywhere, formType, presentedBy } from '../../support/presented-by.ts'

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
      'a form with a list of one media type, as API Gateway sends it',
      post({ access_token: 'a' }, { headers: { 'content-type': [formType] } }),
    ],
    [
      'a form with Headers of fetch',
      post({ access_token: 'a' }, { headers: new Headers({ 'content-type': formType }) }),
    ],
  ])('is found in %s', (_name, request) => {
    expect(presentedBy(request, ['body'])).toEqual(found)
    expect(presentedBy(request, everywhere)).toEqual(found)
    expect(presentedBy(request, ['header', 'query'])).toBeUndefined()
  })

  it.each([
    ['the request has no body', post(undefined)],
    ['the body is a text', post('access_token=a')],
    ['the body is null', post(null)],
    ['the parameter is inherited', post(Object.create({ access_token: 'a' }))],
    ['the parameter is empty', post({ access_token: '' })],
    ['the parameter is undefined', post({ access_token: undefined })],
    ['the parameter is empty in URLSearchParams', post(new URLSearchParams('access_token='))],
    ['the parameter has another case', post({ Access_Token: 'a' })],
    ['the method is GET', post({ access_token: 'a' }, { method: 'GET' })],
    ['the method is unknown', post({ access_token: 'a' }, { method: undefined })],
    ['the request has no media type', post({ access_token: 'a' }, { headers: {} })],
    [
      'the request has two media types',
      post({ access_token: 'a' }, { headers: { 'content-type': [formType, formType] } }),
    ],
    [
      'the media type is JSON',
      post({ access_token: 'a' }, { headers: { 'content-type': 'application/json' } }),
    ],
  ])('is not found if %s', (_name, request) => {
    expect(presentedBy(request, ['body'])).toBeUndefined()
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
  ])('is malformed if it is %s', (_name, request) => {
    expect(() => presentedBy(request, ['body'])).toThrow(InvalidRequestError)
  })
})

it.each([
  ['application/x-www-form-urlencoded ;charset=utf-8', 'a.b.c'],
  ['APPLICATION/X-WWW-Form-Urlencoded', 'a.b.c'],
  ['application/x-www-form-urlencodedX', undefined],
  [undefined, undefined],
])('recognises a form by its media type: %s', (type, token) => {
  const headers = type === undefined ? {} : { 'content-type': type }
  const request = { method: 'POST', headers, body: { access_token: 'a.b.c' } }
  expect(presentedBy(request, everywhere)?.token).toBe(token)
  expect(presentedBy({ headers, body: request.body }, everywhere)).toBeUndefined()
})
