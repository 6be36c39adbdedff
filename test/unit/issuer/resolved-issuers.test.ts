import type { IssuerOptions, IssuerResolver, ValidatorOptions } from 'oauth-resource-server'
import { createValidator } from 'oauth-resource-server'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { createApi, JWKS_URI } from '../../support/checked-validator.ts'
import { AUD, base64url, ISS, jwks, rsa1, t0 } from '../../support/fixture.ts'

const start = 1_800_000_000

/** An API that finds its issuers with a function, and a clock that the test moves. */
function createDynamicApi(
  answer: IssuerResolver,
  options: Partial<ValidatorOptions> = {},
  served: Record<string, unknown> = {},
) {
  const clock = { seconds: start }
  const asked: string[] = []
  const issuer: IssuerResolver = (iss) => {
    asked.push(iss)
    return answer(iss)
  }
  const api = createApi({ issuer, now: () => clock.seconds * 1000, ...options }, served)
  return { ...api, clock, asked }
}

/** A token that is valid for a day, so that only the issuer affects the result. */
const by = (iss: string, claims: object = {}) =>
  t0({ iss, iat: start, exp: start + 100_000, ...claims })
const trusting = (iss: string): IssuerOptions => ({ issuer: iss, jwks })

describe('an issuer that a function finds', () => {
  it('8725-3.8-e is trusted with the options that it returns, which override the validator’s', async () => {
    const { accepts, refuses, asked } = createDynamicApi((iss) => ({
      ...trusting(iss),
      audience: 'own',
      profile: 'jwt',
    }))
    await accepts(by(ISS, { aud: 'own', jti: undefined }))
    await refuses(by(ISS), 'wrong_audience')
    expect(asked).toEqual([ISS])
  })

  it('8725-3.8-e is looked up with the exact iss of the token', async () => {
    const { asked, refuses } = createDynamicApi(() => undefined)
    const names = [
      `${ISS}/`,
      'http://as.test/adfs',
      ' x',
      '__proto__',
      'file:///etc/passwd',
      'urn:a',
    ]
    for (const iss of names) await refuses(by(iss), 'wrong_issuer')
    expect(asked).toEqual(names)
  })

  it.each([
    ['missing_claim', undefined],
    ['invalid_claim', ''],
    ['invalid_claim', 1],
    ['invalid_claim', [ISS]],
    ['wrong_issuer', `https://${'x'.repeat(1_000)}`],
  ] as const)(
    '8725-3.8-e is not looked up if the token is refused for another reason: %s',
    async (reason, iss) => {
      const { asked, refuses } = createDynamicApi(trusting as IssuerResolver)
      await refuses(by(iss as string), reason)
      expect(asked).toEqual([])
    },
  )

  it('8725-3.8-e is not looked up for a malformed token', async () => {
    const { asked, refuses } = createDynamicApi(trusting)
    await refuses(`${by(ISS)}=`, 'malformed')
    await refuses(t0({}, { crit: ['x'] }), 'critical_header')
    expect(asked).toEqual([])
  })

  it('8725-3.8-e a name of 1,000 characters is looked up, a longer one is not', async () => {
    const { asked, refuses } = createDynamicApi(() => undefined)
    await refuses(by('x'.repeat(1_000)), 'wrong_issuer')
    const { detail } = await refuses(by('x'.repeat(1_001)), 'wrong_issuer')
    expect(detail).toEqual({
      name: 'iss',
      expected: '',
      actual: expect.stringMatching(/^x{100,}/),
      hint: 'iss is longer than 1000 characters',
    })
    expect(asked.map((iss) => iss.length)).toEqual([1_000])
  })

  it.each([
    'https://as.test/realms/../files/mallory',
    'https://as.test/realms/%2e%2e/files/mallory',
    'https://as.test/realms/..%2ffiles%2fmallory',
    'https://as.test/realms\\..\\files\\mallory',
    'https:\\as.test\\realms',
    'https:///as.test',
    'https:as.test',
    'https://@as.test/',
    'https://user:password@as.test',
    'https://a\u00ads.test',
    'https://ａs.test',
    'https://bücher.test',
    'https://AS.test',
    'HTTPS://as.test',
    'https://as.test:443',
    'http://as.test:80/adfs',
    'https://as.te\tst',
    'https://as.test\n',
    '\nhttps://as.test',
    ' https://as.test',
    'https://as.test?',
    'https://as.test/?a=b',
    'https://as.test#',
    'a\nb',
    'a\u202eb',
    'a\0',
  ])(
    '8725-3.8-e is not looked up for an iss that a URL parser or a log would change: %j',
    async (iss) => {
      const { asked, refuses, requests } = createDynamicApi((issuer) => ({ issuer }))
      const { detail } = await refuses(by(iss), 'wrong_issuer')
      expect(detail.hint).toMatch(/^iss (is|has) [\x20-\x7e]+$/)
      expect([...asked, ...requests]).toEqual([])
    },
  )

  it.each(['http://as.test/adfs/services/trust', 'urn:example:as', 'example'])(
    '8725-3.8-e may be any string if its keys are configured: %s',
    async (iss) => {
      const served = { [JWKS_URI]: jwks }
      const remote = createDynamicApi((issuer) => ({ issuer, jwksUri: JWKS_URI }), {}, served)
      await remote.accepts(by(iss))
      expect(remote.requests).toEqual([JWKS_URI])
      await createDynamicApi(trusting).accepts(by(iss))
      const { isUnavailableFor, requests } = createDynamicApi((issuer) => ({ issuer }))
      const { cause } = await isUnavailableFor(by(iss))
      expect(cause).toBeInstanceOf(TypeError)
      expect(requests).toEqual([])
    },
  )

  it('8725-3.8-e is named on one line and in at most 200 characters in every message', async () => {
    const iss = `é${'x'.repeat(900)}`
    const { isUnavailableFor } = createDynamicApi((issuer) => ({ issuer, jwksUri: 'x' }))
    const { cause } = await isUnavailableFor(by(iss))
    expect((cause as Error).message.length).toBeLessThan(300)
    const { refuses } = createDynamicApi(() => undefined)
    const { detail } = await refuses(by(`https://${iss}/`), 'wrong_issuer')
    expect(detail.hint?.length).toBeLessThan(300)
  })

  it('8725-3.8-e is looked up once for many concurrent tokens', async () => {
    let answer = (_: IssuerOptions | undefined): void => {}
    const answered = new Promise<IssuerOptions | undefined>((resolve) => {
      answer = resolve
    })
    const { validator, asked } = createDynamicApi(() => answered)
    const validations = Array.from({ length: 50 }, () => validator.validate(by(ISS)))
    answer(trusting(ISS))
    for (const { issuer } of await Promise.all(validations)) expect(issuer).toBe(ISS)
    expect(asked).toEqual([ISS])
  })

  it('8725-3.8-e many concurrent tokens of an untrusted issuer cause one lookup, and each gets its own error', async () => {
    const { validator, asked } = createDynamicApi(async () => undefined)
    const refusals = await Promise.all(
      Array.from({ length: 50 }, () => validator.validate(by('x')).catch((error) => error)),
    )
    expect(asked).toEqual(['x'])
    expect(new Set(refusals).size).toBe(50)
    for (const error of refusals) expect(error).toMatchObject({ reason: 'wrong_issuer' })
  })

  it('8725-3.8-e keys are fetched from the returned URL, and never mixed', async () => {
    const served = {
      [JWKS_URI]: jwks,
      'https://b.test/keys': { keys: [{ ...rsa1.jwk, kid: 'b' }] },
    }
    const { accepts, refuses, requests } = createDynamicApi(
      (iss) => ({ issuer: iss, jwksUri: iss === ISS ? JWKS_URI : 'https://b.test/keys' }),
      {},
      served,
    )
    await accepts(by(ISS))
    await refuses(by('https://b.test'), 'unknown_key')
    await accepts(t0({ iss: 'https://b.test', iat: start, exp: start + 60 }, { kid: 'b' }))
    expect(new Set(requests)).toEqual(new Set(Object.keys(served)))
  })

  describe('ready()', () => {
    const unsigned = (iss: string) => `${by(iss).split('.', 2).join('.')}.${'A'.repeat(342)}`

    function createTenants() {
      const served: Record<string, unknown> = { [JWKS_URI]: jwks }
      const tenants = new Set([ISS, 'https://dead.test'])
      const api = createDynamicApi(
        (issuer) =>
          tenants.has(issuer)
            ? { issuer, jwksUri: `${issuer}/jwks`, algorithms: ['RS256'] }
            : undefined,
        { keys: { maxAge: 60, staleIfError: 0 } },
        served,
      )
      return { ...api, served, tenants }
    }

    it('8725-3.8-e covers an issuer with a verified token', async () => {
      const { validator, requests, accepts, served, clock } = createTenants()
      await validator.ready()
      expect(requests).toEqual([])
      await accepts(by(ISS))
      await validator.ready()
      expect(requests).toEqual([JWKS_URI])
      delete served[JWKS_URI]
      clock.seconds = start + 60
      await expect(validator.ready()).rejects.toMatchObject({ service: 'keys' })
    })

    it('8725-3.8-e does not cover an issuer without a verified token', async () => {
      const { validator } = createTenants()
      const dead = validator.validate(unsigned('https://dead.test'))
      await expect(dead).rejects.toMatchObject({ status: 503 })
      await validator.ready()
      await validator.validate(by(ISS))
      await validator.ready()
    })

    it.each(['removed', 'not current'])(
      '8725-3.8-e does not cover an issuer whose answer is %s',
      async (state) => {
        const { validator, served, clock, tenants } = createTenants()
        await validator.validate(by(ISS))
        delete served[JWKS_URI]
        clock.seconds = start + 600
        if (state === 'removed') {
          tenants.delete(ISS)
          const removed = validator.validate(by(ISS))
          await expect(removed).rejects.toMatchObject({ reason: 'wrong_issuer' })
        }
        await validator.ready()
      },
    )
  })
})

