/**
 * Attacks that were possible before, or that were tried without success. One test per attack.
 */
import {
  createValidator,
  type IssuerOptions,
  MissingTokenError,
  type ValidatorEvent,
} from 'oauth-resource-server'
import { authenticate } from 'oauth-resource-server/express'
import * as forHttp from 'oauth-resource-server/http'
import { createTestIssuer } from 'oauth-resource-server/testing'
import { describe, expect, it, vi } from 'vitest'
import { AUD, fixtureValidator, ISS, jwks, makeKey, rsa1, seconds, t0 } from '../support/fixture.ts'

const lasting = (
  claims: Record<string, unknown> = {},
  header: Record<string, unknown> = {},
  key = rsa1,
) => t0({ exp: seconds() + 90 * 86_400, ...claims }, header, key)

/** A clock, and a validator that uses it. */
function withClock(options: Partial<Parameters<typeof createValidator>[0]>) {
  const clock = { offset: 0 }
  const now = () => Date.now() + clock.offset * 1000
  return { clock, ...createValidator({ issuer: ISS, audience: AUD, now, ...options }) }
}

const servesKeys: typeof fetch = async () => Response.json(jwks)

describe('an issuer that is trusted', () => {
  it('is accepted while many made-up issuers are being looked up', async () => {
    const { clock, validate } = withClock({
      issuer: async (iss) => {
        await new Promise((resolve) => setTimeout(resolve, 30))
        return iss === ISS ? { issuer: iss, jwks } : undefined
      },
    })
    const token = lasting()
    await validate(token)
    clock.offset = 86_400
    const crowd = Array.from({ length: 120 }, (_, index) =>
      validate(t0({ iss: `https://x${index}.test` })).catch(({ code }) => code),
    )
    await validate(token)
    expect(
      (await Promise.all(crowd)).filter((code) => code === 'service_unavailable'),
    ).toHaveLength(20)
  })

  it('is looked up again if it was refused while the clock was a day ahead', async () => {
    let answer: () => IssuerOptions | undefined = () => {
      throw new Error('down')
    }
    const { clock, validate } = withClock({ issuer: () => answer() })
    const token = lasting()
    clock.offset = 172_800
    await expect(validate(token)).rejects.toMatchObject({ status: 503 })
    answer = () => undefined
    clock.offset = 86_400
    await expect(validate(token)).rejects.toMatchObject({ reason: 'wrong_issuer' })
    answer = () => ({ issuer: ISS, jwks: jwks as never })
    clock.offset = 0
    await validate(token)
  })
})

describe('an issuer that was removed', () => {
  it('is refused while many made-up issuers are being looked up', async () => {
    let trusted = true
    const { clock, validate } = withClock({
      issuer: async (iss) => {
        await new Promise((resolve) => setTimeout(resolve, 30))
        return iss === ISS && trusted ? { issuer: iss, jwks } : undefined
      },
    })
    const token = lasting()
    await validate(token)
    trusted = false
    clock.offset = 86_400
    const crowd = Array.from({ length: 100 }, (_, index) =>
      validate(t0({ iss: `https://x${index}.test` })).catch(() => 'refused'),
    )
    await expect(validate(token)).rejects.toMatchObject({ reason: 'wrong_issuer' })
    await Promise.all(crowd)
  })

  it('is refused in time even if it was accepted while the clock was a day ahead', async () => {
    let trusted = true
    const { clock, validate } = withClock({
      issuer: (iss) => (trusted ? { issuer: iss, jwks } : undefined),
    })
    const token = lasting()
    clock.offset = 86_400
    await validate(token)
    trusted = false
    clock.offset = 0
    await expect(validate(token)).rejects.toMatchObject({ reason: 'wrong_issuer' })
  })

  it('is refused after at most twenty minutes if the function throws for it', async () => {
    let trusted = true
    const { clock, validate } = withClock({
      issuer: (iss) => {
        if (!trusted) throw new Error('no such tenant')
        return { issuer: iss, jwks }
      },
    })
    const token = lasting()
    await validate(token)
    trusted = false
    clock.offset = 1_300
    await expect(validate(token)).rejects.toMatchObject({ status: 503 })
  })

  it('does not keep a removed key if the application changes the returned object', async () => {
    const tenant: { issuer: string; jwks: { keys: object[] } } = { issuer: ISS, jwks: { ...jwks } }
    const { clock, validate } = withClock({ issuer: () => tenant as IssuerOptions })
    await validate(lasting())
    tenant.jwks.keys = jwks.keys.filter(({ kid }) => kid !== 'rsa1')
    clock.offset = 700
    await expect(validate(lasting())).rejects.toMatchObject({ reason: 'unknown_key' })
  })

  it('keeps its keys during an outage, even if the function returns new closures', async () => {
    let up = true
    const { clock, validate } = withClock({
      issuer: (iss) => ({ issuer: iss, jwksUri: `${ISS}/jwks`, scopeClaim: () => ['a'] }),
      fetch: (...request) => (up ? servesKeys(...request) : Promise.reject(new Error('down'))),
    })
    await validate(lasting())
    up = false
    clock.offset = 5_000
    await expect(validate(lasting())).resolves.toMatchObject({ scopes: ['a'] })
  })
})

