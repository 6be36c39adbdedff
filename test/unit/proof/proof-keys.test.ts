import { describe, expect, it } from 'vitest'
import { createProofKeyCache, importProofKey } from '../../../src/proof/proof-keys.ts'
import { bareJwk, kc1 } from '../../support/dpop.ts'

const key = importProofKey({ algorithm: 'ES256', jwk: { ...bareJwk(kc1) } })

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

  it('does not keep long headers', () => {
    const { add, get } = createProofKeyCache(10)
    add('x'.repeat(2_048), key)
    add('x'.repeat(2_049), key)
    expect(get('x'.repeat(2_048))).toBe(key)
    expect(get('x'.repeat(2_049))).toBeUndefined()
  })
})
