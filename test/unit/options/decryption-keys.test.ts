import { describe, expect, it } from 'vitest'
import { readDecryptionKeys } from '../../../src/options/decryption-keys.ts'
import { makeCurveKey, makeRsaKey, makeSecret } from '../../support/encryption.ts'

const rsa = makeRsaKey()
const ec = makeCurveKey('P-256')
const okp = makeCurveKey('X25519')

/** A private key with a modulus of this size. It decrypts nothing, but takes no time to generate. */
function rsaOf(bits: number): object {
  const modulus = Buffer.alloc(Math.ceil(bits / 8), 0xff)
  modulus[0] = 0xff >> ((8 - (bits % 8)) % 8)
  return { ...rsa, n: modulus.toString('base64url') }
}

const read = (value: unknown) => readDecryptionKeys(value, 'https://as.test', 'decryptionKeys')
const readOne = (jwk: unknown) => read({ keys: [jwk] })?.[0]
const without = (jwk: object, name: string) =>
  Object.fromEntries(Object.entries(jwk).filter(([member]) => member !== name))

describe('decryptionKeys', () => {
  it('is absent when it is undefined', () => {
    expect(read(undefined)).toBeUndefined()
  })

  it.each([
    ['RSA', rsa, ['RSA-OAEP', 'RSA-OAEP-256', 'RSA-OAEP-384', 'RSA-OAEP-512']],
    ['EC', ec, ['ECDH-ES', 'ECDH-ES+A128KW', 'ECDH-ES+A192KW', 'ECDH-ES+A256KW']],
    ['OKP', okp, ['ECDH-ES', 'ECDH-ES+A128KW', 'ECDH-ES+A192KW', 'ECDH-ES+A256KW']],
  ])('takes a key of type %s for every algorithm of its type', (_, jwk, algorithms) => {
    const key = readOne({ ...jwk, kid: 'a', use: 'enc', key_ops: ['unwrapKey', 'deriveBits'] })
    expect(key).toMatchObject({ issuer: 'https://as.test', kid: 'a', algorithms })
    expect(key?.keyObject.type).toBe('private')
  })

  it('takes 16 keys', () => {
    expect(read({ keys: Array(16).fill(okp) })).toHaveLength(16)
  })

  it('takes a key with one of several key_ops for decryption', () => {
    const key_ops = ['sign', 'unwrapKey']
    expect(readOne({ ...rsa, key_ops })?.algorithms).toContain('RSA-OAEP')
  })

  it.each([
    [1, rsa],
    [1, ec],
    [1, okp],
    [1, makeSecret(32, { alg: 'A256KW' })],
    [2, makeCurveKey('P-384')],
    [2, makeCurveKey('P-521')],
    [1, rsaOf(3_072)],
    [2, rsaOf(3_073)],
    [2, rsaOf(4_096)],
    [4, rsaOf(4_097)],
    [4, rsaOf(8_192)],
  ])('weighs %i: the key %#', (cost, jwk) => {
    expect(readOne(jwk)?.cost).toBe(cost)
  })

  it('takes a key with alg for that algorithm only', () => {
    expect(readOne({ ...rsa, alg: 'RSA-OAEP-256' })?.algorithms).toEqual(['RSA-OAEP-256'])
  })

  it.each([
    ['A128KW', 16],
    ['A192KW', 24],
    ['A256KW', 32],
    ['dir', 64],
  ])('takes a secret for %s', (alg, bytes) => {
    const key = readOne(makeSecret(bytes, { alg }))
    expect(key?.algorithms).toEqual([alg])
    expect(key?.keyObject.symmetricKeySize).toBe(bytes)
  })

  it('recognises equal keys with another kid', () => {
    const [a, b, c] = read({ keys: [ec, { ...ec, kid: 'b' }, okp] }) ?? []
    expect(a?.fingerprint).toBe(b?.fingerprint)
    expect(a?.fingerprint).not.toBe(c?.fingerprint)
  })

  it.each([
    ['null', null],
    ['a list of keys', [rsa]],
    ['a key instead of a set', rsa],
    ['an empty set', { keys: [] }],
    ['17 keys', { keys: Array(17).fill(okp) }],
    ['inherited keys', Object.create({ keys: [okp] })],
  ])('throws for %s', (_, value) => {
    expect(() => read(value)).toThrow(
      new TypeError('decryptionKeys must be a JWK Set with 1 to 16 private keys'),
    )
  })

  it.each<[string, unknown, string]>([
    ['null', null, ' must be a JWK'],
    ['no kty', {}, '.kty must be one of RSA, EC, OKP, oct'],
    ['an unknown kty', { kty: '__proto__' }, '.kty must be one of RSA, EC, OKP, oct'],
    ['a kty in a list', { ...rsa, kty: ['RSA'] }, '.kty must be one of RSA, EC, OKP, oct'],
    ['a kid that is not a string', { ...rsa, kid: 1 }, '.kid must be a string'],
    ['a signing key', { ...rsa, use: 'sig' }, '.use must be enc or absent'],
    [
      'key_ops for signatures',
      { ...rsa, key_ops: ['sign'] },
      '.key_ops must include one of decrypt, unwrapKey, deriveKey, deriveBits',
    ],
    [
      'key_ops that are not a list',
      { ...rsa, key_ops: 'decrypt' },
      '.key_ops must include one of decrypt, unwrapKey, deriveKey, deriveBits',
    ],
    ['more than two primes', { ...rsa, oth: [] }, ' must not have the member oth'],
    ['secp256k1', { ...ec, crv: 'secp256k1' }, '.crv must be one of P-256, P-384, P-521'],
    ['Ed25519', { ...okp, crv: 'Ed25519' }, '.crv must be one of X25519'],
    [
      'RSA1_5',
      { ...rsa, alg: 'RSA1_5' },
      '.alg must be one of RSA-OAEP, RSA-OAEP-256, RSA-OAEP-384, RSA-OAEP-512 or absent',
    ],
    [
      'the algorithm of another type',
      { ...ec, alg: 'RSA-OAEP' },
      '.alg must be one of ECDH-ES, ECDH-ES+A128KW, ECDH-ES+A192KW, ECDH-ES+A256KW or absent',
    ],
    ['a secret without alg', makeSecret(32, {}), '.alg must be one of A128KW, A192KW, A256KW, dir'],
    [
      'PBES2',
      makeSecret(32, { alg: 'PBES2-HS256+A128KW' }),
      '.alg must be one of A128KW, A192KW, A256KW, dir',
    ],
    ['a short secret', makeSecret(16, { alg: 'A256KW' }), ' must have 32 bytes for A256KW'],
    [
      'a secret of another length',
      makeSecret(20, { alg: 'dir' }),
      ' must have 16 or 24 or 32 or 48 or 64 bytes for dir',
    ],
    [
      'a public RSA key',
      without(rsa, 'd'),
      ' must be a private key: its member d is not base64url',
    ],
    [
      'an RSA key without primes',
      without(rsa, 'qi'),
      ' must be a private key: its member qi is not base64url',
    ],
    ['a public EC key', without(ec, 'd'), ' must be a private key: its member d is not base64url'],
    [
      'a member that is not base64url',
      { ...rsa, n: '%%' },
      ' must be a private key: its member n is not base64url',
    ],
    ['an empty member', { ...ec, d: '' }, ' must be a private key: its member d is not base64url'],
    ['a point that is not on its curve', { ...ec, y: ec.x }, ' is not a valid EC key'],
    ['a short RSA key', rsaOf(2_047), ' must have 2048 to 8192 bits'],
    ['a long RSA key', rsaOf(8_193), ' must have 2048 to 8192 bits'],
    ['text', 'key', ' must be a JWK'],
  ])('throws for %s', (_, jwk, message) => {
    expect(() => readOne(jwk)).toThrow(new TypeError(`decryptionKeys.keys[0]${message}`))
  })

  it('does not read what an object inherits', () => {
    const polluted = Object.assign(Object.create({ d: ec.d }), without(ec, 'd'))
    expect(() => readOne(polluted)).toThrow('its member d is not base64url')
  })

  it('puts no part of a key into an error', () => {
    const { d = '' } = ec
    try {
      readOne({ ...ec, y: ec.x })
      expect.unreachable()
    } catch (error) {
      expect(`${(error as Error).stack}${(error as Error).cause}`).not.toContain(d.slice(0, 8))
    }
  })
})
