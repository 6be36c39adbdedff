import { describe, expect, it } from 'vitest'
import { isOpaque } from '../../../src/token/form.ts'
import { base64url, t0 } from '../../support/fixture.ts'

const jwt = t0()
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
    ['four parts', `${jwt}.abc`],
    ['six parts', 'a.b.c.d.e.f'],
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
    ['five parts', 'a.b.c.d.e'],
    ['no token', ''],
    ['the text undefined', 'undefined'],
    ['the text null', 'null'],
    ['a text that is too long', 'a'.repeat(16_385)],
    ['no string', 1 as never],
  ])('%s is not opaque', (_what, token) => {
    expect(isOpaque(token)).toBe(false)
  })
})
