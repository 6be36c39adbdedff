/** What the event and the error of a refusal contain: exact members, hints and challenges. */
import {
  createValidator,
  type HttpRequest,
  type TokenAcceptedEvent,
  type TokenRefusedEvent,
  type ValidatorEvent,
  type ValidatorOptions,
} from 'oauth-resource-server'
import { describe, expect, it } from 'vitest'
import type { Pipeline } from '../../../src/pipeline/pipeline.ts'
import { completeError, isCallbackFailure } from '../../../src/pipeline/report.ts'
import { opaqueForFunctionHint } from '../../../src/token/hints.ts'
import { createApi } from '../../support/checked-validator.ts'
import { encrypt, makeRsaKey } from '../../support/encryption.ts'
import { AUD, base64url, fixtureOptions, ISS, jwks, t0 } from '../../support/fixture.ts'

/** The error of a request or a token, and its last event. */
async function refuse(subject: HttpRequest | string, options: Partial<ValidatorOptions> = {}) {
  const events: ValidatorEvent[] = []
  const onEvent = (event: ValidatorEvent) => events.push(event)
  const validator = createValidator(fixtureOptions({ onEvent, ...options }))
  const attempt =
    typeof subject === 'object' ? validator.authenticate(subject) : validator.validate(subject)
  const error = await attempt.then(
    () => expect.fail('it was accepted'),
    (reason) => reason,
  )
  return { error, event: events.at(-1) }
}

const withHeader = (authorization: string) => ({ headers: { authorization } })
const durationMs = expect.any(Number)

describe('the event of an accepted token', () => {
  it('has the duration, and no client id if the token has none', async () => {
    const { accepts, events } = createApi({ profile: 'jwt' })
    const startedAt = performance.now()
    await accepts(t0({ client_id: undefined }))
    const elapsed = performance.now() - startedAt
    expect(events).toStrictEqual([
      {
        type: 'token.accepted',
        issuer: ISS,
        clientId: undefined,
        proofs: [],
        cached: false,
        durationMs,
      },
    ])
    const { durationMs: duration } = events[0] as TokenAcceptedEvent
    expect(duration).toBeGreaterThanOrEqual(0)
    expect(duration).toBeLessThanOrEqual(elapsed)
  })
})

it('the event of an accepted token has its client id, made printable', async () => {
  const { accepts, events } = createApi()
  await accepts(t0({ client_id: 'app\n1' }))
  expect(events).toMatchObject([{ clientId: 'app?1' }])
})

describe('the event of a refusal', () => {
  it('has the duration', async () => {
    const startedAt = performance.now()
    const { event } = await refuse('x')
    const { durationMs: duration } = event as TokenRefusedEvent
    expect(duration).toBeGreaterThanOrEqual(0)
    expect(duration).toBeLessThanOrEqual(performance.now() - startedAt)
  })

  it('of an invalid token names the issuer, the algorithm and the key', async () => {
    const { event, error } = await refuse(t0({ aud: 'https://b.test' }))
    expect(event).toStrictEqual({
      type: 'token.refused',
      status: 401,
      reason: 'wrong_audience',
      issuer: ISS,
      clientId: undefined,
      detail: {
        issuer: ISS,
        algorithm: 'RS256',
        kid: 'rsa1',
        name: 'aud',
        expected: 'https://rs.test/api',
        actual: 'https://b.test',
      },
      cause: undefined,
      durationMs,
    })
    expect(error.detail).toBe((event as TokenRefusedEvent).detail)
  })

  it('of a token without kid names no key, but has the hint of its reason', async () => {
    const [header, payload] = t0({}, { kid: undefined }).split('.')
    const { error } = await refuse(`${header}.${payload}.${'A'.repeat(342)}`)
    expect(error.detail).toStrictEqual({
      issuer: ISS,
      algorithm: 'RS256',
      hint: 'the token was changed after it was signed, or another environment signed it',
    })
  })

  it('has a hint for a token of another kind before that of its reason', async () => {
    const { error } = await refuse(t0({ typ: 'Refresh' }, { kid: 'unknown' }))
    expect(error).toMatchObject({
      reason: 'unknown_key',
      detail: { hint: expect.stringMatching(/refresh token/) },
    })
  })

  it('keeps the hint of the check that refused the token', async () => {
    const { error } = await refuse(t0({ iss: `${ISS}/` }))
    expect(error.detail.hint).toMatch(/slash at the end/)
  })

  it('of a missing scope names neither the algorithm nor a service', async () => {
    const { event } = await refuse(t0(), { requirement: { scopes: 'write' } })
    expect(event).toStrictEqual({
      type: 'token.refused',
      status: 403,
      reason: 'insufficient_scope',
      issuer: ISS,
      clientId: 'client-1',
      detail: expect.not.objectContaining({ algorithm: expect.anything() }),
      cause: undefined,
      durationMs,
    })
  })

  it('of an unavailable service names it', async () => {
    const cause = new Error('down')
    const issuer = () => Promise.reject(cause)
    expect((await refuse(t0(), { issuer })).event).toStrictEqual({
      type: 'token.refused',
      status: 503,
      reason: 'service_unavailable',
      service: 'issuer_resolver',
      issuer: undefined,
      clientId: undefined,
      detail: { hint: 'the function given as issuer failed' },
      cause,
      durationMs,
    })
  })
})

describe('a missing token', () => {
  it('has no hint if the caller passed no token', async () => {
    const { error, event } = await refuse(undefined as unknown as string)
    expect(error.detail).toStrictEqual({})
    expect(event).toStrictEqual({ type: 'token.missing', hint: undefined })
  })

  it('has a hint if the request has another scheme', async () => {
    const { error, event } = await refuse(withHeader('Basic eDp5'))
    expect(error.detail).toStrictEqual({ hint: expect.any(String) })
    expect(event).toStrictEqual({ type: 'token.missing', hint: error.detail.hint })
  })
})

