import { deflateRawSync } from 'node:zlib'
import type { CompactJWEHeaderParameters, JWK } from 'jose'
import { InvalidTokenError } from 'oauth-resource-server'
import { describe, expect, it } from 'vitest'
import { type DecryptionKey, readDecryptionKeys } from '../../../src/options/decryption-keys.ts'
import { decryptToken, isEncrypted, validateNestedClaims } from '../../../src/token/jwe.ts'
import { parseCompactJws } from '../../../src/token/jws.ts'
import { encrypt, makeCurveKey, makeRsaKey, makeSecret } from '../../support/encryption.ts'
import { base64url, claimsT0, ISS, t0 } from '../../support/fixture.ts'

const rsa = makeRsaKey({ kid: 'rsa' })
const ec = makeCurveKey('P-256', { kid: 'ec' })
const secret = makeSecret(32, { kid: 'secret', alg: 'A256KW' })
const good = t0()

const keysOf = (...jwks: JWK[]): readonly DecryptionKey[] =>
  readDecryptionKeys({ keys: jwks }, ISS, 'decryptionKeys') ?? []
const keys = keysOf(rsa, ec, secret)

/** The error, of which the client sees the message, and the detail, which it does not see. */
async function failureOf(token: string, from = keys) {
  const error = await decryptToken(token, from).catch((reason: unknown) => reason)
  expect(error).toBeInstanceOf(InvalidTokenError)
  const { reason, detail, message, cause } = error as InvalidTokenError
  expect(cause).toBeUndefined()
  return { reason, message, ...detail }
}

const uniform = {
  reason: 'decryption_failed',
  message: 'The access token cannot be decrypted',
}
const undecryptable = {
  ...uniform,
  hint: 'the token was encrypted for another key, or it was changed',
}

/** A JWE with any header; nothing in it can be decrypted. */
const forged = (header: unknown, ...parts: string[]) =>
  [
    base64url(typeof header === 'string' ? header : JSON.stringify(header)),
    ...(parts.length > 0 ? parts : ['AAAA', 'AAAA', 'AAAA', 'AAAA']),
  ].join('.')

const enc = 'A256GCM'

