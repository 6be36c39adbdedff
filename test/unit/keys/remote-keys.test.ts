import { describe, expect, it, vi } from 'vitest'
import { FetchError } from '../../../src/internal/fetch-json.ts'
import { UnusableKeySetError } from '../../../src/keys/jwks-client.ts'
import { ec1, ISS, rsa1 } from '../../support/fixture.ts'
import {
  type Fetch,
  fails,
  first,
  gives,
  hangs,
  second,
  setOf,
  simulateTimeInEachTest,
  source,
  takes,
  unavailable,
} from '../../support/key-source.ts'
import { jump, pass, secondsUntil } from '../../support/simulated-issuer.ts'

simulateTimeInEachTest()

describe('the first fetch', () => {
  it('is shared by all requests that wait for it', async () => {
    const { current, fetches, events } = source(takes(0.5, gives(first)))
    const all = Promise.all(Array.from({ length: 1_000 }, current))
    expect(await secondsUntil(all)).toBeCloseTo(0.5)
    expect(new Set(await all)).toEqual(new Set([first]))
    expect(fetches).toHaveBeenCalledOnce()
    expect(events).toMatchObject([
      { type: 'keys.refreshed', keys: 1, skipped: 0, added: 1, removed: 0 },
    ])
  })

  it('rejects for all when it fails, with the time of the next attempt and the cause', async () => {
    const { current, fetches, events } = source(takes(0.5, fails(40)))
    const all = Promise.all(
      Array.from({ length: 3 }, () =>
        current().then(
          () => expect.fail(),
          (error) => error,
        ),
      ),
    )
    await secondsUntil(all)
    for (const error of await all) {
      expect(error).toMatchObject(unavailable(40))
      expect(error.cause).toBeInstanceOf(FetchError)
      expect(error.detail.hint).toContain('status 500')
    }
    expect(new Set(await all).size).toBe(3)
    expect(fetches).toHaveBeenCalledOnce()
    expect(events).toMatchObject([
      { type: 'keys.failed', reason: 'status', serving: 'nothing', retryAfter: 40 },
    ])
  })

  it('is aborted after the timeout if it hangs', async () => {
    const { current, events } = source(hangs, { timeout: 3 })
    const result = current()
    expect(await secondsUntil(result)).toBeCloseTo(3)
    await expect(result).rejects.toMatchObject(unavailable(1))
    expect(events).toMatchObject([{ type: 'keys.failed', reason: 'timeout' }])
  })

  it('is not repeated before its back-off has passed, and no request waits meanwhile', async () => {
    const { current, fetches, answer } = source(fails())
    await expect(current()).rejects.toMatchObject(unavailable(1))
    await expect(current()).rejects.toMatchObject(unavailable(1))
    expect(fetches).toHaveBeenCalledOnce()
    await pass(1)
    await expect(current()).rejects.toMatchObject(unavailable(2))
    expect(fetches).toHaveBeenCalledTimes(2)
    answer(gives(first))
    await pass(1.9)
    await expect(current()).rejects.toMatchObject(unavailable(1))
    await pass(0.1)
    expect(await current()).toBe(first)
    expect(fetches).toHaveBeenCalledTimes(3)
  })

  it('rejects and emits an event after an unexpected error', async () => {
    const { current, events } = source(async () => {
      throw new TypeError('a defect')
    })
    const error = await current().catch((reason: unknown) => reason)
    expect(error).toMatchObject(unavailable(1))
    expect(error).toMatchObject({ detail: { issuer: ISS }, cause: expect.any(TypeError) })
    expect(events).toMatchObject([{ reason: 'network' }])
  })
})

