/** Which tokens wait after a failure, by what the failure may be due to. The table is in `outages.ts`. */
import { describe, expect, it } from 'vitest'
import {
  type FailureDetail,
  IntrospectionError,
} from '../../../src/introspection/introspection-error.ts'
import { createOutages } from '../../../src/introspection/outages.ts'

const failureDueTo = (dueTo: FailureDetail['dueTo']) =>
  new IntrospectionError('status', 'failed', dueTo && { dueTo })

function createSetup() {
  let time = 1_000
  const outages = createOutages(() => time)
  const attempt = (token: string, isGenuine = false) => {
    const begun = outages.begin(token, isGenuine)
    begun.end()
    return begun
  }
  return {
    outages,
    fail: (token: string, dueTo: FailureDetail['dueTo'], isGenuine = false) =>
      attempt(token, isGenuine).fail(failureDueTo(dueTo)),
    succeed: (token: string, isGenuine = false) => attempt(token, isGenuine).succeed(),
    delayOf: (token: string, isGenuine = false) => outages.findPause(token, isGenuine)?.delay,
    pass(seconds: number) {
      time += seconds
    },
  }
}

const tokens = Array.from({ length: 20 }, (_, index) => `token-${index}`)

describe('a failed token', () => {
  it('waits twice as long after each failure from the second on, up to 10 s', () => {
    const { fail, delayOf, succeed, pass } = createSetup()
    const delays = Array.from({ length: 7 }, () => {
      const { delay, delayOfOtherTokens } = fail('bad', 'server_or_token')
      expect([delayOf('bad') ?? 0, delayOf('other'), delayOfOtherTokens]).toEqual([
        delay,
        undefined,
        0,
      ])
      pass(delay)
      expect(delayOf('bad')).toBeUndefined()
      return delay
    })
    expect(delays).toEqual([0, 1, 2, 4, 8, 10, 10])
    succeed('bad')
    expect(fail('bad', 'server_or_token').delay).toBe(0)
  })

  it('does not wait longer if the clock was set back', () => {
    const { fail, delayOf, pass } = createSetup()
    fail('bad', 'server_or_token')
    fail('bad', 'server_or_token')
    pass(-3_600)
    expect(delayOf('bad')).toBeUndefined()
  })
})

describe('a failure due to', () => {
  it('the token makes this token wait, and never another', () => {
    const { fail, delayOf } = createSetup()
    for (const token of tokens) {
      expect(fail(token, 'token')).toMatchObject({ delay: 0, delayOfOtherTokens: 0 })
    }
    expect(delayOf('new')).toBeUndefined()
    expect(fail('token-0', 'token')).toMatchObject({ delay: 1, delayOfOtherTokens: 0 })
    expect(delayOf('token-0')).toBe(1)
  })

  it('the load of this API makes no token wait', () => {
    const { fail, delayOf } = createSetup()
    for (const token of [...tokens, ...tokens]) {
      expect(fail(token, 'own_load')).toMatchObject({ delay: 0, delayOfOtherTokens: 0 })
    }
    expect(delayOf('new')).toBeUndefined()
    expect(delayOf('token-0')).toBeUndefined()
  })

  it('the load of the server does not make the failed token wait after others succeed', () => {
    const { fail, succeed, delayOf, pass } = createSetup()
    for (let count = 0; count < 3; count++) {
      expect(fail('genuine', 'load', true)).toMatchObject({ delay: 1, delayOfOtherTokens: 1 })
      expect(delayOf('new')).toBe(1)
      pass(1)
      succeed('other', true)
    }
    expect(delayOf('genuine', true)).toBeUndefined()
  })

  it('the server makes all tokens wait', () => {
    const { fail, delayOf } = createSetup()
    expect(fail('one', undefined)).toMatchObject({ delay: 1, delayOfOtherTokens: 1 })
    expect(delayOf('new')).toBe(1)
    expect(delayOf('genuine', true)).toBe(1)
  })

  it('the server or the token makes unknown tokens wait with the tenth that fails', () => {
    const { fail, delayOf } = createSetup()
    const delays = tokens.slice(0, 10).map((token) => fail(token, 'server_or_token'))
    expect(delays.map(({ delayOfOtherTokens }) => delayOfOtherTokens)).toEqual([
      ...Array(9).fill(0),
      1,
    ])
    expect(delayOf('new')).toBe(1)
    expect(delayOf('genuine', true)).toBeUndefined()
  })
})

describe('a success', () => {
  it.each([true, false])('ends the pause of these tokens (genuine: %s)', (isGenuine) => {
    const { outages, fail, delayOf, pass } = createSetup()
    fail('one', 'load', isGenuine)
    pass(1)
    const probe = outages.begin('one', isGenuine)
    expect(delayOf('two', isGenuine)).toBe(0)
    probe.succeed()
    probe.end()
    outages.begin('two', isGenuine)
    expect(delayOf('three', isGenuine)).toBeUndefined()
  })

  it('of a genuine token restarts the count of unknown tokens that failed', () => {
    const { fail, succeed, delayOf, pass } = createSetup()
    for (const token of tokens.slice(0, 9)) fail(token, 'server_or_token')
    succeed('genuine', true)
    pass(1)
    expect(fail('token-9', 'server_or_token').delayOfOtherTokens).toBe(0)
    expect(delayOf('new')).toBeUndefined()
  })
})

it.each([true, false])(
  'a probe that ends makes another possible when it is due (genuine: %s)',
  (isGenuine) => {
    const { outages, fail, delayOf, pass } = createSetup()
    fail('one', 'load', isGenuine)
    pass(1)
    const probe = outages.begin('one', isGenuine)
    probe.fail(failureDueTo('load'))
    probe.end()
    pass(2)
    expect(delayOf('two', isGenuine)).toBeUndefined()
  },
)