describe('decryptToken', () => {
  it.each([
    ['RSA-OAEP', 'A256CBC-HS512', rsa],
    ['RSA-OAEP-256', 'A256GCM', rsa],
    ['RSA-OAEP-384', 'A192GCM', rsa],
    ['RSA-OAEP-512', 'A128GCM', rsa],
    ['ECDH-ES', 'A128GCM', ec],
    ['ECDH-ES', 'A256CBC-HS512', ec],
    ['ECDH-ES+A128KW', 'A128CBC-HS256', ec],
    ['ECDH-ES+A192KW', 'A192CBC-HS384', makeCurveKey('P-384')],
    ['ECDH-ES+A256KW', 'A256GCM', makeCurveKey('P-521')],
    ['ECDH-ES+A256KW', 'A256GCM', makeCurveKey('X25519')],
    ['A128KW', 'A128GCM', makeSecret(16, { alg: 'A128KW' })],
    ['A192KW', 'A128GCM', makeSecret(24, { alg: 'A192KW' })],
    ['A256KW', 'A256CBC-HS512', secret],
    ['dir', 'A256GCM', makeSecret(32, { alg: 'dir' })],
    ['dir', 'A256CBC-HS512', makeSecret(64, { alg: 'dir' })],
  ])('decrypts %s with %s', async (alg, enc, key) => {
    const token = await encrypt(good, key, { alg, enc, cty: 'JWT' })
    expect(isEncrypted(token)).toBe(true)
    const decrypted = await decryptToken(token, keysOf(key))
    expect(decrypted).toEqual({
      token: good,
      header: { alg, enc, cty: 'JWT', ...epkOf(token) },
      issuers: [ISS],
    })
  })

  function epkOf(token: string) {
    const { epk } = JSON.parse(Buffer.from(token.split('.')[0] ?? '', 'base64url').toString())
    return epk === undefined ? {} : { epk }
  }

  it('8725-3.11-b returns the signed JWT, whose typ is validated afterwards', async () => {
    const nested = t0({}, { typ: 'JWT' })
    const { token } = await decryptToken(await encrypt(nested, rsa, { typ: 'at+jwt' }), keys)
    expect(parseCompactJws(token).header.typ).toBe('JWT')
  })

  it.each([
    ['claims', JSON.stringify(claimsT0())],
    ['nothing', ''],
    ['an encrypted token', forged({ alg: 'dir', enc })],
    ['an opaque token', 'opaque'],
    ['two parts', 'a.b'],
    ['three parts, of which one is not base64url', 'e30.e30.*'],
    ['text that is not ASCII', 'é.e.e'],
  ])('8725-3.3-a refuses %s instead of a signed JWT', async (_, plaintext) => {
    const token = await encrypt(plaintext, rsa, { cty: 'JWT' })
    expect(await failureOf(token)).toEqual({
      ...uniform,
      hint: 'the content of the encrypted token is not a signed JWT',
    })
  })

  it('refuses every changed character of a part in the same way', async () => {
    const parts = (await encrypt(good, rsa, { kid: 'rsa' })).split('.')
    for (const index of [1, 2, 3, 4]) {
      const part = parts[index] as string
      const changed = parts.with(index, `${part.startsWith('A') ? 'B' : 'A'}${part.slice(1)}`)
      expect(await failureOf(changed.join('.'))).toEqual({ ...undecryptable, kid: 'rsa' })
    }
  })

  it.each([
    ['another RSA key', makeRsaKey(), { alg: 'RSA-OAEP-256' }],
    ['another EC key', makeCurveKey('P-256'), { alg: 'ECDH-ES' }],
    ['another curve', makeCurveKey('P-384'), { alg: 'ECDH-ES' }],
    ['another secret', makeSecret(32, {}), { alg: 'A256KW' }],
  ])('refuses a token for %s as it refuses a changed one', async (_, key, header) => {
    expect(await failureOf(await encrypt(good, key, header))).toEqual(undecryptable)
  })

  it.each<[string, object]>([
    ['a point that is not on the curve', { crv: 'P-256', kty: 'EC', x: 'AAAA', y: 'AAAA' }],
    ['a private key', { ...ec }],
    ['no object', []],
  ])('refuses an ephemeral key that is %s', async (_, epk) => {
    expect(
      await failureOf(forged({ alg: 'ECDH-ES', enc, epk }, '', 'AAAA', 'AAAA', 'AAAA')),
    ).toEqual(undecryptable)
  })

  it('refuses parts that are missing', async () => {
    const [header = '', key = '', iv = '', text = '', tag = ''] = (await encrypt(good, rsa)).split(
      '.',
    )
    for (const parts of [
      [header, '', iv, text, tag],
      [header, key, '', text, tag],
      [header, key, iv, '', tag],
      [header, key, iv, text, ''],
    ]) {
      expect(await failureOf(parts.join('.'))).toEqual(undecryptable)
    }
  })
})

