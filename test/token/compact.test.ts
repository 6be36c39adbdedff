import { compactVerify } from 'jose'
import { describe, expect, it } from 'vitest'
import { keepHeader, maxTokenLength, parseCompact } from '../../src/token/compact.ts'
import { base64url, rsa1, signParts, t0 } from '../support/fixture.ts'
import { partsOf } from '../support/verdict.ts'

const failing = (token: string) => {
  try {
    parseCompact(token)
  } catch (error) {
    return error as { reason: string; detail: object }
  }
  return expect.fail('the token was parsed')
}

describe('a token taken apart', () => {
  it('has the header, the claims and the bytes that jose finds in it', async () => {
    const token = t0({ text: 'é☃𝄞' })
    const { payload, protectedHeader } = await compactVerify(token, rsa1.jwk)
    const jwt = parseCompact(token)
    expect(jwt.header).toEqual(protectedHeader)
    expect(jwt.claims).toEqual(JSON.parse(Buffer.from(payload).toString()))
    expect(jwt.signingInput().toString()).toBe(token.slice(0, token.lastIndexOf('.')))
    expect(jwt.signature).toEqual(Buffer.from(partsOf(token)[2], 'base64url'))
  })

  /** As after a token was verified. */
  const keep = (token: string) => {
    const jwt = parseCompact(token)
    keepHeader(jwt)
    return jwt
  }

  it.each([1, 900])('has a header that is frozen once it is verified, of any size (%i)', (size) => {
    const { header } = keep(t0({}, { x: { y: [{}] }, z: 'z'.repeat(size) }))
    const { x } = header as unknown as { x: { y: [object] } }
    for (const part of [header, x, x.y, x.y[0]]) expect(part).toSatisfy(Object.isFrozen)
  })

  it('shares a header that was verified before, and claims never', () => {
    const [one, two] = [keep(t0()), parseCompact(t0())]
    expect(one.header).toBe(two.header)
    expect(one.claims).not.toBe(two.claims)
    const token = t0()
    expect(parseCompact(token).claims).not.toBe(parseCompact(token).claims)
  })

  it('keeps its header apart from the 500 others that came in between', () => {
    const kids = Array.from({ length: 500 }, (_, index) => `k${index}`)
    const tokens = kids.map((kid) => t0({}, { kid }))
    for (let round = 0; round < 2; round++) {
      expect(tokens.map((token) => keep(token).header.kid)).toEqual(kids)
    }
  })

  it('shares no header of a token that was not verified', () => {
    const header = { kid: 'never verified' }
    expect(parseCompact(t0({}, header)).header).not.toBe(parseCompact(t0({}, header)).header)
  })

  it('shares a header no longer once 100 others came after it', () => {
    const [before, after] = [0, 1].map(() => {
      const { header } = keep(t0({}, { kid: 'first' }))
      for (let count = 0; count < 101; count++) keep(t0({}, { kid: `other${count}` }))
      return header
    })
    expect(after).toEqual(before)
    expect(after).not.toBe(before)
  })

  it('shares no header of more than 512 characters', () => {
    const [small, large] = [{ x: 'x'.repeat(200) }, { x: 'x'.repeat(600) }]
    expect(keep(t0({}, small)).header).toBe(parseCompact(t0({}, small)).header)
    expect(keep(t0({}, large)).header).not.toBe(parseCompact(t0({}, large)).header)
  })

  it('is judged anew where a header was refused before', () => {
    const token = t0({}, { crit: ['x'], x: 1 })
    expect(failing(token).reason).toBe('critical_header')
    expect(failing(token).reason).toBe('critical_header')
  })
})

describe('a token that cannot be taken apart', () => {
  it('is as long as no header of Node can be', () => {
    expect(maxTokenLength).toBe(16_384)
    expect(failing('a'.repeat(16_384)).detail).toEqual({
      hint: 'not three parts separated by dots',
    })
    expect(failing('a'.repeat(16_385)).detail).toEqual({ hint: 'longer than 16384 characters' })
  })

  it.each<[string, string, string, object]>([
    ['is no string', undefined as never, 'malformed', { hint: 'the token is no string' }],
    ['has no dot', 'abcd', 'malformed', { hint: 'not three parts separated by dots' }],
    ['has one dot', 'abcd.abcd', 'malformed', { hint: 'not three parts separated by dots' }],
    ['has three dots', 'a.b.c.d', 'malformed', { hint: 'not three parts separated by dots' }],
    ['has five dots', 'a.b.c.d.e.f', 'malformed', { hint: 'not three parts separated by dots' }],
    ['has four dots', 'a.b.c.d.e', 'encrypted', { hint: 'a JWE: decryption is not supported' }],
    [
      'has a padded header',
      'e30=.e30.e30',
      'malformed',
      { hint: 'header is not canonical base64url' },
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
    [
      'has an array for its header',
      'W10.e30.',
      'malformed',
      { hint: 'header is not a JSON object' },
    ],
    ['lacks alg', 'e30.e30.', 'wrong_algorithm', { name: 'alg', actual: 'undefined' }],
  ])('%s', (_, token, reason, detail) => {
    expect(failing(token)).toMatchObject({ reason, detail })
  })

  it.each<[object, string, object]>([
    [{ alg: 1 }, 'wrong_algorithm', { name: 'alg', actual: '1' }],
    [{ alg: null }, 'wrong_algorithm', { name: 'alg', actual: 'null' }],
    [{ alg: 'x', typ: [] }, 'wrong_type', { name: 'typ', actual: '' }],
    [{ alg: 'x', typ: null }, 'wrong_type', { name: 'typ', actual: 'null' }],
    [{ alg: 'x', kid: null }, 'malformed', { hint: 'kid is no string' }],
    [{ alg: 'x', cty: 'jwt' }, 'wrong_type', { name: 'cty', actual: 'jwt' }],
    [{ alg: 'x', crit: [] }, 'critical_header', {}],
    [{ alg: 'x', b64: false }, 'critical_header', { name: 'b64' }],
    [{ alg: 1, crit: [] }, 'critical_header', {}],
  ])('has the header %j', (header, reason, detail) => {
    const error = failing(signParts(JSON.stringify(header), '{}'))
    expect(error.reason).toBe(reason)
    expect(error.detail).toEqual(detail)
  })

  it('may have any other header: those are the claims’ and the issuer’s to judge', () => {
    for (const header of [
      { alg: 'none' },
      { alg: '' },
      { alg: 'x', cty: 'json' },
      { alg: 'x', cty: 1 },
      { alg: 'x', b64: true },
    ]) {
      expect(parseCompact(`${base64url(JSON.stringify(header))}.e30.`).header).toEqual(header)
    }
  })

  it.each(['W10', 'bnVsbA', 'MQ', 'IngI', '', 'AAAA', '_w'])('has the payload %j', (payload) => {
    expect(failing(`eyJhbGciOiJ4In0.${payload}.`)).toMatchObject({ reason: 'malformed' })
  })
})
