import { describe, expect, it } from 'vitest'
import { decodeJsonObject, getMember, splitCompact } from '../../../src/internal/compact-jws.ts'

const encode = (text: string, encoding: BufferEncoding = 'utf8') =>
  Buffer.from(text, encoding).toString('base64url')

describe('a compact JWS', () => {
  it('has three segments, of which two are signed', () => {
    expect(splitCompact('a.b.c')).toEqual({
      header: 'a',
      payload: 'b',
      signature: 'c',
      signingInput: 'a.b',
    })
    expect(splitCompact('..')).toEqual({
      header: '',
      payload: '',
      signature: '',
      signingInput: '.',
    })
  })

  it.each(['', 'a', 'a.b', 'a.b.c.d', '...'])('is not %j', (text) => {
    expect(splitCompact(text)).toBeUndefined()
  })
})

describe('a segment', () => {
  it('decodes to the JSON object in it', () => {
    expect(decodeJsonObject(encode('{"a":"é☃𝄞","b":{}}'))).toEqual({ a: 'é☃𝄞', b: {} })
    expect(decodeJsonObject(encode('{"a":"\ufffd"}'))).toEqual({ a: '\ufffd' })
    expect(decodeJsonObject(encode('{"a":1,"a":2}'))).toEqual({ a: 2 })
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

  it('has no member that it inherits', () => {
    expect(getMember({ a: 1 }, 'a')).toBe(1)
    expect(getMember({}, 'toString')).toBeUndefined()
    expect(getMember(JSON.parse('{"__proto__":1}'), '__proto__')).toBe(1)
  })
})
