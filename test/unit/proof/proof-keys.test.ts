import { describe, expect, it } from 'vitest'
import { createProofKeyCache, importProofKey } from '../../../src/proof/proof-keys.ts'
import { bareJwk, kc1 } from '../../support/dpop.ts'
import { failureOf } from '../../support/failure-of.ts'
import { ec3 } from '../../support/fixture.ts'

const key = importProofKey({ algorithm: 'ES256', jwk: { ...bareJwk(kc1) } })

describe('the key of a proof', () => {
  it.each([
    ['malformed', { x: `${bareJwk(kc1).x}=` }],
    ['type', { kty: 'XX' }],
    ['private', { d: 'AQ' }],
    ['alg', { alg: 'ES384' }],
    ['alg', bareJwk(ec3)],
  ])('is refused with the problem %s for %j', (actual, changes) => {
    const jwk = { ...bareJwk(kc1), ...changes }
    const failure = failureOf(() => importProofKey({ algorithm: 'ES256', jwk }))
    expect(failure).toEqual({ reason: 'invalid_key', name: 'jwk', actual })
  })
})

describe('the cache of proof keys', () => {
  it('returns the key that was added under the same header', () => {
    const { add, get } = createProofKeyCache(10)
    expect(get('a')).toBeUndefined()
    add('a', key)
    expect(get('a')).toBe(key)
    expect(get('b')).toBeUndefined()
  })

  it('keeps at most as many keys as it may, and drops those that were not used', () => {
    const { add, get } = createProofKeyCache(10)
    add('used', key)
    for (let index = 0; index < 100; index++) {
      add(`header ${index}`, key)
      expect(get('used')).toBe(key)
    }
    const kept = Array.from({ length: 100 }, (_, index) => `header ${index}`).filter(get)
    expect(kept.length).toBeLessThan(10)
    expect(kept).toContain('header 99')
  })

  it.each([
    [10, 10, 5],
    [11, 10, 5],
    [2, 2, 1],
    [1, 2, 1],
  ])('of %d keys keeps at most %d of the latest and at least %d', (maxKeys, most, least) => {
    const headers = Array.from({ length: 30 }, (_, index) => `header ${index}`)
    const counts = headers.map((_, last) => {
      const added = headers.slice(0, last + 1)
      // A new cache for each header, because `get` renews a key.
      return added.filter((header) => {
        const { add, get } = createProofKeyCache(maxKeys)
        for (const other of added) add(other, key)
        return get(header) !== undefined
      }).length
    })
    expect(Math.max(...counts)).toBe(most)
    expect(Math.min(...counts.slice(least - 1))).toBe(least)
  })

  it('does not keep long headers', () => {
    const { add, get } = createProofKeyCache(10)
    add('x'.repeat(2_048), key)
    add('x'.repeat(2_049), key)
    expect(get('x'.repeat(2_048))).toBe(key)
    expect(get('x'.repeat(2_049))).toBeUndefined()
  })
})