describe('the header of an encrypted token', () => {
  const sized = (length: number) => forged({ alg: 'dir', enc, x: 'x'.repeat(length) })

  it.each<[string, string, object]>([
    ['is not canonical base64url', `a.a.a.a.a`, { hint: 'header is not canonical base64url' }],
    ['is not JSON', forged('{'), { hint: 'header is not JSON' }],
    ['is a list', forged([]), { hint: 'header is not a JSON object' }],
    ['is long', sized(4_096), { hint: 'header longer than 4096 characters' }],
    ['has no alg', forged({ enc }), { hint: 'alg is not a string' }],
    ['has a list as alg', forged({ alg: ['dir'], enc }), { hint: 'alg is not a string' }],
    ['has no enc', forged({ alg: 'dir' }), { hint: 'enc is not a string' }],
    ['has a number as kid', forged({ alg: 'dir', enc, kid: 1 }), { hint: 'kid is not a string' }],
    ['has null as typ', forged({ alg: 'dir', enc, typ: null }), { hint: 'typ is not a string' }],
    ['has an object as cty', forged({ alg: 'dir', enc, cty: {} }), { hint: 'cty is not a string' }],
  ])('makes the token malformed if it %s', async (_, token, detail) => {
    expect(await failureOf(token)).toMatchObject({ reason: 'malformed', ...detail })
  })

  it.each<[string, string, string]>([
    [
      'more than 16,384 characters',
      forged({ alg: 'dir', enc }, 'A'.repeat(16_384), '', '', ''),
      'longer than 16384 characters',
    ],
    ['characters that are not ASCII', forged({ alg: 'dir', enc }, 'é', '', '', ''), 'not ASCII'],
    ['four parts', 'a.b.c.d', 'not five parts separated by dots'],
    ['six parts', 'a.b.c.d.e.f', 'not five parts separated by dots'],
    [
      'padding',
      forged({ alg: 'dir', enc }, '', 'AA==', '', ''),
      'a part of the encrypted token is not canonical base64url',
    ],
  ])('is not the reason why a token with %s is malformed', async (_, token, hint) => {
    expect(await failureOf(token)).toMatchObject({ reason: 'malformed', hint })
  })

  it('may not have crit', async () => {
    const token = await encrypt(good, rsa)
    expect((await failureOf(withHeader(token, { crit: ['exp'] }))).reason).toBe('critical_header')
  })

  function withHeader(token: string, changes: object): string {
    const [, ...others] = token.split('.')
    return forged({ alg: 'RSA-OAEP-256', enc, ...changes }, ...others)
  }

  it('8725-3.6-a may not have zip, and nothing is inflated', async () => {
    const token = forged(
      { alg: 'RSA-OAEP-256', enc, zip: 'DEF' },
      'AAAA',
      'AAAA',
      base64url(deflateRawSync(Buffer.alloc(8_000_000))),
      'AAAA',
    )
    expect(await failureOf(token)).toEqual({
      ...uniform,
      name: 'zip',
      hint: 'the content is compressed',
    })
    for (const zip of ['', null, 'none']) {
      expect(await failureOf(withHeader(token, { zip }))).toMatchObject({ name: 'zip' })
    }
  })

  it('8725-3.13-a may not have p2c, whatever its algorithm', async () => {
    for (const alg of ['PBES2-HS256+A128KW', 'A256KW']) {
      const start = performance.now()
      const token = forged({ alg, enc, p2c: 2_147_483_647, p2s: 'AAAAAAAAAAA' })
      expect(await failureOf(token)).toEqual({
        ...uniform,
        name: 'p2c',
        hint: 'PBES2 is not supported',
      })
      expect(performance.now() - start).toBeLessThan(50)
    }
  })

  it.each(['RSA1_5', 'PBES2-HS256+A128KW', 'none', 'dir', 'RS256', '', 'a\n'])(
    'may not have the alg %j without a key for it',
    async (alg) => {
      const failure = await failureOf(forged({ alg, enc }))
      expect(failure).toMatchObject({ ...uniform, name: 'alg', actual: alg.replace('\n', '?') })
      expect(failure).toMatchObject({ expected: expect.stringContaining('RSA-OAEP-256 ') })
    },
  )

  it.each(['A128CTR', 'none', ''])('may not have the enc %j', async (unknown) => {
    const failure = await failureOf(forged({ alg: 'RSA-OAEP-256', enc: unknown }))
    expect(failure).toStrictEqual({
      ...uniform,
      name: 'enc',
      expected: 'A128GCM A192GCM A256GCM A128CBC-HS256 A192CBC-HS384 A256CBC-HS512',
      actual: unknown,
    })
  })

  it('may not use a key for an algorithm that its alg excludes', async () => {
    const pinned = keysOf({ ...rsa, alg: 'RSA-OAEP-256' })
    const token = await encrypt(good, rsa, { alg: 'RSA-OAEP' })
    expect(await failureOf(token, pinned)).toMatchObject({ name: 'alg', expected: 'RSA-OAEP-256' })
  })

  it('8725-3.1-a may not use an RSA key as a secret', async () => {
    const token = await encrypt(good, makeSecret(32, {}), { alg: 'A256KW' })
    expect(await failureOf(token, keysOf(rsa))).toMatchObject({ name: 'alg' })
  })
})

