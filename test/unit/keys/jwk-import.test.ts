import { generateKeyPairSync } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { importJwk, isPrivate, mayVerify } from '../../../src/keys/jwk-import.ts'
import { allAlgorithms, type VerificationKey } from '../../../src/signature/algorithms.ts'
import { ec1, ec3, ec5, ed1, rsa1 } from '../../support/fixture.ts'

const rsa = rsa1.jwk
const ec = ec1.jwk
const ed = ed1.jwk
const bytes = (text: unknown) => Buffer.from(String(text), 'base64url')
const withZero = (text: unknown) => Buffer.concat([Buffer.of(0), bytes(text)]).toString('base64url')
const modulus = (bits: number) =>
  BigInt.asUintN(bits, (1n << BigInt(bits - 1)) | 12_345n).toString(16)
const modulusOf = (bits: number) =>
  Buffer.from(modulus(bits).padStart(Math.ceil(bits / 8) * 2, '0'), 'hex').toString('base64url')
const e = (...octets: number[]) => Buffer.from(octets).toString('base64url')
const spki = (type: 'x25519' | 'ed448' | 'x448') =>
  generateKeyPairSync(type as 'x25519').publicKey.export({ format: 'jwk' })

/** Keys with a coordinate that begins with a zero octet. */
const keysWithLeadingZero = [
  {
    member: 'x',
    jwk: {
      kty: 'EC',
      crv: 'P-256',
      x: 'APwGgHmil3YoYHGY4XX-GKAMAVzRw4A0KZMXGUJrgXA',
      y: '8SAnWsSBzNhGTsiJye3Z3jPs5uGKT_FH_UezRE-nDGs',
    },
  },
  {
    member: 'y',
    jwk: {
      kty: 'EC',
      crv: 'P-256',
      x: 'qNi_7xZ-7wRbjSrg6VT1IxvDGRKLN-Kbjudd_3c98sg',
      y: 'ACJbXT-UN2gWmEN-H9DdGN0t85wnlF41pFKXY-qZjMQ',
    },
  },
  {
    member: 'x',
    jwk: {
      kty: 'EC',
      crv: 'P-384',
      x: 'ADh0FLRODJOeaxU6ph3wA0pchwi0e5I6wPjBzbLmPAmhfmYPijIF3VYit8vwIfgh',
      y: 'WlttAdk5xNbH0k3yCkXN44n_QtcZPEUMBw10rCZ_wPpi-Ge5FKJrsLTTV1-tXE1q',
    },
  },
  {
    member: 'y',
    jwk: {
      kty: 'EC',
      crv: 'P-521',
      x: 'APwIXcrusRDD9erjUWyWKdGK7wThVdqMnmS3inrRYv9syJkZpV2Xb_z_ZOvLyh-koeFN0lryNMXj-MYy8VYI-tyx',
      y: 'AEKHrKxoCjTMQV2ekw15ICehNcVssXpu9dcmxxlq03NcUT1KlVyldcO1OpJORoP5S7MZ80uYyBcZymemB8ZHkEcE',
    },
  },
] as const