describe('under steady load', () => {
  it('the set is refreshed after three quarters of its lifetime, and no request waits', async () => {
    const { current, atOnce, fetches, answer } = source(gives(first))
    await current()
    answer(takes(2, gives(second)))
    await pass(74.9)
    expect(atOnce()).toBe(true)
    expect(fetches).toHaveBeenCalledOnce()
    await pass(0.1)
    expect(atOnce()).toBe(true)
    await pass(0)
    expect(fetches).toHaveBeenCalledTimes(2)
    expect(await current()).toBe(first)
    await pass(2)
    expect(await current()).toBe(second)
    expect(fetches).toHaveBeenCalledTimes(2)
  })

  it('no request waits for a refresh that began in time, even after the set expires', async () => {
    const { current, atOnce, answer } = source(gives(first), { timeout: 60 })
    await current()
    answer(hangs)
    await pass(90)
    expect(atOnce()).toBe(true)
    await pass(20)
    expect(atOnce()).toBe(true)
    expect(await current()).toBe(first)
  })

  it('reports how many keys were added and removed', async () => {
    const { current, events, answer } = source(gives(first))
    await current()
    answer(gives(setOf([ec1.jwk, { ...rsa1.jwk, kid: 'new' }])))
    await pass(80)
    await current()
    await pass(0)
    expect(events.at(-1)).toMatchObject({ type: 'keys.refreshed', keys: 2, added: 2, removed: 1 })
  })

  it('reports skipped keys once per set, not once per refresh', async () => {
    const odd = () => setOf([rsa1.jwk, { kty: 'oct', kid: 'h' }, null])
    const { current, events, answer } = source(gives(odd()))
    await current()
    answer(gives(odd()))
    await pass(80)
    await current()
    await pass(0)
    const skipped = events.filter(({ type }) => type === 'keys.skipped')
    expect(skipped).toEqual([
      { type: 'keys.skipped', issuer: ISS, kid: 'h', reason: 'type' },
      { type: 'keys.skipped', issuer: ISS, kid: undefined, reason: 'not_an_object' },
    ])
    expect(events.filter(({ type }) => type === 'keys.refreshed')).toHaveLength(2)
  })
})

describe('after an idle time', () => {
  it('the next requests wait for one refresh', async () => {
    const { current, atOnce, fetches, answer } = source(gives(first))
    await current()
    answer(takes(0.5, gives(second)))
    await pass(100)
    expect(atOnce()).toBe(false)
    const all = Promise.all([current(), current(), current()])
    expect(await secondsUntil(all)).toBeCloseTo(0.5)
    expect(await all).toEqual([second, second, second])
    expect(fetches).toHaveBeenCalledTimes(2)
  })

  it('the next requests wait at most one second, and then use the old set; later ones do not wait', async () => {
    const { current, atOnce, events, answer } = source(gives(first))
    await current()
    answer(hangs)
    await pass(100)
    const waiting = Promise.all([current(), current()])
    expect(await secondsUntil(waiting)).toBeCloseTo(1)
    expect(await waiting).toEqual([first, first])
    expect(atOnce()).toBe(true)
    await pass(4)
    expect(events.at(-1)).toMatchObject({
      type: 'keys.failed',
      reason: 'timeout',
      serving: 'stale',
    })
    expect(atOnce()).toBe(true)
    await pass(1)
    expect(atOnce()).toBe(true)
  })

  it('the next requests wait only until the refresh fails', async () => {
    const { current, answer } = source(gives(first))
    await current()
    answer(takes(0.3, fails()))
    await pass(100)
    const waiting = current()
    expect(await secondsUntil(waiting)).toBeCloseTo(0.3)
    expect(await waiting).toBe(first)
  })

  it('a request that comes later waits for the rest of that second', async () => {
    const { current, answer } = source(gives(first))
    await current()
    answer(hangs)
    await pass(100)
    const early = current()
    await pass(0.6)
    const late = current()
    expect(await secondsUntil(late)).toBeCloseTo(0.4)
    await early
  })
})

