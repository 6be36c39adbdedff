import { generateKeyPairSync } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { allAlgorithms, findKeyType, getAlgorithm } from '../../../src/signature/algorithms.ts'
import { jwks, makeKey } from '../../support/fixture.ts'

describe.each([...allAlgorithms])('the table entry of %s', (alg) => {
  const { jwk } = makeKey(alg, 'k')
  const { keyType } = getAlgorithm(alg)

  it('describes the key that node:crypto generates for it', () => {
    const { kid: _, alg: __, use: ___, kty, ...members } = jwk
    expect(kty).toBe(keyType.kty)
    const expected = [...keyType.numbers, ...(keyType.crv === undefined ? [] : ['crv'])]
    expect(Object.keys(members).sort()).toEqual(expected.sort())
    for (const member of ['x', 'y'].filter((name) => keyType.numbers.includes(name))) {
      const value = String((jwk as Record<string, unknown>)[member])
      expect(Buffer.from(value, 'base64url')).toHaveLength(keyType.coordinateLength ?? -1)
    }
  })

  it('is found by the members of that key', () => {
    expect(findKeyType(jwk.kty, jwk.crv)).toBe(keyType)
  })

  it('has the prefix of a public key that node:crypto exports', () => {
    if (keyType.spkiPrefix === undefined) return
    const { publicKey } = generateKeyPairSync('ec', { namedCurve: keyType.crv ?? '' })
    const der = publicKey.export({ format: 'der', type: 'spki' })
    expect(der.subarray(0, keyType.spkiPrefix.length)).toEqual(keyType.spkiPrefix)
    const point = 2 * (keyType.coordinateLength ?? 0)
    expect(der).toHaveLength(keyType.spkiPrefix.length + point)
  })
})

describe('a key type', () => {
  it.each([
    [undefined, undefined],
    ['RSA ', undefined],
    ['oct', undefined],
    ['EC', 'secp256k1'],
    ['EC', 'Ed25519'],
    ['EC', undefined],
    ['OKP', 'X25519'],
    ['OKP', 'P-256'],
    ['__proto__', '__proto__'],
  ])('is unknown for kty %j with crv %j', (kty, crv) => {
    expect(findKeyType(kty, crv)).toBeUndefined()
  })

  it('of RSA does not depend on crv', () => {
    expect(findKeyType('RSA', jwks.keys[0]?.kid)).toBe(getAlgorithm('RS256').keyType)
  })
})
