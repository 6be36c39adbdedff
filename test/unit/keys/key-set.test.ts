import { randomBytes } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { type KeySet, readKeySet } from '../../../src/keys/key-set.ts'
import { ec1, ed1, ps1, rsa1 } from '../../support/fixture.ts'

const rsa = { ...rsa1.jwk, alg: undefined }
const setOf = (keys: readonly unknown[], previous?: KeySet): KeySet => {
  const set = readKeySet({ keys }, previous)
  if (set === undefined) throw new Error('no key set')
  return set
}
const makeModulus = () => {
  const n = randomBytes(256)
  n[0] = 0xff
  return n.toString('base64url')
}
const nested = (depth: number) => JSON.parse(`${'['.repeat(depth)}${']'.repeat(depth)}`)

describe('readKeySet', () => {
  it.each([undefined, null, 'x', 1, [], {}, { keys: {} }, { keys: null }, { keys: 'x' }])(
    'does not read %j as a key set',
    (value) => {
      expect(readKeySet(value)).toBeUndefined()
    },
  )

  it('reads a set of 100 JWKs, and refuses one of 101', () => {
    const hundred = [rsa1.jwk, ...Array(99).fill(null)]
    expect(setOf(hundred).keys.size).toBe(1)
    expect(readKeySet({ keys: [...hundred, null] })).toBeUndefined()
  })

  it('reads an empty set', () => {
    expect(setOf([])).toMatchObject({ keys: new Map(), skipped: [] })
  })

  it('keeps the usable keys and lists the others, with their kid if it is a string', () => {
    const set = setOf([null, { ...rsa1.jwk, d: 'AA' }, { kty: 'oct', kid: 1 }, ec1.jwk, []])
    expect([...set.keys.values()].map(({ kid }) => kid)).toEqual(['ec1'])
    expect(set.skipped).toEqual([
      { reason: 'not_an_object' },
      { reason: 'private', kid: 'rsa1' },
      { reason: 'type' },
      { reason: 'not_an_object' },
    ])
  })

  it('counts a repeated JWK once', () => {
    expect(setOf([rsa1.jwk, { ...rsa1.jwk, x5c: ['AA'] }]).keys.size).toBe(1)
  })

  it('imports a key with the same numbers once, for any kid and alg', () => {
    const { x: _, ...halfOf } = ed1.jwk
    const other = { ...ed1.jwk, x: Buffer.alloc(32, 9).toString('base64url'), kid: 'other' }
    const set = setOf([ed1.jwk, { ...ed1.jwk, kid: 'again', alg: 'Ed25519' }, other, halfOf])
    const [first, again, different, ...none] = [...set.keys.values()]
    expect(again?.keyObject).toBe(first?.keyObject)
    expect([again?.kid, again?.alg]).toEqual(['again', 'Ed25519'])
    expect(different?.keyObject.equals(first?.keyObject as never)).toBe(false)
    expect(none).toEqual([])
  })

  it('keeps the object of a key that was in the previous set, even if other members change', () => {
    const before = setOf([rsa1.jwk, ec1.jwk])
    const after = setOf([ed1.jwk, { ...rsa1.jwk, x5t: 'changed' }], before)
    const [key] = before.findKeys('RS256', 'rsa1')
    expect(after.findKeys('RS256', 'rsa1')).toEqual([key])
    expect(after.findKeys('RS256', 'rsa1')[0]).toBe(key)
    expect(key && after.has(key)).toBe(true)
    expect(before.findKeys('ES256', 'ec1').some(after.has)).toBe(false)
  })

  it.each([
    ['kid', { kid: 'other' }],
    ['alg', { alg: 'RS512' }],
    ['key_ops', { key_ops: ['verify'] }],
    ['use', { use: undefined }],
    ['e', { e: 'Aw' }],
    ['n', { n: ps1.jwk.n }],
  ])('creates a new key if %s has changed', (_member, change) => {
    const before = setOf([rsa1.jwk])
    const [key] = before.keys.values()
    const after = setOf([{ ...rsa1.jwk, ...change }], before)
    expect(after.keys.size).toBe(1)
    expect(key && after.has(key)).toBe(false)
  })

  it.each([
    ['its private key is published', { d: 'AA' }, 'private'],
    ['it is for encryption now', { use: 'enc' }, 'use'],
    ['key_ops no longer allow it', { key_ops: ['encrypt'] }, 'key_ops'],
    ['key_ops are no list any more', { key_ops: 'verify' }, 'key_ops'],
  ])('drops a key of the previous set when %s', (_why, change, reason) => {
    const after = setOf([{ ...rsa1.jwk, ...change }], setOf([rsa1.jwk]))
    expect(after.keys.size).toBe(0)
    expect(after.skipped).toEqual([{ kid: 'rsa1', reason }])
  })

  it('drops a key of the previous set when the last of its 16 key_ops changes', () => {
    const operations = [...'abcdefghijklmno']
    const before = setOf([{ ...rsa1.jwk, key_ops: [...operations, 'verify'] }])
    expect(before.keys.size).toBe(1)
    for (const key_ops of [
      [...operations, 'sign'],
      [...operations, 'verify', 'sign'],
    ]) {
      const { keys, skipped } = setOf([{ ...rsa1.jwk, key_ops }], before)
      expect(keys.size).toBe(0)
      expect(skipped).toEqual([{ kid: 'rsa1', reason: 'key_ops' }])
    }
  })

  it('skips every entry of a key whose private key is in the set, in any encoding', () => {
    const { d } = rsa1.privateKey.export({ format: 'jwk' })
    const padded = Buffer.from(String(rsa1.jwk.n), 'base64url').toString('base64')
    const entries = [rsa1.jwk, { ...rsa1.jwk, kid: 'b', n: padded }, { ...rsa1.jwk, kid: 'c', d }]
    const set = setOf([...entries, ec1.jwk], setOf([rsa1.jwk]))
    expect([...set.keys.values()].map(({ kid }) => kid)).toEqual(['ec1'])
    expect(set.skipped.map(({ reason }) => reason)).toEqual(['private', 'private', 'private'])
  })

  it.each([rsa1, ec1, ed1])('drops a compromised $jwk.kty key, and no other', ({ jwk }) => {
    const set = setOf([rsa1.jwk, ec1.jwk, ed1.jwk])
    const { compromised } = setOf([{ ...jwk, kid: 'other', use: 'enc', d: 'AA' }, null, { d: 1 }])
    expect(compromised.size).toBe(1)
    const left = set.without(compromised)
    expect([...left.keys.values()].map(({ kid }) => kid)).not.toContain(jwk.kid)
    expect(left.keys.size).toBe(2)
    expect([...left.keys.values()].every(set.has)).toBe(true)
    expect(left.without(compromised)).toBe(left)
    expect(set.without(new Set())).toBe(set)
  })

  it.each(['n', 'kid', 'key_ops'])(
    'skips a JWK whose %s is nested too deeply, and keeps the others',
    (member) => {
      const keys = [{ ...rsa1.jwk, kid: 'deep', [member]: nested(50_000) }, ec1.jwk]
      expect(setOf(keys).findKeys('ES256', 'ec1')).toHaveLength(1)
    },
  )
})