describe('the clock', () => {
  it.each([
    [
      'throws',
      () => {
        throw new Error('no clock')
      },
    ],
    ['returns NaN', () => Number.NaN],
  ])(
    'that %s while keys are refreshed causes no unhandled error and no lasting failure',
    async (_, broken) => {
      let answer = (_: Response): void => {}
      let time = () => Date.now()
      const fetches = vi.fn(
        () =>
          new Promise<Response>((resolve) => {
            answer = resolve
          }),
      )
      const { validate } = createValidator({
        issuer: { issuer: ISS, jwksUri: `${ISS}/jwks` },
        audience: AUD,
        fetch: fetches,
        now: () => time(),
      })
      const first = validate(lasting()).catch((error) => error)
      time = broken
      answer(Response.json({}))
      expect(await first).toBeInstanceOf(Error)
      await expect(validate(lasting())).rejects.toThrow()
      time = () => Date.now() + 61_000
      const second = validate(lasting())
      answer(Response.json(jwks))
      await expect(second).resolves.toMatchObject({ issuer: ISS })
      expect(fetches).toHaveBeenCalledTimes(2)
    },
  )
})

describe('an unverified token', () => {
  it('has only a few of its audiences compared for the hint', async () => {
    const audience = Array.from({ length: 50 }, (_, index) => `https://rs${index}.test`)
    const { validate } = createValidator({ issuer: { issuer: ISS, jwks }, audience })
    const many = Array.from({ length: 2_000 }, () => 'x')
    const slash = 'https://rs0.test/'
    await expect(validate(t0({ aud: [slash, ...many] }))).rejects.toMatchObject({
      detail: { hint: expect.stringContaining('slash') },
    })
    const late = await validate(t0({ aud: [...many, slash] })).catch((error) => error)
    expect(late.reason).toBe('wrong_audience')
    expect(late.detail).not.toHaveProperty('hint')
  })

  it('cannot reverse the text of a log line', async () => {
    const error = await fixtureValidator()
      .validate(t0({ iss: 'https://\u202egro.test\u2066\ud800' }))
      .catch((reason) => reason)
    expect(error.detail.actual).toBe('https://?gro.test??')
  })
})

