import { describe, expect, it } from 'vitest'
import {
  cacheKeySet,
  dropKeys,
  expireKeySet,
  servingState,
} from '../../../src/keys/cached-key-set.ts'
import { type KeySet, readKeySet } from '../../../src/keys/key-set.ts'
import { ec1, rsa1 } from '../../support/fixture.ts'

const set = readKeySet({ keys: [rsa1.jwk, ec1.jwk] }) as KeySet
const cached = cacheKeySet({ set, requestOrder: 7, lifetime: 100 }, 1_000, 50)

describe('a cached key set', () => {
  it('is due after three quarters of its lifetime, and usable for staleIfError after its end', () => {
    expect(cached).toEqual({
      set,
      requestOrder: 7,
      fetchedAt: 1_000,
      refreshAt: 1_075,
      expiresAt: 1_100,
      usableUntil: 1_150,
    })
  })

  it.each([
    { now: 1_099.9, state: 'fresh' },
    { now: 1_100, state: 'stale' },
    { now: 1_149.9, state: 'stale' },
    { now: 1_150, state: 'nothing' },
    { now: Number.NaN, state: 'nothing' },
  ])('is $state at $now', ({ now, state }) => {
    expect(servingState(cached, now)).toBe(state)
  })

  it('is usable for staleIfError after it was expired, because its age is unknown', () => {
    expect(expireKeySet(cached, 500, 50)).toEqual({
      set,
      requestOrder: 7,
      fetchedAt: 500,
      refreshAt: 500,
      expiresAt: 500,
      usableUntil: 550,
    })
  })

  it('loses compromised keys, and is dropped with the last one', () => {
    const compromisedBy = (...keys: object[]) =>
      (readKeySet({ keys: keys.map((jwk) => ({ ...jwk, d: 'AA' })) }) as KeySet).compromised
    const left = dropKeys(cached, compromisedBy(rsa1.jwk))
    expect(left).toEqual({ ...cached, set: expect.anything() })
    expect([...(left?.set.keys.values() ?? [])].map(({ kid }) => kid)).toEqual(['ec1'])
    expect(dropKeys(cached, compromisedBy(rsa1.jwk, ec1.jwk))).toBeUndefined()
    expect(dropKeys(undefined, compromisedBy(rsa1.jwk))).toBeUndefined()
  })
})

it('nothing is served without a key set', () => {
  expect(servingState(undefined, 1_000)).toBe('nothing')
})
