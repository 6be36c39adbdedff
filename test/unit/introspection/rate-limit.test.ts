import { expect, it } from 'vitest'
import { createIntrospectionRateLimit } from '../../../src/introspection/rate-limit.ts'

function createLimit() {
  let time = 1_000
  const limit = createIntrospectionRateLimit(() => time)
  return {
    ...limit,
    /** Makes requests one after the other. Returns what limits the next. */
    request(count: number, isAccepted: boolean) {
      for (let made = 0; made < count; made++) {
        if (limit.begin() !== undefined) throw new Error(`limited after ${made}`)
        limit.end(isAccepted)
      }
      const limited = limit.begin()
      if (limited === undefined) limit.end(true)
      return limited
    },
    pass(seconds: number) {
      time += seconds
    },
  }
}

it('allows 200 requests for tokens that are refused, and ten more each second', () => {
  const { request, pass } = createLimit()
  expect(request(199, false)).toBeUndefined()
  expect(request(1, false)).toBe('inactive_tokens')
  pass(1)
  expect(request(10, false)).toBe('inactive_tokens')
})

it('allows any number of requests for tokens that are accepted', () => {
  expect(createLimit().request(1_000, true)).toBeUndefined()
})

it('allows 100 requests in flight', () => {
  const { begin, end } = createLimit()
  expect(Array.from({ length: 100 }, begin)).toEqual(Array(100).fill(undefined))
  expect(begin()).toBe('requests_in_flight')
  end(true)
  expect(begin()).toBeUndefined()
  expect(begin()).toBe('requests_in_flight')
})

it('reports at most once a second, and at once after the clock was set back', () => {
  const { tryReport, pass } = createLimit()
  expect(tryReport()).toBe(true)
  expect(tryReport()).toBe(false)
  pass(0.999)
  expect(tryReport()).toBe(false)
  pass(0.001)
  expect(tryReport()).toBe(true)
  pass(-3_600)
  expect(tryReport()).toBe(true)
})
