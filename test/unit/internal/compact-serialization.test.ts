import { describe, expect, it } from 'vitest'
import {
  countSegments,
  decodeJsonObject,
  findExtension,
  splitJws,
} from '../../../src/internal/compact-serialization.ts'

const encode = (text: string, encoding: BufferEncoding = 'utf8') =>
  Buffer.from(text, encoding).toString('base64url')

describe('a compact JWS', () => {
  it('has three segments, of which two are signed', () => {
    expect(splitJws('a.b.c')).toEqual({
      header: 'a',
      payload: 'b',
      signature: 'c',
      signingInput: 'a.b',
    })
    expect(splitJws('..')).toEqual({
      header: '',
      payload: '',
      signature: '',
      signingInput: '.',
    })
  })

  it.each(['', 'a', 'a.b', 'a.b.c.d', '...'])('is not %j', (text) => {
    expect(splitJws(text)).toBeUndefined()
  })
})

describe('a segment', () => {
  it('decodes to the JSON object in it', () => {
    expect(decodeJsonObject(encode('{"a":"é☃𝄞","b":{}}'))).toEqual({ a: 'é☃𝄞', b: {} })
    expect(decodeJsonObject(encode('{"a":"\ufffd"}'))).toEqual({ a: '\ufffd' })
    expect(decodeJsonObject(encode('{"a":1,"a":2}'))).toEqual({ a: 2 })
  })

  it.each([16_384, 16_385, 100_000])('may have %i octets', (length) => {
    const value = { a: 'x'.repeat(length - 8) }
    expect(decodeJsonObject(encode(JSON.stringify(value)))).toEqual(value)
  })

  it.each([
    ['is not canonical base64url', `${encode('{"a":1}')}=`],
    ['is not canonical base64url', 'e30+'],
    ['is not UTF-8', encode('{"a":"\xff"}', 'latin1')],
    ['is not JSON', ''],
    ['is not JSON', encode('{')],
    ['is not JSON', encode('\ufeff{}')],
    ['is not a JSON object', encode('[]')],
    ['is not a JSON object', encode('null')],
    ['is not a JSON object', encode('"{}"')],
  ])('%s when it is %j', (problem, segment) => {
    expect(decodeJsonObject(segment)).toBe(problem)
  })
})

describe('the header of a JWS', () => {
  it.each([
    ['crit', { crit: [] }],
    ['crit', { crit: ['b64'], b64: false }],
    ['b64', { b64: false }],
    ['b64', { b64: null }],
    [undefined, { b64: true }],
    [undefined, { alg: 'RS256' }],
  ])('needs the extension %s when it is %j', (extension, header) => {
    expect(findExtension(header)).toBe(extension)
  })
})

describe('the number of segments', () => {
  it.each([
    ['', 1],
    ['a.b.c', 3],
    ['....', 5],
    ['a'.repeat(9).split('').join('.'), 6],
  ])('of %j is %i', (text, count) => {
    expect(countSegments(text)).toBe(count)
  })
})
