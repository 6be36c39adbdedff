import { describe, expect, it } from 'vitest'
import { createCircuitBreaker } from '../../../src/introspection/circuit-breaker.ts'
import { IntrospectionError } from '../../../src/introspection/introspection-error.ts'

const failure = new IntrospectionError('status', 'the response has status 500')
const other = new IntrospectionError('timeout', 'no introspection within 5 s')

function createBreaker() {
  let time = 1_000
  const breaker = createCircuitBreaker(() => time)
  /** Fails with different tokens. Returns what each attempt returned. */
  const failWith = (count: number) =>
    Array.from({ length: count }, (_, index) => {
      const attempt = breaker.begin()
      const counts = attempt.fail(failure, `token-${index}`)
      attempt.end()
      return counts
    })
  const succeed = () => {
    const attempt = breaker.begin()
    attempt.succeed()
    attempt.end()
  }
  const pass = (seconds: number) => {
    time += seconds
  }
  return { breaker, failWith, succeed, pass }
}

describe('the circuit breaker', () => {
  it('opens with the tenth token that fails', () => {
    const { breaker, failWith } = createBreaker()
    expect(failWith(10)).toEqual([...Array(9).fill(false), true])
    expect(breaker.openReason()).toBe(failure)
    expect(breaker.remaining()).toBe(1)
  })

  it('stays closed while ten tokens fail less than a second after a success', () => {
    const { breaker, failWith, succeed, pass } = createBreaker()
    succeed()
    expect(failWith(10)).toEqual(Array(10).fill(false))
    pass(0.999)
    expect(failWith(1)).toEqual([false])
    expect(breaker.openReason()).toBeUndefined()
    pass(0.001)
    expect(failWith(1)).toEqual([true])
    expect(breaker.openReason()).toBe(failure)
  })

  it('opens with the tenth token that fails if the clock was set back after a success', () => {
    const { failWith, succeed, pass } = createBreaker()
    succeed()
    pass(-3_600)
    expect(failWith(10).at(-1)).toBe(true)
  })

  it('opens with one failure that no token can cause', () => {
    const { breaker } = createBreaker()
    expect(breaker.begin().fail(failure, undefined)).toBe(true)
    expect(breaker.openReason()).toBe(failure)
  })

  it('begins one attempt at a time after a failure, and another when that has ended', () => {
    const { breaker, pass } = createBreaker()
    breaker.begin().fail(failure, undefined)
    pass(1)
    expect(breaker.openReason()).toBeUndefined()
    const probe = breaker.begin()
    expect(breaker.openReason()).toBe(failure)
    expect(breaker.remaining()).toBe(0)
    expect(probe.fail(other, 'one token')).toBe(true)
    probe.end()
    expect(breaker.openReason()).toBe(other)
    pass(2)
    expect(breaker.openReason()).toBeUndefined()
  })

  it('waits for its probe even if an earlier attempt ends', () => {
    const { breaker, pass } = createBreaker()
    const earlier = breaker.begin()
    breaker.begin().fail(failure, undefined)
    pass(1)
    breaker.begin()
    earlier.end()
    expect(breaker.openReason()).toBe(failure)
  })

  it('counts failures of attempts that were in flight together once, with the first reason', () => {
    const { breaker } = createBreaker()
    const attempts = [breaker.begin(), breaker.begin()]
    expect(attempts[0]?.fail(failure, undefined)).toBe(true)
    expect(attempts[1]?.fail(other, undefined)).toBe(true)
    expect(breaker.openReason()).toBe(failure)
    expect(breaker.remaining()).toBe(1)
  })

  it('counts failed tokens anew after a reset, and stays open if it is open', () => {
    const { breaker, failWith, pass } = createBreaker()
    failWith(9)
    breaker.resetFailedTokens()
    pass(1)
    expect(failWith(10)).toEqual([...Array(9).fill(false), true])
    breaker.resetFailedTokens()
    expect(breaker.openReason()).toBe(failure)
  })
})
