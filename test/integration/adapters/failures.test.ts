/** Failures: outages, callbacks that throw, and the errors themselves. */
import { inspect } from 'node:util'
import {
  AccessTokenError,
  createValidator,
  InsufficientScopeError,
  InvalidRequestError,
  InvalidTokenError,
  MissingTokenError,
  ServiceUnavailableError,
} from 'oauth-resource-server'
import { describe, expect, it, vi } from 'vitest'
import { askOnce, refuseToFetch, withApis, withRoute } from '../../support/adapters.ts'
import { parseChallenges } from '../../support/challenge-parser.ts'
import { linesOf } from '../../support/exchange.ts'
import { C401, expectEverywhere, OK, secretsOf, T401, X503 } from '../../support/expectations.ts'
import { AUD, fixtureValidator, ISS, t0 } from '../../support/fixture.ts'
import { bearer } from '../../support/requests.ts'
import { adapterNames } from '../../support/servers.ts'

const T0 = t0()
const expired = t0({ exp: 1 })

describe('failures', () => {
  it('F-503 a token is answered with 503 while the keys are unavailable', () =>
    withApis({ validator: { issuer: ISS, fetch: refuseToFetch } }, async (others) => {
      await expectEverywhere(others, [bearer(T0), bearer(T0, { path: '/scoped' })], X503)
      // Refusals that need no key are not affected.
      await expectEverywhere(others, {}, C401)
      await expectEverywhere(others, bearer(expired), T401('expired'))
    }))

  it('F-503 a failure of the function that finds issuers is answered with 503', () =>
    withApis({ validator: { issuer: () => Promise.reject(new Error('database')) } }, (others) =>
      expectEverywhere(others, bearer(T0), X503),
    ))

  const throwing = {
    throws: () => {
      throw new RangeError('boom')
    },
    rejects: () => Promise.reject(new RangeError('boom')),
  }

  for (const [how, check] of Object.entries(throwing)) {
    it(`F-throw a check that ${how} leads to 500, and the framework gets an Error that wraps what it threw`, async () => {
      const table = {
        '/p': {},
        '/authenticate': { authenticate: { requirement: { check } } },
        '/authorize': { authorize: { check } },
        '/optional': { authenticate: { optional: true, requirement: { check } } },
        '/pass': { authenticate: { passErrors: true, requirement: { check } } },
      }
      await withApis({ routes: table }, async (others) => {
        for (const api of others) {
          for (const path of ['/authenticate', '/authorize', '/optional', '/pass']) {
            api.forget()
            const answer = await api.send(bearer(T0, { path }))
            expect(answer.status, api.name + path).toBe(500)
            expect(linesOf(answer, 'WWW-Authenticate')).toEqual([])
            expect(api.seen).toEqual([])
            expect(api.events.at(-1)).toMatchObject({
              type: 'callback.failed',
              cause: { message: 'The callback check failed', cause: { message: 'boom' } },
            })
            // Plain http has no error handler, so it passes errors on only with passErrors.
            const isPlain = ['http', 'http2'].includes(api.name) && path !== '/pass'
            expect(api.failures).toMatchObject(
              isPlain ? [] : [{ name: 'Error', cause: { name: 'RangeError', message: 'boom' } }],
            )
            if (isPlain) expect(answer.body).toBe('')
          }
        }
      })
    })
  }

  it('F-throw a scopeClaim function that throws or does not return an array leads to 500', async () => {
    const failing = [throwing.throws, () => 'read:a' as never]
    for (const scopeClaim of failing) {
      await withApis({ validator: { scopeClaim } }, async (others) => {
        for (const api of others) {
          const answer = await api.send(bearer(T0))
          expect(answer.status, api.name).toBe(500)
          expect(api.seen).toEqual([])
        }
      })
    }
  })

  it('F-throw a check that returns any value except true refuses the token', async () => {
    const refused = { status: 403, error: 'insufficient_scope', reason: 'insufficient_scope' }
    for (const value of [false, undefined, null, 1, 'true', {}, Promise.resolve('yes')]) {
      await withRoute({ authorize: { check: () => value as boolean } }, (others) =>
        expectEverywhere(others, bearer(T0), refused),
      )
    }
  })

  it('F-throw an onEvent that throws or rejects does not change any response, and is reported once', async () => {
    const warn = vi.spyOn(process, 'emitWarning').mockImplementation(() => {})
    for (const onEvent of [throwing.throws, throwing.rejects as () => never]) {
      warn.mockClear()
      await withApis({ validator: { onEvent } }, async (others) => {
        await expectEverywhere(others, [bearer(T0), bearer(T0)], OK)
        await expectEverywhere(others, bearer(expired), T401('expired'))
      })
      expect(warn).toHaveBeenCalledTimes(adapterNames.length)
    }
    warn.mockRestore()
  })

  it('F-throw authorize without authenticate fails with an Error that names the cause', () =>
    withRoute({ authenticate: false, authorize: { scopes: 'read:a' } }, async (others) => {
      for (const api of others) {
        for (const request of [{}, bearer(T0)]) {
          api.forget()
          const answer = await api.send(request)
          expect(answer.status, api.name).toBe(500)
          expect(linesOf(answer, 'WWW-Authenticate')).toEqual([])
          expect(api.seen).toEqual([])
          expect(api.failures).toMatchObject([
            { name: 'Error', message: expect.stringContaining('mount authenticate()') },
          ])
          expect(api.failures[0]).not.toBeInstanceOf(AccessTokenError)
        }
      }
    }))

  it('F-err-shape every error has status, headers and body, and no secret', async () => {
    const keyless = createValidator({ issuer: ISS, audience: AUD, fetch: refuseToFetch })
    const { authenticate } = fixtureValidator()
    const from = (value?: string) => ({
      headers: value === undefined ? {} : { authorization: value },
    })
    const errors = [
      [() => authenticate(from()), MissingTokenError, 401, 'missing_token'],
      [() => authenticate(from('Bearer')), InvalidRequestError, 400, 'invalid_request'],
      [() => authenticate(from(`Bearer ${expired}`)), InvalidTokenError, 401, 'invalid_token'],
      [
        () => authenticate(from(`Bearer ${T0}`), { scopes: 'x' }),
        InsufficientScopeError,
        403,
        'insufficient_scope',
      ],
      [
        () => keyless.authenticate(from(`Bearer ${T0}`)),
        ServiceUnavailableError,
        503,
        'service_unavailable',
      ],
    ] as const
    for (const [attempt, type, status, code] of errors) {
      const error = await attempt().then(
        () => expect.unreachable(),
        (reason: unknown) => reason,
      )
      if (!(error instanceof type)) throw new Error(`not a ${type.name}: ${error}`)
      expect(error).toBeInstanceOf(AccessTokenError)
      expect(error).toMatchObject({ name: type.name, status, code, expose: status !== 503 })
      expect(error.headers).toMatchObject({ 'Cache-Control': 'no-store' })
      if (status === 503) {
        expect(error.headers).toEqual({
          'Cache-Control': 'no-store',
          'Retry-After': expect.any(String),
        })
      } else {
        const challenges = error.headers['WWW-Authenticate'] as string[]
        expect(challenges.flatMap(parseChallenges)).toMatchObject([{ scheme: 'Bearer' }])
      }
      const hasCode = [400, 403].includes(status) || code === 'invalid_token'
      expect(error.body).toEqual(
        hasCode ? { error: code, error_description: error.message } : undefined,
      )
      const shown = [
        inspect(error, { depth: 9, showHidden: true }),
        JSON.stringify(error),
        error.stack,
      ]
      for (const secret of [expired, T0].flatMap((token) => secretsOf(bearer(token)))) {
        expect(shown.join()).not.toContain(secret)
      }
    }
  })

  it('F-err-shape a custom server responds with status, headers and body of the error', async () => {
    const validator = fixtureValidator()
    const answer = await askOnce(async (request, response) => {
      try {
        await validator.authenticate(request)
      } catch (error) {
        const { status, headers, body } = error as AccessTokenError
        for (const [name, value] of Object.entries(headers)) response.setHeader(name, value)
        response.statusCode = status
        response.end(body && JSON.stringify(body))
      }
    }, bearer(expired))
    expect(answer.status).toBe(401)
    expect(linesOf(answer, 'WWW-Authenticate').flatMap(parseChallenges)).toHaveLength(1)
    expect(JSON.parse(answer.body)).toMatchObject({ error: 'invalid_token' })
  })
})