describe('while a refresh fails', () => {
  it('the old set is used until the end of staleIfError, and no longer', async () => {
    const { current, events, answer } = source(gives(first))
    await current()
    answer(fails())
    await pass(80)
    expect(await current()).toBe(first)
    await pass(0)
    expect(events.at(-1)).toMatchObject({ type: 'keys.failed', serving: 'fresh', retryAfter: 1 })
    await pass(1_019.9)
    expect(await current()).toBe(first)
    await pass(0)
    expect(events.at(-1)).toMatchObject({ type: 'keys.failed', serving: 'stale' })
    await pass(0.1)
    await expect(current()).rejects.toMatchObject(unavailable())
    await pass(60)
    await expect(current()).rejects.toMatchObject(unavailable())
    expect(events.at(-1)).toMatchObject({ type: 'keys.failed', serving: 'nothing' })
  })

  it('no set is used beyond its lifetime if staleIfError is 0', async () => {
    const { current, answer } = source(gives(first), { staleIfError: 0 })
    await current()
    answer(fails())
    await pass(99)
    expect(await current()).toBe(first)
    await pass(1)
    await expect(current()).rejects.toMatchObject(unavailable())
  })

  it('no request waits for the next attempts', async () => {
    const { current, atOnce, fetches, answer } = source(gives(first))
    await current()
    answer(fails())
    await pass(100)
    await current()
    answer(hangs)
    await pass(1)
    expect(atOnce()).toBe(true)
    await pass(0)
    expect(fetches).toHaveBeenCalledTimes(3)
  })

  it('a set that becomes unusable while a request waits is not used', async () => {
    const { current, answer } = source(gives(first), { staleIfError: 0.5 })
    await current()
    answer(hangs)
    await pass(100)
    const waiting = current()
    await secondsUntil(waiting)
    await expect(waiting).rejects.toMatchObject(unavailable())
  })
})

describe('a clock that jumps', () => {
  it.each([3_600, 1e6, -10, -3_600, -1e6])(
    'by %i seconds causes a refresh, and no refusal',
    async (by) => {
      const { current, fetches, answer } = source(gives(first))
      await current()
      answer(gives(second))
      jump(by)
      await current()
      await pass(0)
      expect(await current()).toBe(second)
      expect(fetches).toHaveBeenCalledTimes(2)
    },
  )

  it('back, while the issuer is down, keeps the old set and one attempt per back-off step', async () => {
    const { current, fetches, answer } = source(gives(first))
    await current()
    answer(fails())
    jump(-100_000)
    for (let second = 0; second < 60; second++) {
      expect(await current()).toBe(first)
      await pass(1)
    }
    expect(fetches.mock.calls.length).toBeLessThanOrEqual(8)
  })

  it('forward past every limit and back again leaves the set usable', async () => {
    const { current, answer } = source(gives(first))
    await current()
    answer(fails())
    jump(100_000)
    await expect(current()).rejects.toMatchObject(unavailable())
    jump(-100_000)
    expect(await current()).toBe(first)
  })
})