describe('an opaque token', () => {
  const trusting = (issuer: string) => ({ issuer, jwks })

  it.each(['opaque', 'opaque.token'])(
    'has a hint if a function finds the issuers: %s',
    async (token) => {
      const { error } = await refuse(token, { issuer: trusting })
      expect(error).toMatchObject({ reason: 'malformed' })
      expect(error.detail).toStrictEqual({ hint: opaqueForFunctionHint })
    },
  )

  it('has another hint if the issuers are listed', async () => {
    const { error } = await refuse('opaque.token')
    expect(error.detail.hint).not.toBe(opaqueForFunctionHint)
  })

  it('names the issuer of its prefix', async () => {
    const introspection = {
      authentication: { method: 'none' },
      endpoint: 'https://as.test/introspect',
      tokenPrefix: 'op_',
    } as const
    const issuer = { issuer: ISS, jwks, introspection }
    const reasonFor = async (response: object) => {
      const fetch = async () => Response.json(response)
      const { error } = await refuse('op_1', { issuer, fetch, revoked: () => true })
      expect(error.detail.issuer).toBe(ISS)
      return error.reason
    }
    expect(await reasonFor({ active: false })).toBe('inactive')
    expect(await reasonFor({ active: true, aud: 'https://b.test' })).toBe('wrong_audience')
    expect(await reasonFor({ active: true, aud: AUD })).toBe('revoked')
  })
})

it('a cached JWT that its issuer no longer reports for this API has the detail of the response', async () => {
  let aud = AUD
  const introspection = {
    authentication: { method: 'none' },
    endpoint: 'https://as.test/introspect',
    tokens: 'all',
    maxAge: 0,
  } as const
  const { validate } = createValidator(
    fixtureOptions({
      issuer: { issuer: ISS, jwks, introspection },
      fetch: async () => Response.json({ active: true, aud }),
    }),
  )
  const token = t0()
  await validate(token)
  aud = 'https://b.test'
  const error = await validate(token).catch((reason) => reason)
  expect(error.detail).toStrictEqual({
    issuer: ISS,
    algorithm: 'RS256',
    kid: 'rsa1',
    name: 'aud',
    expected: AUD,
    actual: 'https://b.test',
  })
})

describe('a token that is not opaque, where a function finds the issuers', () => {
  const issuer = (iss: string) => ({ issuer: iss, jwks })

  it.each([`${base64url('{"alg":"RS256"}')}.x`, `${t0()}=`])(
    'does not have the hint for opaque tokens: %#',
    async (token) => {
      const { error } = await refuse(token, { issuer })
      expect(error.reason).toBe('malformed')
      expect(error.detail.hint).not.toBe(opaqueForFunctionHint)
    },
  )

  it('does not have that hint if it is encrypted', async () => {
    const token = await encrypt(t0(), makeRsaKey())
    const { error } = await refuse(token, { issuer })
    expect(error).toMatchObject({
      reason: 'encrypted',
      detail: { hint: expect.stringContaining('has no iss') },
    })
  })
})

describe('the challenges, if Bearer and DPoP are offered', () => {
  const challengesOf = async (authorization: string) => {
    const { error } = await refuse(withHeader(authorization), {
      dpop: true,
      publicUrl: 'https://rs.test',
    })
    const lines: string[] = error.headers['WWW-Authenticate']
    return lines.map((line) => line.includes(`error="${error.code}"`))
  }

  it.each([
    { value: 'Bearer x', what: 'of the scheme that was used', expected: [true, false] },
    { value: 'DPoP x', what: 'of the scheme that was used', expected: [false, true] },
    { value: 'Bearer x y', what: 'of the scheme that was used', expected: [true, false] },
    { value: 'Bearer x, DPoP y', what: 'of both, if both were used', expected: [true, true] },
    { value: 'Bearer', what: 'of both, if there is no token', expected: [true, true] },
  ])('carry the error $what: $value', async ({ value, expected }) => {
    expect(await challengesOf(value)).toEqual(expected)
  })
})

it('a comma in the token of a form does not change the challenge that carries the error', async () => {
  const { error } = await refuse(
    {
      method: 'POST',
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      body: { access_token: 'a,b' },
    },
    { dpop: true, publicUrl: 'https://rs.test', tokenLocations: ['body'] },
  )
  expect(error.code).toBe('invalid_token')
  expect(error.headers['WWW-Authenticate']).toEqual([
    expect.stringMatching(/^Bearer .*error="invalid_token"/),
    expect.not.stringContaining('error='),
  ])
})

describe('the failure of a function of the application', () => {
  it('is marked as reported, so that an adapter does not report it again', async () => {
    const failure = new Error('a defect')
    const check = () => {
      throw failure
    }
    const { error, event } = await refuse(t0(), { requirement: { check } })
    expect(event).toStrictEqual({ type: 'callback.failed', cause: error })
    expect(isCallbackFailure(error)).toBe(true)
    expect(isCallbackFailure(new Error('a defect'))).toBe(false)
  })

  it('gets no headers', () => {
    const failure = new TypeError('a defect')
    const pipeline = { challenges: { bearer: 'Bearer', dpop: undefined } } as Pipeline
    expect(completeError(failure, pipeline)).toBe(failure)
    expect(failure).not.toHaveProperty('headers')
    expect(completeError('a defect', pipeline)).toBeInstanceOf(Error)
  })
})
