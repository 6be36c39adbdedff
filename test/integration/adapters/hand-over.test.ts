/** What authenticate passes to authorize and to the application. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import express5 from 'express'
import Koa3 from 'koa'
import {
  type AccessToken,
  createValidator,
  InvalidTokenError,
  type JwtClaims,
} from 'oauth-resource-server'
import * as forExpress from 'oauth-resource-server/express'
import * as forHttp from 'oauth-resource-server/http'
import * as forKoa from 'oauth-resource-server/koa'
import { describe, expect, expectTypeOf, it } from 'vitest'
import { askOnce, withApis } from '../../support/adapters.ts'
import { C401, expectEverywhere, OK, R400, S403, T401 } from '../../support/expectations.ts'
import { fixtureOptions, fixtureValidator, t0 } from '../../support/fixture.ts'
import type { ApiOptions } from '../../support/mounted-apis.ts'
import { authorization, bearer } from '../../support/requests.ts'

const T0 = t0()
const expired = t0({ exp: 1 })
const both = 'read:a write:a'

describe('other middleware', () => {
  it('AD-mut existing challenges stay first, each on its own line', async () => {
    for (const present of [['Basic realm="x"'], ['Basic realm="x"', 'Negotiate']]) {
      const before: ApiOptions['before'] = (_request, response) => {
        const [only] = present
        response.setHeader('WWW-Authenticate', present.length === 1 ? (only as string) : present)
        return undefined
      }
      await withApis({ before }, async (others) => {
        await expectEverywhere(others, {}, C401, { others: present })
        await expectEverywhere(others, bearer(expired), T401('expired'), { others: present })
        await expectEverywhere(others, bearer(T0, { path: '/authorized' }), S403(both), {
          others: present,
        })
      })
    }
  })

  it('AD-ctx a value that another middleware has put into auth is removed, whatever the result', async () => {
    const holders: { auth?: unknown }[] = []
    const before: ApiOptions['before'] = (_request, _response, holder) => {
      holder.auth = { subject: 'admin', scopes: [both] }
      holders.push(holder)
      return undefined
    }
    await withApis({ before }, async (others) => {
      await expectEverywhere(others, { path: '/optional' }, OK)
      for (const { seen } of others) expect(seen).toMatchObject([{ auth: undefined }])
      await expectEverywhere(others, { path: '/optional-authorized' }, { ...C401, scope: both })
      await expectEverywhere(others, bearer(T0, { path: '/authorized' }), S403(both))
      await expectEverywhere(others, bearer(T0), OK)
      for (const { seen } of others) expect(seen).toMatchObject([{ auth: { subject: 'user-1' } }])
      holders.length = 0
      await expectEverywhere(others, {}, C401)
      await expectEverywhere(others, bearer(expired), T401('expired'))
      await expectEverywhere(others, authorization('Bearer'), R400)
      expect(holders).toHaveLength(3 * others.length)
      for (const { auth } of holders) expect(auth).toBeUndefined()
    })
  })

  it('AD-ctx nothing is attached to a request while its token is verified', () => {
    const holders: { auth?: unknown }[] = []
    const duringCheck: unknown[] = []
    const check = () => {
      duringCheck.push(holders.at(-1)?.auth)
      return false
    }
    return withApis(
      {
        routes: { '/p': { authenticate: { requirement: { check } } } },
        before: (_request, _response, holder) => {
          holder.auth = 'preset'
          holders.push(holder)
          return undefined
        },
      },
      async (others) => {
        for (const api of others) expect((await api.send(bearer(T0))).status).toBe(403)
        expect(duringCheck).toEqual(others.map(() => undefined))
        expect(holders.map(({ auth }) => auth)).toEqual(others.map(() => undefined))
      },
    )
  })

  it('AD-ctx authorize uses only the result of authenticate, not the value of auth', () => {
    const before: ApiOptions['before'] = (_request, _response, holder) => {
      // A forged result that authenticate cannot remove, because the property is not writable.
      Object.defineProperty(holder, 'auth', {
        get: () => ({ scopes: ['read:a', 'write:a'] }),
        set() {},
      })
      return undefined
    }
    return withApis({ before }, async (others) => {
      await expectEverywhere(others, bearer(T0, { path: '/authorized' }), S403(both))
      await expectEverywhere(others, { path: '/optional-authorized' }, { ...C401, scope: both })
    })
  })

  it('AD-exp-a AD-koa-b an error handler that sets no status does not respond with 200', async () => {
    const passErrors = { passErrors: true }
    const say: express5.ErrorRequestHandler = (error, _request, response, _next) => {
      response.json({ mine: error.message })
    }
    const express = express5().use(forExpress.authenticate(fixtureValidator(), passErrors)).use(say)
    const koa = new Koa3()
      .use((ctx, next) =>
        next().catch((error) => {
          ctx.body = { mine: error.message }
        }),
      )
      .use(forKoa.authenticate(fixtureValidator(), passErrors))
    const http = async (request: IncomingMessage, response: ServerResponse) => {
      const guard = forHttp.authenticate(fixtureValidator(), passErrors)
      await guard(request, response).catch((error) => response.end(`{"mine":"${error.message}"}`))
    }
    for (const listener of [express as never, koa.callback(), http]) {
      for (const request of [{}, bearer(`${T0}A`)]) {
        const answer = await askOnce(listener, request)
        expect(answer.status).toBe(401)
        expect(JSON.parse(answer.body)).toEqual({ mine: expect.stringContaining('access token') })
      }
    }
  })

  it('AD-ctx a wrapper of a validator is used, with promises of any kind', async () => {
    const refusal = new InvalidTokenError('expired')
    // Not a Promise, as where a library has replaced it.
    const promise = {
      // biome-ignore lint/suspicious/noThenProperty: that is what it is about
      then: (_pass: unknown, fail: (error: unknown) => void) => setImmediate(fail, refusal),
    } as unknown as Promise<never>
    const validator = { ...fixtureValidator(), authenticate: () => promise }
    const express = express5().use(forExpress.authenticate(validator))
    const koa = new Koa3().use(forKoa.authenticate(validator)).callback()
    const statuses = await Promise.all(
      [express, koa, forHttp.authenticate(validator)].map((listener) =>
        askOnce(listener as never, bearer(T0)).then(({ status }) => status),
      ),
    )
    expect(statuses).toEqual([401, 401, 401])
  })

  it('AD-ctx a failed authentication clears an earlier one, even if the application continues', async () => {
    const elsewhere = fixtureValidator({ audience: 'https://other.test' })
    const outcomes: unknown[] = []
    await askOnce(async (request, response) => {
      await forHttp.authenticate(fixtureValidator())(request, response)
      await forHttp
        .authenticate(elsewhere, { passErrors: true })(request, response)
        .catch((error) => outcomes.push(error))
      await forHttp
        .authorize({ scopes: 'read:a' })(request, response)
        .catch((error) => outcomes.push(error))
      response.end()
    }, bearer(T0))
    expect(outcomes).toMatchObject([
      { reason: 'wrong_audience' },
      { message: expect.stringContaining('mount authenticate()') },
    ])
  })

  it('AD-ctx an earlier authentication is cleared while another one is in progress', async () => {
    let arrive = () => {}
    const check = () =>
      new Promise<boolean>((resolve) => {
        arrive = () => resolve(false)
      })
    const outcomes: unknown[] = []
    await askOnce(async (request, response) => {
      await forHttp.authenticate(fixtureValidator())(request, response)
      const guard = forHttp.authenticate(fixtureValidator(), { requirement: { check } })
      const refusal = guard(request, response)
      await forHttp
        .authorize({ scopes: 'read:a' })(request, response)
        .catch((error) => outcomes.push(error))
      outcomes.push((request as { auth?: unknown }).auth)
      await Promise.resolve()
      arrive()
      await refusal
    }, bearer(T0))
    expect(outcomes).toEqual([expect.any(Error), undefined])
  })

  it('AD-ctx two concurrent authentications leave no result if the later one refuses', async () => {
    const check = () => new Promise<boolean>((resolve) => setImmediate(resolve, false))
    let auth: unknown = 'never looked at'
    await askOnce(async (request, response) => {
      await Promise.all([
        forHttp.authenticate(fixtureValidator())(request, response),
        forHttp.authenticate(fixtureValidator(), { requirement: { check } })(request, response),
      ])
      auth = (request as { auth?: unknown }).auth
    }, bearer(T0))
    expect(auth).toBeUndefined()
  })

  it('AD-ctx accessToken returns the verified token, even if another middleware changes auth', async () => {
    const forged = { subject: 'admin' }
    const tokens: unknown[] = []
    const express = express5()
    express.use(forExpress.authenticate(fixtureValidator()))
    express.use((request, response) => {
      Object.assign(request, { auth: forged })
      tokens.push(forExpress.accessToken(request), forHttp.accessToken(request))
      response.end()
    })
    const koa = new Koa3().use(forKoa.authenticate(fixtureValidator())).use((context) => {
      context.state.auth = forged
      tokens.push(forKoa.accessToken(context))
    })
    for (const listener of [express, koa.callback()]) await askOnce(listener as never, bearer(T0))
    expect(tokens).toMatchObject(Array(3).fill({ subject: 'user-1', token: T0 }))
  })

  it('AD-ctx accessToken throws for an anonymous request, and without authenticate', async () => {
    await askOnce(async (request, response) => {
      Object.assign(request, { auth: { subject: 'admin' } })
      const context = { req: request }
      for (const read of [
        () => forExpress.accessToken(request),
        () => forHttp.accessToken(request),
        () => forKoa.accessToken(context),
      ]) {
        expect(read).toThrow(
          'accessToken() found no authentication: mount authenticate() before it',
        )
      }
      await forHttp.authenticate(fixtureValidator(), { optional: true })(request, response)
      for (const read of [
        () => forExpress.accessToken(request),
        () => forHttp.accessToken(request),
        () => forKoa.accessToken(context),
      ]) {
        expect(read).toThrow('accessToken() found an anonymous request')
      }
      response.end()
    }, {})
    expect.hasAssertions()
  })

  it('AD-ctx a validator that resolves to anything but a token is a failure', async () => {
    for (const value of [undefined, null, false, 0, '', 'token']) {
      const validator = { ...fixtureValidator(), authenticate: async () => value as never }
      const listeners = [
        express5().use(forExpress.authenticate(validator, { optional: true })) as never,
        Object.assign(new Koa3(), { silent: true })
          .use(forKoa.authenticate(validator, { optional: true }))
          .callback(),
        (request: IncomingMessage, response: ServerResponse) =>
          forHttp
            .authenticate(validator, { optional: true })(request, response)
            .then(
              () => response.end(),
              () => undefined,
            ),
      ]
      for (const listener of listeners) {
        expect((await askOnce(listener, bearer(T0))).status).toBe(500)
      }
    }
  })

  it('AD-type claims without a verified type are unknown, unless the caller names their type', () => {
    expectTypeOf<AccessToken['claims']['roles']>().toEqualTypeOf<unknown>()
    expectTypeOf<NonNullable<AccessToken['header']>['x5t']>().toEqualTypeOf<unknown>()
    expectTypeOf<JwtClaims['sub']>().toEqualTypeOf<string | undefined>()
    interface Claims extends JwtClaims {
      readonly roles: readonly string[]
    }
    const typed = createValidator<Claims>(fixtureOptions())
    expectTypeOf(typed.validate).returns.resolves.toHaveProperty('claims')
    expectTypeOf<Awaited<ReturnType<typeof typed.validate>>['claims']['roles']>().toEqualTypeOf<
      readonly string[]
    >()
    expectTypeOf(forHttp.authenticate(typed)).returns.resolves.toEqualTypeOf<
      AccessToken<Claims> | null | undefined
    >()
    expectTypeOf<express5.Request['auth']>().toEqualTypeOf<AccessToken | undefined>()
    expectTypeOf(forExpress.authenticate(typed)).toExtend<express5.RequestHandler>()
    expectTypeOf(forKoa.authenticate(typed)).toExtend<Koa3.Middleware>()
    // @ts-expect-error: what requires nothing but a misspelt scope is refused by the compiler too
    expect(() => forHttp.authorize({ scope: 'read:a' })).toThrow(/no option "scope"/)
  })
})