describe('the keys', () => {
  const next = makeRsaKey({ kid: 'next' })
  const plain = ({ kid, ...jwk }: JWK): JWK => jwk
  const header = (kid: string): Partial<CompactJWEHeaderParameters> => ({ kid })

  it('are chosen by kid, so that a new key can be added before it is used', async () => {
    const both = keysOf(rsa, next)
    for (const key of [rsa, next]) {
      const token = await encrypt(good, key, header(key.kid as string))
      expect((await decryptToken(token, both)).token).toBe(good)
    }
  })

  it('are not tried if their kid is not that of the token', async () => {
    const failure = await failureOf(await encrypt(good, rsa, header('next')), keysOf(rsa))
    expect(failure).toEqual({
      ...uniform,
      kid: 'next',
      hint: 'no decryption key has this kid and fits the algorithm',
    })
  })

  it('are tried if they have no kid', async () => {
    const token = await encrypt(good, rsa, header('any'))
    expect((await decryptToken(token, keysOf(next, plain(rsa)))).token).toBe(good)
  })

  it('are tried one after the other if the token has no kid', async () => {
    expect((await decryptToken(await encrypt(good, rsa), keysOf(next, rsa))).token).toBe(good)
  })

  it('are tried four times at most, equal keys once', async () => {
    const others = [0, 1, 2].map(() => makeCurveKey('P-256'))
    const token = await encrypt(good, ec, { alg: 'ECDH-ES' })
    const [first] = others as [JWK]
    expect((await decryptToken(token, keysOf(first, ...others, ec))).token).toBe(good)
    const five = keysOf(...others, makeCurveKey('P-256'), ec)
    expect(await failureOf(token, five)).toEqual(undecryptable)
  })

  it.each([
    ['P-521', 2],
    ['P-384', 2],
    ['P-256', 4],
    ['X25519', 4],
  ])('on %s are tried %i times at most if the token has no kid', async (crv, count) => {
    const own = makeCurveKey(crv)
    const token = await encrypt(good, own, { alg: 'ECDH-ES' })
    const others = Array.from({ length: count }, () => makeCurveKey(crv))
    expect((await decryptToken(token, keysOf(...others.slice(1), own))).token).toBe(good)
    expect(await failureOf(token, keysOf(...others, own))).toEqual(undecryptable)
  })

  it('of RSA with 4096 bits are tried twice at most if the token has no kid', async () => {
    const [first = {}, second = {}, own = {}] = [1, 2, 3].map(() => makeRsaKey({}, 4096))
    const token = await encrypt(good, own)
    expect((await decryptToken(token, keysOf(first, own))).token).toBe(good)
    expect(await failureOf(token, keysOf(first, second, own))).toEqual(undecryptable)
  }, 60_000)

  const never = () => Promise.reject(new Error('an operation with a key'))

  it.each<[string, JWK, Partial<CompactJWEHeaderParameters>, JWK]>([
    ['are on another curve', ec, { alg: 'ECDH-ES' }, makeCurveKey('P-521')],
    ['are on another type of curve', ec, { alg: 'ECDH-ES' }, makeCurveKey('X25519')],
    ['have a modulus of another length', rsa, {}, makeRsaKey({}, 3072)],
    [
      'are for another cipher',
      makeSecret(32, { alg: 'dir' }),
      { alg: 'dir', enc: 'A128CBC-HS256' },
      makeSecret(32, { alg: 'dir' }),
    ],
  ])('are not tried if they %s than that of the token', async (_what, key, header, other) => {
    const token = await encrypt(good, key, header)
    const error = await decryptToken(token, keysOf(other), never).catch((reason) => reason)
    expect(error).toMatchObject({
      reason: 'decryption_failed',
      detail: { hint: undecryptable.hint },
    })
  })

  it.each([undefined, null, 'P-256', {}, { crv: 1 }, ['P-256']])(
    'are not tried if epk is %j',
    async (epk) => {
      const token = forged({ alg: 'ECDH-ES', enc, epk }, '', 'AAAA', 'AAAA', 'AAAA')
      const error = await decryptToken(token, keysOf(ec), never).catch((reason) => reason)
      expect(error).toMatchObject({ reason: 'decryption_failed' })
    },
  )

  it('for dir decrypt one cipher only', async () => {
    const jwk = makeSecret(32, { alg: 'dir' })
    const token = await encrypt(good, jwk, { alg: 'dir', enc: 'A128CBC-HS256' })
    expect(await failureOf(token, keysOf(jwk))).toEqual(undecryptable)
  })

  it('name every issuer that they belong to', async () => {
    const other = 'https://other.test'
    const shared = [
      ...keys,
      ...(readDecryptionKeys({ keys: [{ ...rsa, kid: 'x' }] }, other, '') ?? []),
    ]
    const { issuers } = await decryptToken(await encrypt(good, rsa, header('rsa')), shared)
    expect(issuers).toEqual([ISS, other])
    const own = await decryptToken(await encrypt(good, ec, { alg: 'ECDH-ES' }), shared)
    expect(own.issuers).toEqual([ISS])
  })
})

