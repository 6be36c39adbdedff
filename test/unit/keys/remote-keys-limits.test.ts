/** A remote key source with a limit on its fetches, and calls in unusual states. */
import { describe, expect, it } from 'vitest'
import { ServiceUnavailableError } from '../../../src/errors.ts'
import { createObserver } from '../../../src/events/observer.ts'
import type { KeysFailedEvent } from '../../../src/events.ts'
import { recordArrival } from '../../../src/keys/arrival.ts'
import { createRemoteKeySource } from '../../../src/keys/remote-keys.ts'
import { ISS } from '../../support/fixture.ts'
import {
  fails,
  first,
  gives,
  hangs,
  second,
  setOf,
  simulateTimeInEachTest,
  source,
  takes,
} from '../../support/key-source.ts'
import { pass, secondsUntil } from '../../support/simulated-issuer.ts'

simulateTimeInEachTest()

/** A source whose reservations succeed until the test sets an error. */
function limitedSource() {
  const state: { error: Error | undefined; reserved: number } = { error: undefined, reserved: 0 }
  const { client, fetches } = source(gives(first))
  const keys = createRemoteKeySource({
    issuer: ISS,
    client,
    policy: { maxAge: 600, staleIfError: 1_000, timeout: 5 },
    now: () => Date.now(),
    observer: createObserver(),
    reserveFetch: () => {
      if (state.error !== undefined) throw state.error
      state.reserved++
      return () => {
        state.reserved--
      }
    },
  })
  return { state, fetches, current: async () => keys.current() }
}

describe('a limit on fetches', () => {
  it('is reserved during a fetch, and released after it', async () => {
    const { state, current } = limitedSource()
    const set = current()
    expect(state.reserved).toBe(1)
    expect(await set).toBe(first)
    expect(state.reserved).toBe(0)
  })

  it('that is reached leaves an expired set in use, without a fetch', async () => {
    const { state, current, fetches } = limitedSource()
    await current()
    state.error = new ServiceUnavailableError('keys', 1)
    await pass(101)
    expect(await current()).toBe(first)
    expect(fetches).toHaveBeenCalledOnce()
  })

  it('that is reached refuses a request without a usable set', async () => {
    const { state, current, fetches } = limitedSource()
    state.error = new ServiceUnavailableError('keys', 1)
    await expect(current()).rejects.toBe(state.error)
    expect(fetches).not.toHaveBeenCalled()
  })

  it('does not hide another error', async () => {
    const { state, current } = limitedSource()
    await current()
    state.error = new TypeError('a defect')
    await pass(101)
    await expect(current()).rejects.toBe(state.error)
  })
})

describe('refreshForUnknownKey', () => {
  it('fetches keys if there are none any more', async () => {
    const { refreshForUnknownKey, fetches } = source(gives(second))
    expect(await refreshForUnknownKey(first)).toBe(second)
    expect(fetches).toHaveBeenCalledOnce()
  })

  it('fetches again if the last request for keys immediately precedes the token', async () => {
    const { current, refreshForUnknownKey, answer, fetches } = source(gives(first))
    await current()
    const arrival = recordArrival()
    answer(gives(second))
    expect(await refreshForUnknownKey(first, () => false, arrival)).toBe(second)
    expect(fetches).toHaveBeenCalledTimes(2)
  })

  it('does not fetch again if the last request for keys immediately follows the token', async () => {
    const { current, refreshForUnknownKey, fetches } = source(gives(first))
    const arrival = recordArrival()
    await current()
    expect(await refreshForUnknownKey(setOf([]), () => false, arrival)).toBe(first)
    expect(fetches).toHaveBeenCalledOnce()
  })

  it('does not delay requests with a known key, even if the set expires meanwhile', async () => {
    const { current, refreshForUnknownKey, answer, atOnce } = source(gives(first))
    await current()
    answer(hangs)
    await pass(99.5)
    void refreshForUnknownKey(first, () => false).catch(() => undefined)
    await pass(0.7)
    expect(atOnce()).toBe(true)
  })
})

it('the event of a failed fetch has its duration', async () => {
  const { current, events } = source(takes(2, fails()))
  await pass(3)
  await secondsUntil(current())
  expect(events).toMatchObject([{ type: 'keys.failed', serving: 'nothing' }])
  expect((events[0] as KeysFailedEvent).durationMs).toBeCloseTo(2_000, -2)
})

it('an error that is no failure of a request has no hint', async () => {
  const { current } = source(() => Promise.reject(new TypeError('a defect')))
  const error = await current().catch((reason) => reason)
  expect(error.detail).toStrictEqual({ issuer: ISS })
  expect(error.cause).toEqual(new TypeError('a defect'))
})
