import { describe, expect, it } from 'vitest'
import { fixtureValidator, ISS, jwks, seconds, t0 } from '../../support/fixture.ts'
import {
  accepts,
  construct,
  expectRefused,
  read,
  refuses,
  withIssuer,
} from '../../support/validator-options.ts'

describe('time', () => {
  const odd = [
    Number.NaN,
    -1,
    '5',
    Number.POSITIVE_INFINITY,
    Number.NEGATIVE_INFINITY,
    null,
    true,
    [5],
    {},
    5n,
  ]
  const at = (time: number) => () => time * 1000
  const now = seconds()

  it('F-clock clockTolerance is a number of seconds between 0 and 300', () => {
    expectRefused(
      [...odd, 300.001, 301, 60_000],
      (clockTolerance) => construct({ clockTolerance }),
      'clockTolerance must be a number of seconds between 0 and 300',
    )
    for (const clockTolerance of [0, 0.5, 300])
      expect(() => construct({ clockTolerance })).not.toThrow()
  })

  it('F-clock clockTolerance is 5 by default, and applies to exp and nbf', async () => {
    const token = t0({ iat: now, nbf: now, exp: now + 60 })
    for (const [clockTolerance, tolerance] of [
      [undefined, 5],
      [0, 0],
      [0.5, 0.5],
      [300, 300],
    ] as const) {
      const validator = (time: number) => fixtureValidator({ clockTolerance, now: at(time) })
      await accepts(validator(now - tolerance), token)
      await refuses(validator(now - tolerance - 0.25), token, 'not_yet_valid')
      await accepts(validator(now + 60 + tolerance - 0.25), token)
      await refuses(validator(now + 60 + tolerance), token, 'expired')
    }
  })

  it('F-clock the option now is the clock, for cached tokens too', async () => {
    let time = now
    const validator = fixtureValidator({ now: () => time * 1000 })
    const token = t0({ iat: now, exp: now + 60 })
    await accepts(validator, token)
    time = now + 64.9
    await accepts(validator, token)
    time = now + 65
    await refuses(validator, token, 'expired')
    time = now
    await accepts(validator, token)
    expectRefused(
      [0, Date.now(), null, '5', {}],
      (value) => construct({ now: value }),
      'now must be a function',
    )
  })

  it('F-clock no token is accepted if the clock returns NaN', async () => {
    const validator = fixtureValidator({ now: () => Number.NaN })
    await expect(validator.validate(t0())).rejects.toThrow('now must return the time')
  })

  it('F-clock maxTokenAge is a number of seconds, at least 1, measured from iat', async () => {
    expectRefused(
      [...odd, 0, 0.5],
      (maxTokenAge) => construct({ maxTokenAge }),
      'maxTokenAge must be a number of seconds between 1 and',
    )
    expectRefused(
      [0],
      (maxTokenAge) => withIssuer({ jwks, maxTokenAge }),
      `issuer ${ISS}: maxTokenAge`,
    )
    const token = t0({ iat: now, exp: now + 10_000 })
    const validator = (time: number, maxTokenAge = 60) =>
      fixtureValidator({ maxTokenAge, now: at(time) })
    await accepts(validator(now + 64.75), token)
    await refuses(validator(now + 65), token, 'too_old')
    await accepts(fixtureValidator({ now: at(now + 9_999) }), token)
    const issuer = { issuer: ISS, jwks, maxTokenAge: 10 }
    await refuses(
      fixtureValidator({ issuer, maxTokenAge: 100, now: at(now + 15) }),
      token,
      'too_old',
    )
    await refuses(
      fixtureValidator({ profile: 'jwt', maxTokenAge: 60 }),
      t0({ iat: undefined }),
      'missing_claim',
    )
  })

  it('F-clock keys.maxAge, keys.staleIfError and keys.timeout are numbers of seconds', () => {
    // Values in milliseconds are beyond the limits: 600,000 and 86,400,000.
    const bounds = {
      maxAge: [1, 86_400, 0.5],
      staleIfError: [0, 31_536_000, -0.5],
      timeout: [0.001, 300, 0],
    } as const
    for (const [name, [min, max, tooLow]] of Object.entries(bounds)) {
      const message = `keys.${name} must be a number of seconds between ${min} and ${max}`
      expectRefused(
        [...odd, tooLow, max + 1],
        (value) => construct({ keys: { [name]: value } }),
        message,
      )
      expect(read({ keys: { [name]: min } }).keyPolicy).toMatchObject({ [name]: min })
      expect(read({ keys: { [name]: max } }).keyPolicy).toMatchObject({ [name]: max })
    }
    expect(read().keyPolicy).toEqual({ maxAge: 600, staleIfError: 86_400, timeout: 5 })
    expectRefused([null, 5, [], '600'], (keys) => construct({ keys }), 'keys takes an object with')
  })
})