describe('the answer of the function', () => {
  it('8725-3.8-e is stored for 600 s', async () => {
    const { accepts, asked, clock } = createDynamicApi(trusting)
    await accepts(by(ISS))
    clock.seconds = start + 599
    await accepts(by(ISS))
    expect(asked).toHaveLength(1)
    clock.seconds = start + 600
    await accepts(by(ISS))
    await accepts(by(ISS))
    expect(asked).toHaveLength(2)
  })

  it('8725-3.8-e that has not changed keeps the keys and the cached tokens', async () => {
    const { accepts, requests, clock, events, asked } = createDynamicApi(
      (iss) => ({ issuer: iss, jwksUri: JWKS_URI }),
      { keys: { maxAge: 86_400 } },
      { [JWKS_URI]: jwks },
    )
    const token = by(ISS)
    await accepts(token)
    clock.seconds = start + 700
    events.length = 0
    await accepts(token)
    expect(asked).toHaveLength(2)
    expect(requests).toEqual([JWKS_URI])
    expect(events).toEqual([expect.objectContaining({ cached: true })])
  })

  it('8725-3.8-e that has changed applies immediately, to cached tokens too', async () => {
    let audience = AUD
    const { accepts, refuses, clock } = createDynamicApi((iss) => ({ ...trusting(iss), audience }))
    const token = by(ISS)
    await accepts(token)
    audience = 'https://other.test'
    clock.seconds = start + 599
    await accepts(token)
    clock.seconds = start + 600
    await refuses(token, 'wrong_audience')
    await accepts(by(ISS, { aud: audience }))
  })

  it('8725-3.8-e undefined refuses the issuer for 60 s without another call', async () => {
    let answer: IssuerOptions | undefined
    const { accepts, refuses, asked, clock } = createDynamicApi(() => answer)
    const { detail } = await refuses(by(ISS), 'wrong_issuer')
    expect(detail).toEqual({
      name: 'iss',
      expected: '',
      actual: ISS,
      hint: expect.stringContaining('returned undefined: compare iss character by character'),
    })
    answer = trusting(ISS)
    clock.seconds = start + 59
    await refuses(by(ISS), 'wrong_issuer')
    expect(asked).toHaveLength(1)
    clock.seconds = start + 60
    await accepts(by(ISS))
    expect(asked).toHaveLength(2)
  })

  it('8725-3.8-e undefined for a trusted issuer ends the trust, for cached tokens too', async () => {
    let answer: IssuerOptions | undefined = trusting(ISS)
    const { accepts, refuses, clock } = createDynamicApi(async () => answer)
    const token = by(ISS)
    await accepts(token)
    answer = undefined
    clock.seconds = start + 600
    await refuses(token, 'wrong_issuer')
    await refuses(by(ISS), 'wrong_issuer')
    answer = trusting(ISS)
    clock.seconds = start + 660
    await accepts(token)
  })
})