describe('metadata that is due', () => {
  const neverResponds = () => new Promise<never>(() => {})

  it('does not delay fetched keys if its request hangs', async () => {
    const { client, current } = source(takes(0.5, gives(first)))
    client.isMetadataDue.mockReturnValue(true)
    client.refreshMetadata.mockImplementation(neverResponds)
    const set = current()
    expect(await secondsUntil(set)).toBeCloseTo(0.5)
    expect(await set).toBe(first)
    await pass(80)
    await current()
    await pass(1)
    expect(client.fetchKeys).toHaveBeenCalledTimes(2)
    expect(client.refreshMetadata).toHaveBeenCalledOnce()
  })

  it('leaves the keys in use if its request fails, with an event', async () => {
    const { client, current, events } = source(gives(first))
    client.isMetadataDue.mockReturnValue(true)
    client.refreshMetadata.mockRejectedValue(
      new FetchError('timeout', 'https://as.test/', 'no complete response in time'),
    )
    expect(await current()).toBe(first)
    await pass(0)
    expect(client.postponeMetadata).toHaveBeenCalledOnce()
    expect(events.at(-1)).toMatchObject({ type: 'metadata.failed', reason: 'timeout', issuer: ISS })
    expect(await current()).toBe(first)
  })

  it('causes no event of the keys if their URL has not changed', async () => {
    const { client, current, events } = source(gives(first))
    client.isMetadataDue.mockReturnValue(true)
    client.refreshMetadata.mockResolvedValue(undefined)
    await current()
    await pass(0)
    expect(client.refreshMetadata).toHaveBeenCalledOnce()
    expect(client.postponeMetadata).not.toHaveBeenCalled()
    expect(events.map(({ type }) => type)).toEqual(['keys.refreshed'])
  })

  it('leads to the keys of a new URL', async () => {
    const { client, current } = source(gives(first))
    client.isMetadataDue.mockReturnValue(true)
    client.refreshMetadata.mockImplementation(gives(second))
    await current()
    await pass(0)
    expect(await current()).toBe(second)
  })

  it('is awaited by a token with an unknown key, because the key may be at the new URL', async () => {
    const { client, current, refreshForUnknownKey } = source(gives(first))
    client.isMetadataDue.mockReturnValue(true)
    client.refreshMetadata.mockImplementation(takes(1, gives(second)))
    const known = await current()
    const newer = refreshForUnknownKey(known, (set) => set === second)
    await secondsUntil(newer)
    expect(await newer).toBe(second)
  })
})

describe('a key whose private key is published', () => {
  const { d } = rsa1.privateKey.export({ format: 'jwk' })
  const published = { ...rsa1.jwk, d }
  const unusable =
    (keys: unknown[]): Fetch =>
    async () => {
      throw new UnusableKeySetError('https://as.test/jwks', setOf(keys))
    }

  it('is dropped immediately, even if it is the only one, and the event has the reason', async () => {
    const { current, answer, events } = source(gives(first))
    await current()
    answer(unusable([published]))
    await pass(80)
    await current()
    await pass(0)
    expect(events.slice(1)).toMatchObject([
      { type: 'keys.skipped', kid: 'rsa1', reason: 'private' },
      { type: 'keys.failed', reason: 'no_usable_key', serving: 'nothing' },
    ])
    await expect(current()).rejects.toMatchObject(unavailable(1))
    answer(gives(second))
    await pass(1)
    expect(await current()).toBe(second)
  })

  it('does not affect other keys, which stay in use as in an outage', async () => {
    const { current, answer } = source(gives(setOf([rsa1.jwk, ec1.jwk])))
    await current()
    answer(unusable([published, { ...ec1.jwk, use: 'enc' }]))
    await pass(80)
    await current()
    await pass(0)
    const left = await current()
    expect([...left.keys.values()].map(({ kid }) => kid)).toEqual(['ec1'])
  })

  it('is reported once, not once for each attempt', async () => {
    const { current, answer, events } = source(gives(first))
    await current()
    answer(unusable([published]))
    for (let count = 0; count < 4; count++) {
      await pass(100)
      await current().catch(() => {})
      await pass(0)
    }
    expect(events.filter(({ type }) => type === 'keys.skipped')).toHaveLength(1)
    expect(events.filter(({ type }) => type === 'keys.failed').length).toBeGreaterThan(2)
  })
})

it('keys.skipped has each reason if the first set has no usable key', async () => {
  const { current, events } = source(async () => {
    throw new UnusableKeySetError('https://as.test/jwks', setOf([null, { kty: 'oct', kid: 'h' }]))
  })
  await expect(current()).rejects.toMatchObject(unavailable(1))
  expect(events).toMatchObject([
    { type: 'keys.skipped', reason: 'not_an_object' },
    { type: 'keys.skipped', kid: 'h', reason: 'type' },
    { type: 'keys.failed', cause: { message: expect.stringContaining('h: type') } },
  ])
})

it('leaves no timer after any attempt', async () => {
  const { current, answer } = source(gives(first))
  await current()
  expect(vi.getTimerCount()).toBe(0)
  answer(fails())
  await pass(100)
  await current()
  expect(vi.getTimerCount()).toBe(0)
})
