import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { isOpaque } from '../../../src/token/form.ts'
import { base64url, t0 } from '../../support/fixture.ts'

const jwt = t0()
const jwe = `${base64url('{"alg":"dir","enc":"A256GCM"}')}..a.b.c`
const [header = '', payload = '', signature = ''] = jwt.split('.')

describe('the form of a token', () => {
  it.each([
    ['one part', 'abc'],
    ['one part that is a JSON object', base64url('{"a":1}')],
    ['two parts', 'ory_at_abc.def'],
    ['three parts, of which the first is not JSON', 'abc.def.ghi'],
    ['three parts, of which the first is a JSON array', `${base64url('[1]')}.a.b`],
    ['three parts, of which the first is a JSON string', `${base64url('"a"')}.a.b`],
    ['three parts, of which the first is null', `${base64url('null')}.a.b`],
    ['three parts, of which the first is empty', '.a.b'],
    ['four parts', 'a.b.c.d'],
    ['dots alone', '...'],
    ['a dot and one part', '.abc'],
    ['a header without a dot', header],
    ['six parts', 'a.b.c.d.e.f'],
    ['a text of the maximum length', 'a'.repeat(16_384)],
    [
      'three parts, of which the first has the length of the longest header',
      `${'a'.repeat(4_096)}.a.b`,
    ],
  ])('%s is opaque', (_what, token) => {
    expect(isOpaque(token)).toBe(true)
  })

  it.each([
    ['a JWT', jwt],
    ['a JWT with a wrong signature', `${header}.${payload}.AAAA`],
    ['a JWT with a padded header', `${header}=.${payload}.${signature}`],
    ['a JWT with a padded signature', `${jwt}=`],
    ['a JWT whose payload is not base64url', `${header}.+/.${signature}`],
    ['a JWT without a signature', `${header}.${payload}.`],
    ['three parts, of which the first is too long', `${'a'.repeat(4_097)}.a.b`],
    ['a JWT and one dot', `${jwt}.`],
    ['a JWT and two dots', `${jwt}..`],
    ['a JWT and three dots', `${jwt}...`],
    ['a JWT and twenty dots', jwt + '.'.repeat(20)],
    ['a JWT and a further part', `${jwt}.abc`],
    ['a JWT after a dot', `.${jwt}`],
    ['a JWT after and before dots', `...${jwt}...`],
    ['a JWT with a doubled dot', `${header}..${payload}.${signature}`],
    ['a JWT that lost its signature', `${header}.${payload}`],
    ['a header and a dot', `${header}.`],
    ['a header after a dot', `.${header}`],
    ['five parts', 'a.b.c.d.e'],
    ['a JWE and one dot', `${jwe}.`],
    ['a JWE after a dot', `.${jwe}`],
    ['no token', ''],
    ['the text undefined', 'undefined'],
    ['the text null', 'null'],
    ['a text that is too long', 'a'.repeat(16_385)],
    ['no string', 1 as never],
  ])('%s is not opaque', (_what, token) => {
    expect(isOpaque(token)).toBe(false)
  })

  it('is never opaque if a JWT or JWE is among any number of dots', () => {
    fc.assert(
      fc.property(fc.constantFrom(jwt, jwe), fc.nat(30), fc.nat(30), (token, before, after) => {
        expect(isOpaque('.'.repeat(before) + token + '.'.repeat(after))).toBe(false)
      }),
    )
  })

  it('is never opaque if any text follows the header of a JWT', () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 200 }), (text) => {
        expect(isOpaque(`${header}.${text}`)).toBe(false)
      }),
    )
  })
})