describe('a function that fails', () => {
  const failure = new Error('the database is down')
  const privateKeys = { keys: [{ ...rsa1.jwk, d: base64url('x') }] }
  const failures: [string, () => unknown][] = [
    [
      'throws',
      () => {
        throw failure
      },
    ],
    ['rejects', () => Promise.reject(failure)],
    ['answers with another issuer', () => trusting('https://b.test')],
    ['answers with another spelling', () => trusting(`${ISS}/`)],
    ['answers with null', () => null],
    ['answers with true', () => true],
    ['answers with an option that does not exist', () => ({ ...trusting(ISS), secret: 'x' })],
    ['answers with no issuer', () => ({ jwks })],
    [
      'answers with an algorithm that is not supported',
      () => ({ ...trusting(ISS), algorithms: ['none'] }),
    ],
    ['answers with a JWK Set without a usable key', () => ({ issuer: ISS, jwks: privateKeys })],
    ['answers with keys that are not a JWK Set', () => ({ issuer: ISS, jwks: 'x' })],
    ['rejects with a value that is not an Error', () => Promise.reject('down')],
    ['returns a URL that may not be fetched', () => ({ issuer: ISS, jwksUri: 'http://x.test' })],
  ]

  it.each(failures)(
    '8725-3.8-e that %s is answered with 503, and an event is emitted',
    async (_, answer) => {
      const { isUnavailableFor, events, asked } = createDynamicApi(answer as IssuerResolver)
      const error = await isUnavailableFor(by(ISS))
      expect(error.detail.hint).toBe('the function given as issuer failed')
      expect(error.retryAfter).toBe(1)
      expect(error.cause).toBeInstanceOf(Error)
      expect(events[0]).toEqual({ type: 'callback.failed', cause: error.cause })
      await isUnavailableFor(by(ISS))
      expect(asked).toHaveLength(1)
    },
  )

  it('8725-3.8-e that does not settle is awaited no longer than keys.timeout', async () => {
    const { validate } = createValidator({
      issuer: () => new Promise<never>(() => {}),
      audience: AUD,
      keys: { timeout: 0.05 },
    })
    await expect(validate(by(ISS))).rejects.toMatchObject({
      status: 503,
      cause: { message: 'no answer within 0.05 s' },
    })
  })

  it.each(failures)('8725-3.8-e that %s is asked again after a second', async (_, answer) => {
    let next = answer
    const { accepts, isUnavailableFor, asked, clock } = createDynamicApi((() =>
      next()) as IssuerResolver)
    await isUnavailableFor(by(ISS))
    next = () => trusting(ISS)
    clock.seconds = start + 0.9
    await isUnavailableFor(by(ISS))
    clock.seconds = start + 1
    await accepts(by(ISS))
    expect(asked).toHaveLength(2)
  })

  it.each(failures)('8725-3.8-e that %s leaves the previous answer in use', async (_, answer) => {
    let next: () => unknown = () => trusting(ISS)
    const { accepts, asked, clock, events } = createDynamicApi((() => next()) as IssuerResolver)
    const token = by(ISS)
    await accepts(token)
    next = answer
    clock.seconds = start + 600
    await accepts(token)
    await accepts(by(ISS))
    expect(asked).toHaveLength(2)
    expect(events.filter(({ type }) => type === 'callback.failed')).toHaveLength(1)
    // The function is called again after a minute, and not more often.
    clock.seconds = start + 659
    await accepts(token)
    expect(asked).toHaveLength(2)
    clock.seconds = start + 660
    await accepts(token)
    expect(asked).toHaveLength(3)
  })

  it('8725-3.8-e the previous answer is used for ten more minutes, and no longer', async () => {
    let next: IssuerResolver = trusting
    const { accepts, isUnavailableFor, clock } = createDynamicApi((iss) => next(iss))
    const token = by(ISS, { exp: start + 9_000 })
    await accepts(token)
    next = () => Promise.reject(failure)
    clock.seconds = start + 1_199
    await accepts(token)
    clock.seconds = start + 1_260
    await isUnavailableFor(token)
    next = trusting
    clock.seconds = start + 1_262
    await accepts(token)
  })

  it('8725-3.8-e an answer that is used during a failure expires after twenty minutes', async () => {
    let next: IssuerResolver = trusting
    const { accepts, isUnavailableFor, clock } = createDynamicApi((iss) => next(iss))
    const token = by(ISS)
    await accepts(token)
    next = () => Promise.reject(failure)
    for (let age = 600; age < 1_200; age += 59) {
      clock.seconds = start + age
      await accepts(token)
    }
    clock.seconds = start + 1_199.9
    await accepts(token)
    clock.seconds = start + 1_200
    await isUnavailableFor(token)
  })

  it('8725-3.8-e a request waits for it and for keys no longer than keys.timeout in total', async () => {
    const wait = (milliseconds: number) =>
      new Promise((resolve) => setTimeout(resolve, milliseconds))
    vi.useFakeTimers()
    onTestFinished(() => void vi.useRealTimers())
    const { validate } = createValidator({
      issuer: async (issuer) => {
        await wait(700)
        return { issuer, jwksUri: JWKS_URI }
      },
      audience: AUD,
      keys: { timeout: 1 },
      fetch: async () => {
        await wait(700)
        return Response.json(jwks)
      },
    })
    const startedAt = Date.now()
    const outcome = validate(t0()).then(
      () => 'accepted',
      (error) => [error.status, error.service, Date.now() - startedAt],
    )
    await vi.advanceTimersByTimeAsync(2_000)
    expect(await outcome).toEqual([503, 'keys', 1_000])
    await expect(validate(t0())).resolves.toMatchObject({ issuer: ISS })
  })

  it('8725-3.8-e many concurrent tokens cause one call, and each gets its own error', async () => {
    const { validator, asked } = createDynamicApi(() => Promise.reject(failure))
    const errors = await Promise.all(
      Array.from({ length: 20 }, () => validator.validate(by(ISS)).catch((error) => error)),
    )
    expect(asked).toHaveLength(1)
    expect(new Set(errors).size).toBe(20)
    for (const error of errors) expect(error).toMatchObject({ status: 503, cause: failure })
  })
})