describe('findKeys', () => {
  it('finds, for a kid, only keys that have it and may verify the algorithm', () => {
    const set = setOf([rsa1.jwk, ec1.jwk, { ...ps1.jwk, kid: undefined }])
    expect(set.findKeys('RS256', 'rsa1').map(({ kid }) => kid)).toEqual(['rsa1'])
    expect(set.findKeys('ES256', 'rsa1')).toEqual([])
    expect(set.findKeys('RS512', 'rsa1')).toEqual([])
    expect(set.findKeys('PS256', 'ps1')).toEqual([])
    expect(set.findKeys('RS256', 'RSA1')).toEqual([])
  })

  it('finds, without a kid, every key that may verify the algorithm, in the order of the set', () => {
    const set = setOf([ec1.jwk, rsa1.jwk, { ...ps1.jwk, alg: undefined, kid: undefined }])
    expect(set.findKeys('RS256', undefined).map(({ kid }) => kid)).toEqual(['rsa1', undefined])
    expect(set.findKeys('PS256', undefined).map(({ kid }) => kid)).toEqual([undefined])
    expect(set.findKeys('EdDSA', undefined)).toEqual([])
  })

  it('finds at most ten keys', () => {
    const many = Array.from({ length: 12 }, (_, index) => ({ ...rsa, kid: `k${index}` }))
    const set = setOf(many)
    expect(set.findKeys('RS256', undefined).map(({ kid }) => kid)).toEqual(
      many.slice(0, 10).map(({ kid }) => kid),
    )
    expect(set.findKeys('RS256', 'k11')).toHaveLength(1)
    const sameKid = setOf(many.map((jwk) => ({ ...jwk, kid: 'k', n: makeModulus() })))
    expect(sameKid.keys.size).toBe(12)
    expect(sameKid.findKeys('RS256', 'k')).toHaveLength(10)
  })

  it('returns the same list a second time', () => {
    const set = setOf([rsa1.jwk])
    expect(set.findKeys('RS256', 'rsa1')).toBe(set.findKeys('RS256', 'rsa1'))
    expect(set.findKeys('RS256', 'x')).toEqual(set.findKeys('RS256', 'x'))
  })

  it('distinguishes the empty kid from none, in any order of lookups', () => {
    const set = setOf([rsa1.jwk])
    expect(set.findKeys('RS256', undefined)).toHaveLength(1)
    expect(set.findKeys('RS256', '')).toEqual([])
    const other = setOf([{ ...rsa, kid: '' }, rsa1.jwk])
    expect(other.findKeys('RS256', '')).toHaveLength(1)
    expect(other.findKeys('RS256', undefined)).toHaveLength(2)
  })
})
