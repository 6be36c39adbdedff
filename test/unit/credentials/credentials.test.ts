import { InvalidRequestError, MissingTokenError } from 'oauth-resource-server'
import { describe, expect, it } from 'vitest'
import { hintForMissingToken, readCredentials } from '../../../src/credentials/credentials.ts'
import { createApi } from '../../support/checked-validator.ts'
import { everywhere, formType, presentedBy } from '../../support/presented-by.ts'

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
    expect(() => presentedBy(request, everywhere)).toThrow(InvalidRequestError)
  })

  it('count only if they are enabled', () => {
    const request = { method: 'POST', headers: { ...header, ...contentType }, body, url }
    expect(presentedBy(request)).toMatchObject({ location: 'header' })
  })

  it('do not hide a malformed header', () => {
    const request = { headers: { authorization: 'Bearer' }, url }
    expect(() => presentedBy(request, everywhere)).toThrow(InvalidRequestError)
  })
})

describe('a request without headers', () => {
  it.each([null, undefined])('has no token where headers is %s', (headers) => {
    expect(presentedBy({ headers })).toBeUndefined()
    expect(presentedBy({ headers, rawHeaders: [], headersDistinct: {} })).toBeUndefined()
    const request = { headers, method: 'POST', body: { access_token: 'a' }, url: '/p' }
    expect(presentedBy(request, everywhere)).toBeUndefined()
    expect(hintForMissingToken({ headers })).toBeUndefined()
  })

  it('may have a token in its query', () => {
    expect(presentedBy({ headers: null, url: '/p?access_token=a' }, ['query'])).toMatchObject({
      token: 'a',
    })
  })

  it.each(['x', 5, true])('is a mistake of the caller where headers is %j', (headers) => {
    expect(() => readCredentials({ headers } as never, { tokenLocations: ['header'] })).toThrow(
      new TypeError('headers of the request must be an object'),
    )
  })
})

describe('the hint for a missing token', () => {
  const otherScheme =
    'the Authorization header field does not begin with the scheme Bearer (or DPoP, if the option dpop is set)'
  const query =
    'the query has access_token, but tokenLocations does not list query, or the parameter is empty'

  it.each<[string, string | undefined, string | undefined]>([
    ['Basic a', '/p', otherScheme],
    ['Basic a', '/p?access_token=a', otherScheme],
    [' ', '/?access_token=a', query],
    ['', '/p?a=b&access_token=', query],
    ['', '/p?x_access_token=a', undefined],
    ['', '/access_token=a', undefined],
    ['', undefined, undefined],
  ])('with the Authorization field %j and the URL %s is %j', (authorization, url, hint) => {
    expect(hintForMissingToken({ headers: { authorization }, url })).toBe(hint)
  })
})

describe('an event of AWS API Gateway', () => {
  it('of payload version 2.0 has its token in headers', () => {
    const event = { version: '2.0', headers: { authorization: 'Bearer a', 'x-a': '1,2' } }
    expect(presentedBy({ headers: event.headers })).toMatchObject({ token: 'a' })
  })

  it('of payload version 1.0 has its token in multiValueHeaders, repeated fields included', () => {
    const one = {
      headers: { Authorization: 'Bearer a' },
      multiValueHeaders: { Authorization: ['Bearer a'] },
    }
    expect(presentedBy({ headers: one.multiValueHeaders })).toMatchObject({ token: 'a' })
    const two = { Authorization: ['Bearer b', 'Bearer a'] }
    expect(() => presentedBy({ headers: two })).toThrow(InvalidRequestError)
  })

  it('from the test console has no headers, and is answered with 401', async () => {
    const event = { httpMethod: 'GET', headers: null, multiValueHeaders: null }
    const { validator } = createApi()
    const error = await validator
      .authenticate({ method: event.httpMethod, headers: event.multiValueHeaders ?? event.headers })
      .catch((reason) => reason)
    expect(error).toBeInstanceOf(MissingTokenError)
    expect(error).toMatchObject({ status: 401 })
  })
})