describe('validateNestedClaims', () => {
  const decrypted = (header: object = {}) => ({
    token: good,
    header: { ...header },
    issuers: [ISS],
  })
  const validate = (header: object, claims: Record<string, unknown> = claimsT0()) => {
    try {
      validateNestedClaims(decrypted(header), claims)
    } catch (error) {
      return { reason: (error as InvalidTokenError).reason, ...(error as InvalidTokenError).detail }
    }
    return undefined
  }

  it('accepts a signed JWT of the issuer that the key belongs to', () => {
    expect(validate({})).toBeUndefined()
  })

  it.each(['https://other.test', undefined, [ISS], `${ISS}/`])(
    'refuses a signed JWT whose iss is %j',
    (iss) => {
      expect(validate({}, claimsT0({ iss }))).toMatchObject({
        reason: 'wrong_issuer',
        name: 'iss',
        expected: ISS,
        hint: 'the token is encrypted to a key of another issuer',
      })
    },
  )

  it('names every issuer that the key belongs to if the iss is of none', () => {
    const issuers = [ISS, 'https://b.test']
    const validateShared = () =>
      validateNestedClaims({ ...decrypted(), issuers }, { iss: 'https://c.test' })
    expect(validateShared).toThrow(
      expect.objectContaining({
        detail: expect.objectContaining({ expected: `${ISS} https://b.test` }),
      }),
    )
  })

  it('accepts repeated claims that are equal, and refuses others', () => {
    const aud = ['a', 'b']
    expect(validate({ iss: ISS, sub: 's', aud }, claimsT0({ sub: 's', aud }))).toBeUndefined()
    for (const [name, value] of [
      ['iss', 'x'],
      ['sub', null],
      ['aud', ['a']],
    ] as const) {
      expect(validate({ [name]: value }, claimsT0({ sub: 's', aud }))).toStrictEqual({
        reason: 'invalid_claim',
        name,
        hint: 'the header of the encrypted token contradicts the claims in it',
      })
    }
  })
})

describe('isEncrypted', () => {
  it.each(['', 'a', 'a.b.c', 'a.b.c.d', 'a.b.c.d.e.f', '.'.repeat(100)])(
    'is false for %j',
    (token) => {
      expect(isEncrypted(token)).toBe(false)
    },
  )
})