describe('keys', () => {
  it.each(['http://127.0.0.1:8500/keys', 'http://localhost/keys', 'http://127.1/'])(
    'of an https issuer are not fetched from %s on this machine',
    async (jwks_uri) => {
      const asked: string[] = []
      const { validate } = withClock({
        fetch: async (url) => {
          asked.push(String(url))
          return Response.json({ issuer: ISS, jwks_uri })
        },
      })
      await expect(validate(t0())).rejects.toMatchObject({ status: 503 })
      expect(asked).not.toContain(jwks_uri)
    },
  )

  it('with long names are reported with short ones', async () => {
    const events: ValidatorEvent[] = []
    const kid = `\n\u001b[31m${'x'.repeat(30_000)}`
    const keys = [...jwks.keys, { ...rsa1.jwk, use: 'enc', kid }]
    const { validate } = withClock({
      issuer: { issuer: ISS, jwksUri: `${ISS}/jwks` },
      fetch: async () => Response.json({ keys }),
      onEvent: (event) => events.push(event),
    })
    await validate(t0())
    const [skipped] = events.filter((event) => event.type === 'keys.skipped')
    expect(skipped?.kid).toMatch(/^\?\?\[31mx{10,200}$/)
  })

  it.each([
    ['text', () => '{"keys":[]}'],
    ['empty chunks, without end', () => new Uint8Array(0)],
  ])(
    'from a fetch function whose body consists of %s do not block the event loop',
    async (_, chunk) => {
      const { validate } = withClock({
        issuer: { issuer: ISS, jwksUri: `${ISS}/jwks` },
        fetch: async () =>
          new Response(new ReadableStream({ pull: (stream) => stream.enqueue(chunk() as never) })),
      })
      await expect(validate(t0())).rejects.toMatchObject({ status: 503 })
    },
  )
})

describe('an optional route', () => {
  it('refuses a token if its check throws MissingTokenError', async () => {
    const guard = authenticate(
      { issuer: { issuer: ISS, jwks }, audience: AUD },
      {
        optional: true,
        requirement: {
          check: () => {
            throw new MissingTokenError()
          },
        },
      },
    )
    const request = { method: 'GET', url: '/', headers: { authorization: `Bearer ${t0()}` } }
    const error = await new Promise((resolve) => guard(request, {} as never, resolve))
    expect(error).toMatchObject({ message: 'The callback check failed' })
  })
})

describe('a runtime with another global Promise, as with zone.js', () => {
  /** Unrelated to the built-in Promise, which `async` functions still return. */
  class OtherPromise {
    readonly #promise: Promise<unknown>

    constructor(executor: ConstructorParameters<typeof Promise<unknown>>[0]) {
      this.#promise = new builtIn(executor)
    }

    // biome-ignore lint/suspicious/noThenProperty: it is a promise
    then(...handlers: Parameters<Promise<unknown>['then']>) {
      return OtherPromise.resolve(this.#promise.then(...handlers))
    }

    catch(handler: () => void) {
      return this.then(undefined, handler)
    }

    static resolve(value: unknown) {
      return new OtherPromise((resolve) => resolve(value))
    }

    static race(values: Iterable<unknown>) {
      return OtherPromise.resolve(builtIn.race(values))
    }
  }
  const builtIn = Promise

  it('gets the same results, for new and for cached tokens', async () => {
    const issuer = await createTestIssuer()
    try {
      const { issuer: iss, audience } = issuer
      const [good, expired] = [await issuer.token(), await issuer.tokens.expired()]
      const guard = forHttp.authenticate({ issuer: iss, audience })
      const attempt = async (token: string) => {
        const headers = { authorization: `Bearer ${token}` }
        const response = { setHeader: () => {}, getHeader: () => {}, end: () => {}, statusCode: 0 }
        const found = await guard({ headers }, response as never)
        return found?.issuer ?? response.statusCode
      }
      vi.stubGlobal('Promise', OtherPromise)
      const outcomes: unknown[] = []
      for (const token of [good, good, expired]) outcomes.push(await attempt(token))
      vi.unstubAllGlobals()
      expect(outcomes).toEqual([iss, iss, 401])
    } finally {
      vi.unstubAllGlobals()
      await issuer.close()
    }
  })
})

describe('a runtime with fake timers, as in test runners', () => {
  it('still refuses an expired cached token, and a request without a token', async () => {
    vi.useFakeTimers({
      toFake: ['Date', 'queueMicrotask', 'setTimeout', 'setImmediate'],
    })
    try {
      const validator = fixtureValidator()
      const token = t0({ iat: seconds(), exp: seconds() + 60 })
      await validator.validate(token)
      await validator.validate(token)
      vi.setSystemTime(Date.now() + 120_000)
      await expect(validator.validate(token)).rejects.toMatchObject({ reason: 'expired' })
      await expect(validator.authenticate({ headers: {} })).rejects.toThrow(MissingTokenError)
    } finally {
      vi.useRealTimers()
    }
  })
})

describe('a runtime with frozen built-in objects', () => {
  it('still gets refusals, because errors do not assign to built-in objects', async () => {
    const descriptor = Object.getOwnPropertyDescriptor(Error, 'stackTraceLimit') ?? {}
    Object.defineProperty(Error, 'stackTraceLimit', { ...descriptor, writable: false })
    try {
      await expect(fixtureValidator().validate('x')).rejects.toMatchObject({ reason: 'malformed' })
    } finally {
      Object.defineProperty(Error, 'stackTraceLimit', descriptor)
    }
  })
})

describe('keys and the clock', () => {
  it('are not used longer than staleIfError if the clock is set back', async () => {
    let up = true
    const { clock, validate } = withClock({
      issuer: { issuer: ISS, jwksUri: `${ISS}/jwks` },
      keys: { maxAge: 60, staleIfError: 60 },
      fetch: (url, init) => (up ? servesKeys(url, init) : Promise.reject(new Error('down'))),
    })
    const token = lasting()
    clock.offset = 86_400
    await validate(token)
    up = false
    clock.offset = 0
    await validate(token)
    clock.offset = 100
    await expect(validate(token)).rejects.toMatchObject({ status: 503 })
  })

  it.each([0, 1])(
    'are not used for a token that expires during the fetch (verified %i times before)',
    async (times) => {
      let reach = Promise.resolve()
      const { clock, validate } = withClock({
        issuer: { issuer: ISS, jwksUri: `${ISS}/jwks` },
        keys: { maxAge: 60, staleIfError: 0 },
        fetch: (url, init) => reach.then(() => servesKeys(url, init)),
      })
      const token = t0({ exp: seconds() + 200 })
      for (let time = 0; time < times; time++) await validate(token)
      clock.offset = 150
      let arrive = () => {}
      reach = new Promise((resolve) => {
        arrive = resolve
      })
      const validation = validate(token)
      clock.offset = 300
      arrive()
      await expect(validation).rejects.toMatchObject({ reason: 'expired' })
    },
  )
})

describe('a key that is published during a refresh', () => {
  const rsa2 = makeKey('RS256', 'rsa2')

  it.each(['rsa2', undefined])('verifies tokens immediately (kid %s)', async (kid) => {
    let served = { keys: [rsa1.jwk] }
    let reach = Promise.resolve()
    const { clock, validate } = withClock({
      issuer: { issuer: ISS, jwksUri: `${ISS}/jwks` },
      fetch: async () => {
        const answer = Response.json(served)
        await reach
        return answer
      },
    })
    await validate(lasting())
    clock.offset = 500
    let arrive = () => {}
    reach = new Promise((resolve) => {
      arrive = resolve
    })
    await validate(lasting())
    served = { keys: [rsa1.jwk, rsa2.jwk] }
    const validation = validate(lasting({}, { kid }, rsa2))
    // Wait until the token has failed with the known keys and waits for the refresh.
    await new Promise((resolve) => setTimeout(resolve, 100))
    arrive()
    expect((await validation).issuer).toBe(ISS)
  })
})

describe('the state of the process', () => {
  it.each([
    ['a valid token', (token: string) => `Bearer ${token}`],
    ['a token with a character that base64url lacks', (token: string) => `Bearer ${token}~`],
    ['a token after another scheme', (token: string) => `Token ${token}`],
    ['an opaque token', (token: string) => `Bearer ${token.replaceAll('.', '-')}`],
  ])('does not contain %s in RegExp.$_', async (_, header) => {
    const { authenticate: check } = fixtureValidator()
    const token = t0()
    for (let time = 0; time < 2; time++) {
      const request = { headers: { authorization: header(token) }, url: '/' }
      await check(request).catch(() => 'refused')
      expect((RegExp as unknown as { $_: string }).$_.length).toBeLessThan(100)
    }
  })
})

describe('functions of the application', () => {
  it('that throw in onEvent or in a getter reject a promise, and throw nothing synchronously', async () => {
    const error = Object.assign(new Error(), { message: Symbol('x') })
    const listening = fixtureValidator({
      onEvent() {
        throw error
      },
    })
    const missing = listening.authenticate({ headers: {} })
    await expect(missing).rejects.toThrow(MissingTokenError)
    expect((await listening.validate(t0())).issuer).toBe(ISS)
    const frozen = Object.freeze(new MissingTokenError())
    const headers = {
      get headers(): never {
        throw frozen
      },
    }
    const asked = fixtureValidator().authenticate(headers)
    await expect(asked).rejects.toThrow()
  })

  it('that throw MissingTokenError cause an error, not an anonymous request', async () => {
    const scopeClaim = () => {
      throw new MissingTokenError()
    }
    const guard = authenticate(fixtureValidator({ scopeClaim }), { optional: true })
    const request = { headers: { authorization: `Bearer ${t0()}` } }
    const error = await new Promise((resolve) => guard(request, {} as never, resolve))
    expect(error).toMatchObject({ message: 'The callback scopeClaim failed' })
  })

  it('that resolve to no token cause an error in the framework', async () => {
    const validator = { ...fixtureValidator(), authenticate: async () => undefined as never }
    const error = await new Promise((resolve) =>
      authenticate(validator)({ headers: {} }, {} as never, resolve),
    )
    expect(error).toBeInstanceOf(TypeError)
  })
})
