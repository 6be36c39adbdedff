import { describe, expect, it } from 'vitest'
import { recordArrival } from '../../../src/keys/arrival.ts'
import type { KeySet } from '../../../src/keys/key-set.ts'
import {
  fails,
  first,
  gives,
  second,
  simulateTimeInEachTest,
  source,
  takes,
  unavailable,
} from '../../support/key-source.ts'
import { pass, secondsUntil } from '../../support/simulated-issuer.ts'

simulateTimeInEachTest()

describe('refreshForUnknownKey', () => {
  it('fetches immediately, and returns the new set', async () => {
    const { current, refreshForUnknownKey, fetches, answer } = source(gives(first))
    const known = await current()
    answer(takes(0.2, gives(second)))
    const all = Promise.all(Array.from({ length: 20 }, () => refreshForUnknownKey(known)))
    expect(await secondsUntil(all)).toBeCloseTo(0.2)
    expect(new Set(await all)).toEqual(new Set([second]))
    expect(fetches).toHaveBeenCalledTimes(2)
  })

  it('does not fetch if there is already a newer set', async () => {
    const { current, refreshForUnknownKey, fetches } = source(gives(second))
    await current()
    expect(await refreshForUnknownKey(first)).toBe(second)
    expect(fetches).toHaveBeenCalledOnce()
  })

  it('waits for a refresh in progress, without taking from the rate limit', async () => {
    const { current, refreshForUnknownKey, fetches, answer, events } = source(gives(first))
    const known = await current()
    answer(takes(2, gives(second)))
    await pass(80)
    await current()
    const newer = refreshForUnknownKey(known)
    await secondsUntil(newer)
    expect(await newer).toBe(second)
    expect(fetches).toHaveBeenCalledTimes(2)
    answer(gives(second))
    for (let count = 0; count < 4; count++) expect(await refreshForUnknownKey(second)).toBe(second)
    expect(events.filter(({ type }) => type === 'keys.rate_limited')).toEqual([])
  })

  it.each([2, 3, 4.9])(
    'waits no longer than the timeout for a refresh in progress (%d s more) and its own',
    async (duration) => {
      const { current, refreshForUnknownKey, fetches, answer } = source(gives(first))
      const known = await current()
      answer(takes(duration, gives(first)))
      await pass(80)
      await current()
      const newer = refreshForUnknownKey(known, (set) => set === second)
      newer.catch(() => {})
      answer(takes(4, gives(second)))
      expect(await secondsUntil(newer)).toBeCloseTo(5)
      await expect(newer).rejects.toMatchObject(unavailable(1))
      expect(fetches).toHaveBeenCalledTimes(3)
      await pass(5)
      expect(await current()).toBe(second)
    },
  )

  it('reports how many keys were added and removed, and the duration', async () => {
    const { current, refreshForUnknownKey, events } = source(gives(first))
    const known = await current()
    events.length = 0
    const other = source(takes(2, gives(second)))
    await pass(3)
    await secondsUntil(other.current())
    expect(other.events).toMatchObject([{ type: 'keys.refreshed', added: 1, removed: 0 }])
    expect((other.events[0] as { durationMs: number }).durationMs).toBeCloseTo(2_000, -2)
    await refreshForUnknownKey(known)
    expect(events).toMatchObject([{ type: 'keys.refreshed', keys: 1, added: 0, removed: 0 }])
  })

  it('reports that a key was replaced by another', async () => {
    const { current, refreshForUnknownKey, answer, events } = source(gives(first))
    const known = await current()
    events.length = 0
    answer(gives(second))
    await refreshForUnknownKey(known)
    expect(events).toMatchObject([{ type: 'keys.refreshed', keys: 1, added: 1, removed: 1 }])
  })

  it('fetches once more if a refresh in progress brings no key that fits', async () => {
    const { current, refreshForUnknownKey, fetches, answer } = source(gives(first))
    const known = await current()
    answer(takes(2, gives(first)))
    await pass(80)
    await current()
    const newer = refreshForUnknownKey(known, (set) => set === second)
    answer(takes(1, gives(second)))
    await secondsUntil(newer)
    expect(await newer).toBe(second)
    expect(fetches).toHaveBeenCalledTimes(3)
  })

  it('returns the known set when the rate limit is reached, and emits an event', async () => {
    const { current, refreshForUnknownKey, fetches, events } = source(gives(first))
    const known = await current()
    for (let count = 0; count < 10; count++) expect(await refreshForUnknownKey(known)).toBe(known)
    expect(fetches).toHaveBeenCalledTimes(5)
    expect(events.filter(({ type }) => type === 'keys.rate_limited')).toHaveLength(6)
    await pass(30)
    await refreshForUnknownKey(known)
    expect(fetches).toHaveBeenCalledTimes(6)
  })

  it('rejects while the issuer fails, and does not fetch before the end of the back-off', async () => {
    const { current, refreshForUnknownKey, fetches, answer } = source(gives(first))
    const known = await current()
    answer(fails())
    await expect(refreshForUnknownKey(known)).rejects.toMatchObject(unavailable(1))
    await expect(refreshForUnknownKey(known)).rejects.toMatchObject(unavailable(1))
    expect(fetches).toHaveBeenCalledTimes(2)
    answer(gives(second))
    await pass(1)
    expect(await refreshForUnknownKey(known)).toBe(second)
  })

  it('rejects when the rate limit is reached by attempts that failed', async () => {
    const { current, refreshForUnknownKey, fetches, answer } = source(gives(first))
    const known = await current()
    answer(fails())
    for (let second = 0; second < 29; second++) {
      await expect(refreshForUnknownKey(known)).rejects.toMatchObject(unavailable())
      await pass(1)
    }
    expect(fetches).toHaveBeenCalledTimes(5)
    answer(gives(second))
    await pass(30)
    expect(await refreshForUnknownKey(known)).toBe(second)
  })

  it('does not delay tokens with a known key', async () => {
    const { current, refreshForUnknownKey, atOnce, answer } = source(gives(first))
    const known = await current()
    answer(takes(2, gives(second)))
    await pass(70)
    const newer = refreshForUnknownKey(known)
    expect(atOnce()).toBe(true)
    await pass(0)
    await pass(2)
    await pass(38)
    expect(atOnce()).toBe(true)
    await newer
  })
})

