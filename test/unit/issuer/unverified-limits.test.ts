import { describe, expect, it } from 'vitest'
import { ServiceUnavailableError } from '../../../src/errors.ts'
import { createObserver } from '../../../src/events/observer.ts'
import type { ValidatorEvent } from '../../../src/events.ts'
import { createUnverifiedLimits } from '../../../src/issuer/unverified-limits.ts'

function createLimits() {
  const clock = { milliseconds: 0 }
  const events: ValidatorEvent[] = []
  const observer = createObserver((event) => events.push(event))
  const { reserveFetch, countRequest } = createUnverifiedLimits(() => clock.milliseconds, observer)
  const reserve = () => reserveFetch('https://a.test')
  const countRequests = (count: number) => {
    for (let request = 0; request < count; request++) countRequest()
  }
  return { clock, events, reserveFetch, reserve, countRequests }
}

const hint = 'too many issuers without a verified token need keys'

describe('the limits of issuers without a verified token', () => {
  it('allow 50 fetches of keys at a time', () => {
    const { reserve, events } = createLimits()
    const releases = Array.from({ length: 50 }, reserve)
    expect(events).toEqual([])
    expect(reserve).toThrow(ServiceUnavailableError)
    expect(events).toEqual([{ type: 'issuers.rate_limited', limit: 'fetches_in_flight' }])
    releases[0]?.()
    reserve()
    expect(reserve).toThrow()
    expect(events).toHaveLength(2)
  })

  it('allow 600 requests at once', () => {
    const { reserve, events, countRequests } = createLimits()
    countRequests(599)
    reserve()()
    countRequests(1)
    expect(reserve).toThrow(ServiceUnavailableError)
    expect(events).toEqual([{ type: 'issuers.rate_limited', limit: 'requests_per_minute' }])
  })

  it.each([
    [609, 999],
    [610, 1_000],
    [639, 3_999],
  ])('allow 10 more requests each second: %d need more than %d ms', (count, milliseconds) => {
    const { reserve, countRequests, clock } = createLimits()
    // The requests of a fetch that has begun count even if the limit is reached.
    countRequests(count)
    clock.milliseconds += milliseconds
    expect(reserve).toThrow(ServiceUnavailableError)
  })

  it.each([
    [609, 1_000],
    [610, 1_100],
    [639, 4_000],
  ])('allow 10 more requests each second: %d need only %d ms', (count, milliseconds) => {
    const { reserve, countRequests, clock, events } = createLimits()
    countRequests(count)
    clock.milliseconds += milliseconds
    reserve()()
    expect(events).toEqual([])
  })

  it('refuse with 503, the issuer and a hint', () => {
    const { reserveFetch, countRequests } = createLimits()
    countRequests(600)
    expect(() => reserveFetch('https://a.test\n')).toThrow(
      expect.objectContaining({
        service: 'keys',
        retryAfter: 1,
        detail: { issuer: 'https://a.test?', hint },
      }),
    )
  })
})
