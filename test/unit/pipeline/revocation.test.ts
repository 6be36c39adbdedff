import { inspect } from 'node:util'
import {
  type AccessToken,
  InvalidTokenError,
  ServiceUnavailableError,
  type ValidatorEvent,
} from 'oauth-resource-server'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { resolveOptions } from '../../../src/options/resolve.ts'
import { validateToken } from '../../../src/pipeline/authenticate.ts'
import { createPipeline } from '../../../src/pipeline/pipeline.ts'
import { fixtureOptions, t0 } from '../../support/fixture.ts'

type Revoked = (token: AccessToken) => boolean | Promise<boolean>

function createApi(revoked: Revoked, timeout = 5) {
  const events: ValidatorEvent[] = []
  const onEvent = (event: ValidatorEvent) => {
    events.push(event)
  }
  const pipeline = createPipeline(
    resolveOptions(fixtureOptions({ revoked, onEvent, keys: { timeout } })),
  )
  const validate = (token: string, requirement?: object) =>
    Promise.resolve(validateToken(pipeline, token, requirement))
  const failure = (token: string) =>
    validate(token).then(
      () => undefined,
      (error) => error,
    )
  return { pipeline, events, validate, failure }
}

afterEach(() => {
  vi.restoreAllMocks()
  vi.useRealTimers()
})

