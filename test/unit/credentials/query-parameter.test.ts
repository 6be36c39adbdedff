import { InvalidRequestError } from 'oauth-resource-server'
import { describe, expect, it } from 'vitest'
import { presentedBy } from '../../support/presented-by.ts'

describe('a token in the query', () => {
  it.each([
    ['/p?access_token=a', 'a'],
    ['/p?x=y&access_token=a', 'a'],
    ['/p?access_token=%61', 'a'],
    ['https://rs.test/p?access_token=a', 'a'],
    ['//evil.test/p?access_token=a', 'a'],
    ['?access_token=a', 'a'],
    ['/?access_token=a', 'a'],
    ['/p?x=?&access_token=a', 'a'],
    ['/p?access_token=a#access_token=b', 'a'],
  ])('is found in %s', (url, token) => {
    expect(presentedBy({ url, headers: {} }, ['query'])).toEqual({
      scheme: 'Bearer',
      token,
      location: 'query',
    })
    expect(presentedBy({ url, headers: {} })).toBeUndefined()
    expect(presentedBy({ url, headers: {} }, ['body'])).toBeUndefined()
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
    expect(presentedBy({ url, headers: {} }, ['query'])).toBeUndefined()
  })

  it('is not found in a fragment, which a client must not send', () => {
    expect(presentedBy({ url: '/p#?access_token=a', headers: {} }, ['query'])).toBeUndefined()
  })

  it.each([
    '/p?access_token=a&access_token=b',
    '/p?access_token=&access_token=a',
    '/p?access_token=a&access%5Ftoken=a',
  ])('is malformed if it is repeated, as in %s', (url) => {
    expect(() => presentedBy({ url, headers: {} }, ['query'])).toThrow(InvalidRequestError)
  })
})
