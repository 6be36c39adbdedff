import { compactVerify } from 'jose'
import { describe, expect, it } from 'vitest'
import { parseCompactJws } from '../../../src/token/jws.ts'
import { maxTokenLength } from '../../../src/token/token-text.ts'
import { partsOf } from '../../support/checked-validator.ts'
import { base64url, rsa1, signParts, t0 } from '../../support/fixture.ts'

const opaqueHint =
  'not three parts separated by dots: a JWT that was changed, an opaque token, whose issuer needs introspection, or no token'

const failing = (token: string) => {
  try {
    parseCompactJws(token)
  } catch (error) {
    return error as { reason: string; detail: object }
  }
  return expect.fail('the token was parsed')
}

describe('a parsed token', () => {
  it('has the header, the claims and the bytes that jose parses', async () => {
    const token = t0({ text: 'é☃𝄞' })
    const { payload, protectedHeader } = await compactVerify(token, rsa1.jwk)
    const jwt = parseCompactJws(token)
    expect(jwt.header).toEqual(protectedHeader)
    expect(jwt.claims).toEqual(JSON.parse(Buffer.from(payload).toString()))
    expect(jwt.signingInput).toBe(token.slice(0, token.lastIndexOf('.')))
    expect(jwt.signature).toEqual(Buffer.from(partsOf(token)[2], 'base64url'))
  })

  it('has the known header object, and its own claims', () => {
    const known = parseCompactJws(t0()).header
    const token = t0({ sub: 'another' })
    const jwt = parseCompactJws(token, known)
    expect(jwt.header).toBe(known)
    expect(jwt.claims).toMatchObject({ sub: 'another' })
    expect(parseCompactJws(token).header).not.toBe(known)
  })

  it.each(['text/plain', 'jwtx', 'x-jwt', 'application/jwt+x', '', 5, ['JWT']])(
    'may have the content type %j, which is not a JWT',
    (cty) => {
      expect(parseCompactJws(t0({}, { cty })).header).toMatchObject({ cty })
    },
  )

  it('has a header of at most 4,096 characters', () => {
    const sized = (length: number) => {
      const plain = { alg: 'RS256', x: '' }
      const x = 'x'.repeat((length * 3) / 4 - JSON.stringify(plain).length)
      const header = base64url(JSON.stringify({ ...plain, x }))
      expect(header).toHaveLength(length)
      return `${header}.e30.`
    }
    expect(parseCompactJws(sized(4_096)).header.alg).toBe('RS256')
    expect(failing(sized(4_100)).detail).toEqual({ hint: 'header longer than 4096 characters' })
  })

  it('may contain U+FFFD, which also replaces octets that are not UTF-8', () => {
    expect(parseCompactJws(t0({ text: 'a\ufffdb' })).claims.text).toBe('a\ufffdb')
    const [header = '', , signature = ''] = partsOf(t0())
    for (const octet of ['\xff', '\xc3', '\xed\xa0\x80']) {
      const payload = Buffer.from(`{"text":"a${octet}"}`, 'latin1').toString('base64url')
      expect(failing(`${header}.${payload}.${signature}`).detail).toEqual({
        hint: 'payload is not UTF-8',
      })
    }
  })

  it.each([0, 1, 2])(
    'has no character beyond ASCII in part %j, even if its low octet is valid',
    (part) => {
      const parts = partsOf(t0())
      const text = parts[part] ?? ''
      // Buffer decodes U+0141 as `A`, for example.
      const beyond = String.fromCharCode(0x100 + text.charCodeAt(0)) + text.slice(1)
      expect(Buffer.from(beyond, 'base64url')).toEqual(Buffer.from(text, 'base64url'))
      const token = parts.with(part, beyond).join('.')
      expect(failing(token).detail).toEqual({ hint: 'not ASCII' })
      const known = parseCompactJws(t0()).header
      expect(() => parseCompactJws(token, known)).toThrow(
        expect.objectContaining({ reason: 'malformed' }),
      )
    },
  )

  it('is validated again if the same header was refused before', () => {
    const token = t0({}, { crit: ['x'], x: 1 })
    expect(failing(token).reason).toBe('critical_header')
    expect(failing(token).reason).toBe('critical_header')
  })
})