describe('importJwk', () => {
  it.each([rsa, ec, ec3.jwk, ec5.jwk, ed])('imports a valid $alg JWK', (jwk) => {
    expect(importJwk(jwk)).toMatchObject({
      kid: jwk.kid,
      alg: jwk.alg,
      keyType: { kty: jwk.kty, ...(jwk.crv !== undefined && { crv: jwk.crv }) },
      modulusLength: jwk.kty === 'RSA' ? 256 : 0,
    })
  })

  it.each([
    ['no kid, alg, use or key_ops', { ...rsa, kid: undefined, alg: undefined, use: undefined }],
    ['unknown members', { ...rsa, nonsense: 1, ext: true, 'x5t#S256': 'AA' }],
    ['key_ops with verify among others', { ...rsa, key_ops: ['sign', 'verify'] }],
    ['leading zeros in n and e', { ...rsa, n: withZero(rsa.n), e: withZero(rsa.e) }],
    ['e = 3', { ...rsa, e: e(3) }],
    ['2048 bits, the fewest', { ...rsa, n: modulusOf(2048) }],
    ['8192 bits, the most', { ...rsa, n: modulusOf(8192) }],
    ['an exponent of 32 bits, the most', { ...rsa, e: e(0x80, 0, 0, 1) }],
    ['sixteen key_ops, the most', { ...rsa, key_ops: ['verify', ...'abcdefghijklmno'] }],
  ])('imports a JWK with %s', (_what, jwk) => {
    expect(importJwk(jwk)).toHaveProperty('keyObject')
  })

  it.each([
    ['null', null, 'not_an_object'],
    ['a string', 'x', 'not_an_object'],
    ['a number', 1, 'not_an_object'],
    ['an array', [rsa], 'not_an_object'],
    ['no kty', { ...rsa, kty: undefined }, 'type'],
    ['kty AKP', { kty: 'AKP', alg: 'ML-DSA-44', pub: 'AA' }, 'type'],
    ['kty oct', { kty: 'oct', k: 'AAAA' }, 'type'],
    ['kty in lower case', { ...rsa, kty: 'rsa' }, 'type'],
    ['use enc', { ...rsa, use: 'enc' }, 'use'],
    ['use in upper case', { ...rsa, use: 'SIG' }, 'use'],
    ['use null', { ...rsa, use: null }, 'use'],
    ['key_ops without verify', { ...rsa, key_ops: ['sign'] }, 'key_ops'],
    ['key_ops that is a string', { ...rsa, key_ops: 'verify' }, 'key_ops'],
    ['key_ops that repeats itself', { ...rsa, key_ops: ['verify', 'verify'] }, 'key_ops'],
    ['key_ops null', { ...rsa, key_ops: null }, 'key_ops'],
    ['a kid that is a number', { ...rsa, kid: 1 }, 'kid'],
    ['a kid that is null', { ...rsa, kid: null }, 'kid'],
    ['an alg that is not a signature algorithm', { ...rsa, alg: 'RSA-OAEP' }, 'alg'],
    ['an alg of another kty', { ...rsa, alg: 'ES256' }, 'alg'],
    ['an alg of another curve', { ...ec, alg: 'ES384' }, 'alg'],
    ['alg HS256 on an RSA key', { ...rsa, alg: 'HS256' }, 'alg'],
    ['alg none', { ...rsa, alg: 'none' }, 'alg'],
    ['alg null', { ...rsa, alg: null }, 'alg'],
    ['2047 bits', { ...rsa, n: modulusOf(2047) }, 'size'],
    ['8193 bits', { ...rsa, n: modulusOf(8193) }, 'size'],
    ['a modulus of zeros', { ...rsa, n: 'A'.repeat(344) }, 'size'],
    ['e = 0', { ...rsa, e: e(0) }, 'exponent'],
    ['e = 1', { ...rsa, e: e(1) }, 'exponent'],
    ['e = 1 behind zeros', { ...rsa, e: e(0, 0, 1) }, 'exponent'],
    ['an even e', { ...rsa, e: e(1, 0, 0) }, 'exponent'],
    ['an exponent of 33 bits', { ...rsa, e: e(1, 0, 0, 0, 1) }, 'exponent'],
    ['seventeen key_ops', { ...rsa, key_ops: ['verify', ...'abcdefghijklmnop'] }, 'key_ops'],
    ['key_ops with a number', { ...rsa, key_ops: ['verify', 1] }, 'key_ops'],
    ['no n', { ...rsa, n: undefined }, 'malformed'],
    ['no e', { ...rsa, e: undefined }, 'malformed'],
    ['an n that is a number', { ...rsa, n: 1 }, 'malformed'],
    ['an empty n', { ...rsa, n: '' }, 'malformed'],
    ['three characters of padding behind n', { ...rsa, n: `${rsa.n}===` }, 'malformed'],
    ['padding alone', { ...rsa, n: '==' }, 'malformed'],
    ['padding in the middle of n', { ...rsa, n: `AA==${rsa.n}` }, 'malformed'],
    ['a space in n', { ...rsa, n: ` ${String(rsa.n).slice(1)}` }, 'malformed'],
    [
      'a character outside the alphabet in n',
      { ...rsa, n: `*${String(rsa.n).slice(1)}` },
      'malformed',
    ],
    ['a letter beyond Latin-1 in n', { ...rsa, n: `\u0141${String(rsa.n).slice(1)}` }, 'malformed'],
    ['an unknown curve', { ...ec, alg: undefined, crv: 'P-257' }, 'type'],
    ['the curve secp256k1', { ...ec, alg: undefined, crv: 'secp256k1' }, 'type'],
    ['Ed25519 as EC', { ...ec, alg: undefined, crv: 'Ed25519' }, 'type'],
    ['P-256 as OKP', { ...ed, alg: undefined, crv: 'P-256' }, 'type'],
    ['X25519', spki('x25519'), 'type'],
    ['X448', spki('x448'), 'type'],
    ['Ed448', spki('ed448'), 'type'],
    ['no y', { ...ec, y: undefined }, 'malformed'],
    [
      'an x without its last octet',
      { ...ec, x: bytes(ec.x).subarray(0, -1).toString('base64url') },
      'malformed',
    ],
    ['a long x', { ...ec, x: withZero(ec.x) }, 'malformed'],
    ['x and y exchanged', { ...ec, x: ec.y, y: ec.x }, 'malformed'],
    ['a coordinate beyond the field', { ...ec, x: e(...Array(32).fill(255)) }, 'malformed'],
  ])('does not import a JWK with %s', (_what, jwk, reason) => {
    expect(importJwk(jwk)).toBe(reason)
  })

  it.each([
    ['RSA', rsa, ['n', 'e']],
    ['P-256', ec, ['x', 'y']],
    ['P-521', ec5.jwk, ['x', 'y']],
    ['Ed25519', ed, ['x']],
  ] as const)(
    'imports the same key from an %s JWK in the base64 alphabet with padding',
    (_kind, jwk, members) => {
      const encoded = members.map((member) => [
        member,
        bytes((jwk as Record<string, unknown>)[member]).toString('base64'),
      ])
      const lenient = importJwk({ ...jwk, ...Object.fromEntries(encoded) }) as VerificationKey
      const strict = importJwk(jwk) as VerificationKey
      expect(lenient.keyObject.equals(strict.keyObject)).toBe(true)
    },
  )

  it.each(keysWithLeadingZero)(
    '7518-6.2.1 left-pads a short coordinate $member of $jwk.crv whose leading octet was zero',
    ({ member, jwk }) => {
      expect(bytes(jwk[member])[0]).toBe(0)
      const short = bytes(jwk[member]).subarray(1).toString('base64url')
      const key = importJwk({ ...jwk, [member]: short }) as VerificationKey
      const whole = importJwk(jwk) as VerificationKey
      expect(key.keyObject.equals(whole.keyObject)).toBe(true)
    },
  )

  it('does not pad a coordinate of Ed25519', () => {
    expect(importJwk({ ...ed, x: bytes(ed.x).subarray(1).toString('base64url') })).toBe('malformed')
  })

  it('reports a private key as private for any use and key_ops', () => {
    expect(importJwk({ ...rsa, d: 'AA', use: 'enc', key_ops: ['sign'] })).toBe('private')
  })

  it.each(['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k', 'priv'])(
    'does not import a key with the private member %s, whatever its value',
    (member) => {
      expect(importJwk({ ...rsa, [member]: null })).toBe('private')
      expect(isPrivate({ ...rsa, [member]: undefined })).toBe(true)
      expect(isPrivate(rsa)).toBe(false)
    },
  )

  it('creates the key from n and e only', () => {
    const key = importJwk({ ...rsa, x5c: ['AA'], x5u: 'https://evil.test', x: 'AA', crv: 'P-256' })
    const { n, e: exponent } = rsa
    expect(key).toMatchObject({ keyType: { kty: 'RSA' } })
    expect(key).toSatisfy(
      ({ keyObject }) =>
        expect(keyObject.export({ format: 'jwk' })).toEqual({ kty: 'RSA', n, e: exponent }) ?? true,
    )
  })
})

describe('mayVerify', () => {
  const named = (jwk: object) => {
    const key = importJwk(jwk)
    if (typeof key === 'string') throw new Error(key)
    return allAlgorithms.filter((algorithm) => mayVerify(key, algorithm))
  }

  it.each([rsa, ec, ec3.jwk, ec5.jwk, ed])(
    'allows a JWK with alg $alg to verify only that algorithm',
    (jwk) => {
      expect(named(jwk)).toEqual([jwk.alg])
    },
  )

  it.each([
    ['RSA', rsa, ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512']],
    ['P-256', ec, ['ES256']],
    ['P-384', ec3.jwk, ['ES384']],
    ['P-521', ec5.jwk, ['ES512']],
    ['Ed25519', ed, ['EdDSA', 'Ed25519']],
  ])(
    'allows a JWK without alg to verify every algorithm of its key type (%s)',
    (_kind, jwk, algorithms) => {
      expect(named({ ...jwk, alg: undefined })).toEqual(algorithms)
    },
  )
})
