import { describe, expect, it } from 'vitest'
import { createMemoryReplayStore } from '../../../src/proof/replay-store.ts'

function setUp(maxEntries = 100, window = 70) {
  let time = 1_800_000_000_000
  const store = createMemoryReplayStore({ window, maxEntries, now: () => time })
  const wait = (seconds: number) => {
    time += seconds * 1000
  }
  /** Claims new keys until the store refuses one. */
  let last = 0
  const flood = (jkt: string) => {
    for (let count = 0; ; count++) {
      try {
        if (!store.claim(`${jkt} ${last++}`, 60, jkt)) expect.fail('a new key was refused')
      } catch {
        return count
      }
    }
  }
  return { store, claim: store.claim, wait, flood }
}

describe('the replay store in memory', () => {
  it('is local', () => {
    expect(setUp().store.local).toBe(true)
  })

  it('accepts only the first claim of a key, for any caller and lifetime', () => {
    const { claim } = setUp()
    expect(claim('a', 60, 'c')).toBe(true)
    expect(claim('a', 60, 'c')).toBe(false)
    expect(claim('a', 5, 'c')).toBe(false)
    expect(claim('a', 300, 'other')).toBe(false)
    expect(claim('b', 60, 'c')).toBe(true)
  })

  it('counts claims without a thumbprint as those of one client', () => {
    const { claim, flood } = setUp()
    expect(claim('a', 60)).toBe(true)
    expect(claim('a', 60)).toBe(false)
    for (let count = 1; count < 50; count++) expect(claim(`a ${count}`, 60)).toBe(true)
    expect(() => claim('b', 60)).toThrow(/full/)
    expect(flood('one')).toBe(25)
  })

  it.each([1, 10, 59.9, 60, 69, 75])(
    'remembers a key for the %d seconds that it was claimed for, and an eighth more at most',
    (seconds) => {
      const { claim, wait } = setUp()
      expect(claim('a', seconds, 'c')).toBe(true)
      wait(seconds - 0.001)
      expect(claim('a', seconds, 'c')).toBe(false)
      wait(70 / 8 + 0.001)
      expect(claim('a', seconds, 'c')).toBe(true)
    },
  )

  it('keeps every key that is valid while it removes expired ones', () => {
    const { claim, wait } = setUp(1_000)
    for (let second = 0; second < 200; second++) {
      expect(claim(`key ${second}`, 60, 'c')).toBe(true)
      for (let age = 0; age < Math.min(60, second + 1); age++) {
        expect(claim(`key ${second - age}`, 60, 'c')).toBe(false)
      }
      wait(1)
    }
  })

  it('refuses new keys by throwing when it is full, and keeps the old ones', () => {
    const { claim, flood, wait } = setUp()
    expect(flood('one')).toBe(50)
    expect(() => claim('new', 60, 'one')).toThrow(/full/)
    expect(claim('one 0', 60, 'one')).toBe(false)
    wait(80)
    expect(claim('new', 60, 'one')).toBe(true)
    expect(claim('one 0', 60, 'one')).toBe(true)
  })

  it('accepts keys of other clients while some clients flood it', () => {
    const { claim, flood } = setUp(1_000)
    expect(flood('one')).toBe(500)
    expect(flood('two')).toBe(250)
    expect(flood('one')).toBe(0)
    for (let count = 0; count < 100; count++) {
      expect(claim(`honest ${count}`, 60, 'honest')).toBe(true)
    }
  })

  it('counts the share of a client over all times of expiry', () => {
    const { claim, flood } = setUp()
    for (let count = 0; count < 40; count++) claim(`spread ${count}`, 1 + count, 'one')
    expect(flood('one')).toBe(10)
  })

  it('frees the space of expired keys', () => {
    const { flood, wait } = setUp()
    for (let round = 0; round < 20; round++) {
      expect(flood('one')).toBe(50)
      wait(70)
    }
  })
})