describe('a header member', () => {
  it.each([
    ['alg', 'RS256', {}, 'wrong_algorithm'],
    ['kid', 5, { alg: 'RS256' }, undefined],
  ])('%s is ignored if it is inherited', (name, value, header, reason) => {
    const token = `${base64url(JSON.stringify(header))}.e30.`
    Object.defineProperty(Object.prototype, name, { value, configurable: true })
    try {
      const parse = () => parseCompactJws(token)
      if (reason === undefined) expect(parse).not.toThrow()
      else expect(parse).toThrow(expect.objectContaining({ reason }))
    } finally {
      delete (Object.prototype as Record<string, unknown>)[name]
    }
  })
})

describe('a token that cannot be parsed', () => {
  it('is longer than any header of Node', () => {
    expect(maxTokenLength).toBe(16_384)
    expect(failing('a'.repeat(16_384)).detail).toEqual({
      hint: opaqueHint,
    })
    expect(failing('a'.repeat(16_385)).detail).toEqual({ hint: 'longer than 16384 characters' })
  })

  it.each<[string, string, string, object]>([
    ['is not a string', undefined as never, 'malformed', { hint: 'the token is not a string' }],
    ['has no dot', 'abcd', 'malformed', { hint: opaqueHint }],
    ['has one dot', 'abcd.abcd', 'malformed', { hint: opaqueHint }],
    ['has three dots', 'a.b.c.d', 'malformed', { hint: opaqueHint }],
    ['has five dots', 'a.b.c.d.e.f', 'malformed', { hint: opaqueHint }],
    [
      'has four dots',
      'a.b.c.d.e',
      'encrypted',
      { hint: expect.stringMatching(/^a JWE: no issuer has decryptionKeys/) },
    ],
    [
      'has a padded header',
      'e30=.e30.e30',
      'malformed',
      {
        hint: 'header is not canonical base64url: the token was changed, or it is an opaque token',
      },
    ],
    [
      'has a padded payload',
      'eyJhbGciOiJ4In0.e30=.',
      'malformed',
      { hint: 'payload is not canonical base64url' },
    ],
    [
      'has a padded signature',
      'eyJhbGciOiJ4In0.e30.e30=',
      'malformed',
      { hint: 'signature is not canonical base64url' },
    ],
    ['has no JSON for its header', 'AAAA.e30.', 'malformed', { hint: 'header is not JSON' }],
    ['has no UTF-8 for its header', '_w.e30.', 'malformed', { hint: 'header is not UTF-8' }],
    ['has an array as header', 'W10.e30.', 'malformed', { hint: 'header is not a JSON object' }],
    ['lacks alg', 'e30.e30.', 'wrong_algorithm', { name: 'alg', actual: 'undefined' }],
  ])('%s', (_, token, reason, detail) => {
    expect(failing(token)).toMatchObject({ reason, detail })
  })

  it.each<[object, string, object]>([
    [{ alg: 1 }, 'wrong_algorithm', { name: 'alg', actual: '1' }],
    [{ alg: null }, 'wrong_algorithm', { name: 'alg', actual: 'null' }],
    [{ alg: 'x', typ: [] }, 'wrong_type', { name: 'typ', actual: '' }],
    [{ alg: 'x', typ: null }, 'wrong_type', { name: 'typ', actual: 'null' }],
    [{ alg: 'x', kid: null }, 'malformed', { hint: 'kid is not a string' }],
    [{ alg: 'x', cty: 'jwt' }, 'wrong_type', { name: 'cty', actual: 'jwt' }],
    [{ alg: 'x', crit: [] }, 'critical_header', {}],
    [{ alg: 'x', b64: false }, 'critical_header', { name: 'b64' }],
    [{ alg: 1, crit: [] }, 'critical_header', {}],
  ])('has the header %j', (header, reason, detail) => {
    const error = failing(signParts(JSON.stringify(header), '{}'))
    expect(error.reason).toBe(reason)
    expect(error.detail).toEqual(detail)
  })

  it('may have any other header, which other modules validate', () => {
    for (const header of [
      { alg: 'none' },
      { alg: '' },
      { alg: 'x', cty: 'json' },
      { alg: 'x', cty: 1 },
      { alg: 'x', b64: true },
    ]) {
      expect(parseCompactJws(`${base64url(JSON.stringify(header))}.e30.`).header).toEqual(header)
    }
  })

  it.each(['W10', 'bnVsbA', 'MQ', 'IngI', '', 'AAAA', '_w'])('has the payload %j', (payload) => {
    expect(failing(`eyJhbGciOiJ4In0.${payload}.`)).toMatchObject({ reason: 'malformed' })
  })
})