describe('refreshForUnknownKey, during a fetch', () => {
  const fitsSecond = (set: KeySet) => set === second

  it('fetches again if the running fetch began before the token arrived', async () => {
    const { current, refreshForUnknownKey, fetches, answer } = source(gives(first))
    const known = await current()
    answer(takes(1, gives(first)))
    const madeUp = refreshForUnknownKey(known, () => false)
    await pass(0)
    await pass(0.5)
    answer(takes(1, gives(second)))
    const good = refreshForUnknownKey(known, fitsSecond)
    expect(await secondsUntil(good)).toBeCloseTo(1.5)
    expect(await good).toBe(second)
    expect(await madeUp).toBe(first)
    expect(fetches).toHaveBeenCalledTimes(3)
  })

  it('fetches once for tokens that arrive at the same time', async () => {
    const { current, refreshForUnknownKey, fetches } = source(gives(first))
    const known = await current()
    const all = Array.from({ length: 20 }, () => refreshForUnknownKey(known, () => false))
    expect(new Set(await Promise.all(all))).toEqual(new Set([first]))
    expect(fetches).toHaveBeenCalledTimes(2)
  })

  it('does not fetch again if a fetch began after the token arrived', async () => {
    const { current, refreshForUnknownKey, fetches } = source(gives(first))
    const arrival = recordArrival()
    const known = await current()
    expect(await refreshForUnknownKey(known, fitsSecond, arrival)).toBe(first)
    expect(fetches).toHaveBeenCalledOnce()
  })

  it('waits no longer than the timeout since the token arrived, for the first set and a newer one', async () => {
    const { client, keys, answer } = source(takes(3, gives(first)))
    const arrival = recordArrival()
    const set = Promise.resolve(keys.current(undefined, arrival))
    expect(await secondsUntil(set)).toBeCloseTo(3)
    answer(takes(3, gives(second)))
    const later = recordArrival()
    const newer = Promise.resolve(
      keys.refreshForUnknownKey(await set, fitsSecond, {
        ...later,
        waitingSince: arrival.waitingSince,
      }),
    )
    newer.catch(() => {})
    expect(await secondsUntil(newer)).toBeCloseTo(2)
    await expect(newer).rejects.toMatchObject(unavailable(1))
    await expect(newer).rejects.toMatchObject({
      detail: { hint: 'the keys were not fetched within 5 s' },
    })
    expect(client.fetchKeys).toHaveBeenCalledTimes(2)
  })
})