describe('made-up issuers', () => {
  const madeUp = (count: number) =>
    Array.from({ length: count }, (_, index) => `https://x${index}.test`)
  const onlyOurs: IssuerResolver = async (iss) => (iss === ISS ? trusting(iss) : undefined)

  /** A token with an invalid signature, whose issuer is looked up. */
  const unsigned = (iss: string) =>
    [{ alg: 'RS256' }, { iss }, 'x'].map((part) => base64url(JSON.stringify(part))).join('.')

  it('8725-3.8-e 10,000 are refused, of which the newest 1,000 are stored', async () => {
    const { validator, asked, accepts } = createDynamicApi(onlyOurs)
    await accepts(by(ISS))
    const names = madeUp(10_000)
    for (const iss of names) {
      await expect(validator.validate(unsigned(iss))).rejects.toMatchObject({
        reason: 'wrong_issuer',
      })
    }
    expect(asked).toHaveLength(10_001)
    const again = async (iss: string) => {
      asked.length = 0
      await expect(validator.validate(unsigned(iss))).rejects.toMatchObject({
        reason: 'wrong_issuer',
      })
      return asked.length
    }
    expect(await again(names[9_999] as string)).toBe(0)
    expect(await again(names[9_000] as string)).toBe(0)
    expect(await again(names[8_999] as string)).toBe(1)
    expect(await again(names[0] as string)).toBe(1)
    // Trusted issuers are stored apart from refused ones.
    asked.length = 0
    await accepts(by(ISS))
    expect(asked).toEqual([])
  })

  it('8725-3.8-e the newest 1,000 of those that the function trusts are stored', async () => {
    const { validator, asked } = createDynamicApi(trusting)
    const again = (iss: string) =>
      expect(validator.validate(unsigned(iss))).rejects.toMatchObject({ reason: 'wrong_type' })
    const names = madeUp(1_001)
    for (const iss of names) await again(iss)
    asked.length = 0
    await again(names[1] as string)
    await again(names[1_000] as string)
    expect(asked).toEqual([])
    await again(names[0] as string)
    expect(asked).toEqual([names[0]])
  })

  it('8725-3.8-e 100 may be looked up at a time, and the rest are answered with 503', async () => {
    let answer = (_: undefined): void => {}
    const answered = new Promise<undefined>((resolve) => {
      answer = resolve
    })
    const { validator, asked } = createDynamicApi(() => answered)
    const validations = madeUp(150).map((iss) =>
      validator.validate(unsigned(iss)).catch((error) => error),
    )
    await Promise.resolve()
    answer(undefined)
    const errors = await Promise.all(validations)
    expect(asked).toHaveLength(100)
    expect(errors.filter(({ reason }) => reason === 'wrong_issuer')).toHaveLength(100)
    expect(errors.filter(({ status }) => status === 503)).toHaveLength(50)
    expect(errors[149].detail.hint).toBe('too many issuers are being looked up')
    await expect(validator.validate(unsigned('https://x149.test'))).rejects.toMatchObject({
      reason: 'wrong_issuer',
    })
  })

  it('8725-3.8-e that are being looked up do not affect a known issuer', async () => {
    const never = new Promise<undefined>(() => {})
    const { validator, accepts, clock } = createDynamicApi((iss) =>
      iss === ISS ? trusting(iss) : never,
    )
    const token = by(ISS)
    await accepts(token)
    for (const iss of madeUp(100)) void validator.validate(unsigned(iss)).catch(() => undefined)
    await accepts(token)
    clock.seconds = start + 600
    await accepts(token)
  })
})