describe('revoked', () => {
  it('is called on every request, for cached tokens too, with the verified token', async () => {
    const seen: AccessToken[] = []
    let isRevoked = false
    const { validate, failure } = createApi((token) => {
      seen.push(token)
      return isRevoked
    })
    const token = t0()
    await validate(token)
    await validate(token)
    isRevoked = true
    expect(await failure(token)).toMatchObject({ reason: 'revoked', status: 401 })
    isRevoked = false
    await validate(token)
    expect(seen).toHaveLength(4)
    expect(seen[0]).toMatchObject({ subject: 'user-1', claims: { jti: expect.any(String) } })
  })

  it('creates no promise for a cached token where it returns a boolean', async () => {
    const { pipeline, validate } = createApi(() => false)
    const token = t0()
    await validate(token)
    expect(validateToken(pipeline, token)).not.toBeInstanceOf(Promise)
  })

  it('is called before the requirement, and not for a token that fails a check', async () => {
    let calls = 0
    const { validate, failure } = createApi(() => {
      calls++
      return true
    })
    await expect(validate(t0(), { scopes: 'x' })).rejects.toMatchObject({ reason: 'revoked' })
    expect((await failure(t0({ exp: 1 }))).reason).toBe('expired')
    expect(calls).toBe(1)
  })

  it('is called again for a request that arrives while a call is in progress', async () => {
    // The clock of some runtimes does not advance between two requests.
    vi.spyOn(performance, 'now').mockReturnValue(1)
    let isRevoked = false
    const calls: (() => void)[] = []
    const { validate, failure } = createApi(() => {
      const state = isRevoked
      return new Promise<boolean>((resolve) => calls.push(() => resolve(state)))
    })
    const token = t0()
    const early = validate(token)
    while (calls.length < 1) await new Promise(setImmediate)
    isRevoked = true
    const late = failure(token)
    await new Promise(setImmediate)
    expect(calls).toHaveLength(1)
    calls[0]?.()
    await early
    while (calls.length < 2) await new Promise(setImmediate)
    calls[1]?.()
    expect(await late).toMatchObject({ reason: 'revoked' })
  })

  it('creates no promise where it returns a boolean while a call for another token is in progress', async () => {
    const { pipeline, validate } = createApi(({ subject }) =>
      subject === 'slow' ? Promise.resolve(false) : false,
    )
    const [slow, fast] = [t0({ sub: 'slow' }), t0()]
    await Promise.all([validate(slow), validate(fast)])
    const pending = validate(slow)
    expect(validateToken(pipeline, fast)).not.toBeInstanceOf(Promise)
    await pending
  })

  it('is called once for all requests that arrive while a call is in progress', async () => {
    const calls: ((isRevoked: boolean) => void)[] = []
    const { validate, failure } = createApi(
      () => new Promise<boolean>((resolve) => calls.push(resolve)),
    )
    const [token, other] = [t0(), t0()]
    const warm = [validate(token), validate(other)]
    while (calls.length < 2) await new Promise(setImmediate)
    for (const answer of calls.splice(0)) answer(false)
    await Promise.all(warm)
    const errors = Array.from({ length: 50 }, () => failure(token))
    const good = validate(other)
    expect(calls).toHaveLength(2)
    calls[0]?.(true)
    calls[1]?.(false)
    while (calls.length < 3) await new Promise(setImmediate)
    calls[2]?.(true)
    const refusals = await Promise.all(errors)
    expect(new Set(refusals).size).toBe(50)
    for (const error of refusals) expect(error).toBeInstanceOf(InvalidTokenError)
    await good
    const later = validate(token)
    expect(calls).toHaveLength(4)
    calls[3]?.(false)
    await later
  })

  const failed = 'The callback revoked failed'
  const notBoolean = 'revoked must return true or false'

  it.each<[string, string, () => unknown]>([
    [
      'throws an Error',
      failed,
      () => {
        throw new Error('down')
      },
    ],
    [
      'throws undefined',
      failed,
      () => {
        throw undefined
      },
    ],
    ['rejects', failed, () => Promise.reject(new Error('down'))],
    ['rejects with undefined', failed, () => Promise.reject()],
    ['returns undefined', notBoolean, () => undefined],
    ['returns 1', notBoolean, () => 1],
    ['returns a string', notBoolean, async () => 'false'],
    ['returns null', notBoolean, async () => null],
    [
      'throws a refusal',
      failed,
      () => {
        throw new InvalidTokenError('expired')
      },
    ],
  ])('that %s causes a 503, and is reported: %s', async (_what, message, revoked) => {
    const { events, failure } = createApi(revoked as Revoked)
    const token = t0()
    const error = await failure(token)
    expect(error).toBeInstanceOf(ServiceUnavailableError)
    expect(error).toMatchObject({
      service: 'revocation',
      status: 503,
      retryAfter: 1,
      detail: { hint: 'the function given as revoked failed' },
    })
    expect(error.cause).toBeInstanceOf(Error)
    expect(error.cause.message).toBe(message)
    expect(events).toMatchObject([
      { type: 'callback.failed', cause: error.cause },
      { type: 'token.refused' },
    ])
    expect(inspect([error, events], { depth: 9 })).not.toContain(token.slice(-20))
  })

  it('that does not settle causes a 503 after keys.timeout, and is called again', async () => {
    let calls = 0
    const { failure } = createApi(() => {
      calls++
      return new Promise(() => {})
    }, 0.05)
    const token = t0()
    const errors = await Promise.all([failure(token), failure(token)])
    for (const error of errors) {
      expect(error).toMatchObject({
        service: 'revocation',
        cause: { message: expect.stringContaining('0.05 s') },
      })
    }
    expect(calls).toBeLessThanOrEqual(2)
    const before = calls
    await failure(token)
    expect(calls).toBe(before + 1)
  })

  it('may take as long as keys.timeout', async () => {
    const { validate } = createApi(() => new Promise(() => {}), 5)
    const token = t0()
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    const outcomes: unknown[] = []
    const pending = validate(token).catch((error) => outcomes.push(error))
    while (vi.getTimerCount() === 0) await new Promise(setImmediate)
    await vi.advanceTimersByTimeAsync(4_999)
    expect(outcomes).toEqual([])
    await vi.advanceTimersByTimeAsync(1)
    await pending
    expect(outcomes).toMatchObject([
      {
        service: 'revocation',
        cause: { message: 'the callback revoked did not settle within 5 s' },
      },
    ])
  })

  it('must be a function', () => {
    expect(() => createApi(true as never)).toThrow(new TypeError('revoked must be a function'))
  })
})
