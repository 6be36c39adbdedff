import { describe, expect, it } from 'vitest'
import { readPublicKeyId, readPublicNumbers } from '../../../src/keys/jwk-numbers.ts'
import { findKeyType, type KeyType } from '../../../src/signature/algorithms.ts'
import { ec1, rsa1 } from '../../support/fixture.ts'

describe('readPublicNumbers', () => {
  it('reads integers without leading zero octets, so that zero has none', () => {
    const rsa = findKeyType('RSA', undefined) as KeyType
    expect(readPublicNumbers({ n: 'AAAB', e: 'AAAA' }, rsa)).toEqual({
      n: Buffer.of(1),
      e: Buffer.alloc(0),
    })
  })
})

describe('readPublicKeyId', () => {
  it('is equal for two JWKs with the same public key', () => {
    expect(readPublicKeyId({ ...rsa1.jwk, kid: 'b', e: 'AAEAAQ' })).toBe(readPublicKeyId(rsa1.jwk))
    expect(readPublicKeyId(rsa1.jwk)).not.toBe(readPublicKeyId(ec1.jwk))
  })

  it.each([
    undefined,
    null,
    'x',
    5,
    {},
    { kty: 'RSA' },
    { kty: 'oct', k: 'AA' },
    { ...rsa1.jwk, n: '*' },
    { ...ec1.jwk, crv: 'P-257' },
  ])('is undefined for a value without a public key of a known type: %j', (jwk) => {
    expect(readPublicKeyId(jwk)).toBeUndefined()
  })
})
