import { createTestIssuer } from 'oauth-resource-server/testing'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { createApi } from '../../support/checked-validator.ts'
import { t0 } from '../../support/fixture.ts'

afterEach(() => {
  vi.useRealTimers()
})

describe('the default clock', () => {
  it('follows fake timers that are installed after the validator was created', async () => {
    const api = createApi()
    const token = t0()
    await api.accepts(token)
    vi.useFakeTimers({ now: Date.now() + 400_000 })
    await api.refuses(token, 'expired')
    vi.setSystemTime(Date.now() - 400_000)
    await api.accepts(token)
  })

  it('uses the real time again after fake timers, even if the validator was created under them', async () => {
    vi.useFakeTimers({ now: Date.now() + 400_000 })
    const api = createApi()
    const token = t0({ iat: undefined }, {})
    const lenient = createApi({ profile: 'jwt' })
    await lenient.accepts(token)
    vi.useRealTimers()
    await api.accepts(t0())
    // Its iat is 400 s ahead of the real time.
    await lenient.refuses(t0({ iat: Math.floor(Date.now() / 1000) + 400 }), 'issued_in_future')
  })

  it('measures durations with the current performance.now', async () => {
    const api = createApi()
    vi.useFakeTimers({ now: 5 })
    await api.validator.validate('x').catch(() => undefined)
    expect(api.events).toEqual([expect.objectContaining({ durationMs: 0 })])
    const realNow = vi.spyOn(performance, 'now').mockReturnValueOnce(10).mockReturnValueOnce(17)
    api.events.length = 0
    await api.validator.validate('x').catch(() => undefined)
    expect(api.events).toEqual([expect.objectContaining({ durationMs: 7 })])
    realNow.mockRestore()
  })

  it('of the test issuer follows fake timers as well', async () => {
    const issuer = await createTestIssuer()
    vi.useFakeTimers({ now: 1_000 })
    expect(issuer.clock.now()).toBe(1_000)
    vi.useRealTimers()
    expect(Math.abs(issuer.clock.now() - Date.now())).toBeLessThan(1_000)
    await issuer.close()
  })
})
