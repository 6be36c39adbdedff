/** What holds for every adapter, whichever the framework: failures, hand-over, answers, load. */
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { createServer as createHttp2 } from 'node:http2'
import { createRequire } from 'node:module'
import { type AddressInfo, connect } from 'node:net'
import { inspect } from 'node:util'
import express5 from 'express'
import Koa3 from 'koa'
import {
  type AccessToken,
  AccessTokenError,
  createValidator,
  InsufficientScopeError,
  InvalidRequestError,
  InvalidTokenError,
  type JwtClaims,
  MissingTokenError,
  ServiceUnavailableError,
} from 'oauth-resource-server'
import * as forExpress from 'oauth-resource-server/express'
import * as forHttp from 'oauth-resource-server/http'
import * as forKoa from 'oauth-resource-server/koa'
import { afterAll, afterEach, beforeAll, describe, expect, expectTypeOf, it, vi } from 'vitest'
import { parseChallenges } from '../support/challenge-parser.ts'
import {
  authorization,
  bearer,
  C401,
  type Expected,
  expectAlike,
  expectAlive,
  expectEverywhere,
  OK,
  R400,
  S403,
  secretsOf,
  T401,
  X503,
} from '../support/expectations.ts'
import { AUD, ec1, fixtureOptions, fixtureValidator, ISS, t0 } from '../support/fixture.ts'
import {
  type Answer,
  type Api,
  type ApiOptions,
  adapterNames,
  bytesOf,
  closeApis,
  exchange,
  linesOf,
  type Request,
  type Route,
  readAnswer,
  startApi,
  startApis,
} from '../support/servers.ts'

const require = createRequire(import.meta.url)
const express4 = require('express4') as typeof express5
const Koa2 = require('koa2') as typeof Koa3

const T0 = t0()
const expired = t0({ exp: 1 })
const both = 'read:a write:a'

let apis: Api[]
beforeAll(async () => {
  apis = await startApis()
})
afterEach(() => expectAlive(apis))
afterAll(() => closeApis(apis))

async function withApis(options: ApiOptions, run: (apis: Api[]) => Promise<void>): Promise<void> {
  const others = await startApis(options)
  await run(others).finally(() => closeApis(others))
}

const withRoute = (route: Route, run: (apis: Api[]) => Promise<void>) =>
  withApis({ routes: { '/p': route } }, run)

/** Serves one listener for one request. */
async function askOnce(
  listener: (request: IncomingMessage, response: ServerResponse) => unknown,
  request: Request,
): Promise<Answer> {
  const server = createServer(listener).listen(0, '127.0.0.1')
  await once(server, 'listening')
  try {
    return readAnswer(await exchange((server.address() as AddressInfo).port, bytesOf(request)))
  } finally {
    server.close()
  }
}

/** The whole catalogue of refusals. */
const catalogue: readonly (readonly [Request, Expected])[] = [
  [{}, C401],
  [{ path: '/scoped' }, { ...C401, scope: both }],
  [{ path: '/optional-authorized' }, { ...C401, scope: both }],
  [{ method: 'POST', body: 'x' }, C401],
  [{ method: 'HEAD' }, C401],
  [authorization('Basic dTpw'), C401],
  [authorization('Bearer'), R400],
  [bearer('a b', { path: '/optional' }), R400],
  [{ lines: [`Authorization: Bearer ${T0}`, 'Authorization: Bearer x'], onlyHttp1: true }, R400],
  [bearer('abc'), T401('malformed')],
  [bearer('a.b.c.d.e'), T401('encrypted')],
  [bearer(t0({}, { crit: ['x'] })), T401('critical_header')],
  [bearer(t0({}, { alg: 'none' })), T401('wrong_algorithm')],
  [bearer(t0({}, { typ: 'JWT' })), T401('wrong_type')],
  [bearer(t0({ iss: 'https://evil.test' })), T401('wrong_issuer')],
  [bearer(t0({ aud: 'https://other.test' })), T401('wrong_audience')],
  [bearer(expired), T401('expired')],
  [bearer(expired, { method: 'HEAD', path: '/optional' }), T401('expired')],
  [bearer(t0({ nbf: 4e9 })), T401('not_yet_valid')],
  [bearer(t0({ iat: 4e9 })), T401('issued_in_future')],
  [bearer(t0({ jti: undefined })), T401('missing_claim')],
  [bearer(t0({ jti: 1 })), T401('invalid_claim')],
  [bearer(t0({ cnf: {} })), T401('unsupported_binding')],
  [bearer(t0({}, { kid: 'other' })), T401('unknown_key')],
  [bearer(`${T0.slice(0, -4)}AAAA`), T401('bad_signature')],
  [bearer(T0, { path: '/scoped' }), S403(both)],
  [bearer(T0, { path: '/authorized', method: 'HEAD' }), S403(both)],
]

describe('AD-same', () => {
  it('AD-same status and headers of every refusal are the same, byte for byte', async () => {
    for (const [request, expected] of catalogue) await expectEverywhere(apis, request, expected)
  })

  it('AD-same status and headers of an outage are the same, byte for byte', () =>
    withApis({ validator: { issuer: ISS, fetch: refuseToFetch } }, (others) =>
      expectEverywhere(others, [bearer(T0), bearer(T0, { path: '/optional' })], X503),
    ))

  it('AD-same the path, the Host and forwarding headers have no influence on the answer', async () => {
    const lines = [
      'X-Forwarded-Host: evil.test',
      'X-Forwarded-Proto: https',
      'Forwarded: host=evil',
    ]
    for (const api of apis.filter(({ name }) => name !== 'http2')) {
      const plain = await api.send({})
      const odd = await api.send({ path: '/x/y?z', host: ['Host: evil.test'], lines })
      expectAlike([plain, odd])
    }
  })
})

const refuseToFetch = async (): Promise<never> => {
  throw new TypeError('fetch failed')
}

describe('failures', () => {
  it('F-503 while no keys can be had, a token is neither good nor bad', () =>
    withApis({ validator: { issuer: ISS, fetch: refuseToFetch } }, async (others) => {
      await expectEverywhere(others, [bearer(T0), bearer(T0, { path: '/scoped' })], X503)
      // What needs no key to be refused is refused all the same.
      await expectEverywhere(others, {}, C401)
      await expectEverywhere(others, bearer(expired), T401('expired'))
    }))

  it('F-503 the failure of a function that looks up issuers is no fault of the client', () =>
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
    it(`F-throw a check that ${how} is a 500, and the error goes to the framework as it is`, async () => {
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
              cause: { message: 'boom' },
            })
            // Plain http has nobody to hand it to, unless it is asked to.
            const isPlain = ['http', 'http2'].includes(api.name) && path !== '/pass'
            expect(api.failures).toMatchObject(
              isPlain ? [] : [{ name: 'RangeError', message: 'boom' }],
            )
            if (isPlain) expect(answer.body).toBe('')
          }
        }
      })
    })
  }

  it('F-throw a scopeClaim function that throws, or returns no array, is a 500', async () => {
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

  it('F-throw a check that returns anything but true is a refusal', async () => {
    const refused = { status: 403, error: 'insufficient_scope', reason: 'insufficient_scope' }
    for (const value of [false, undefined, null, 1, 'true', {}, Promise.resolve('yes')]) {
      await withRoute({ authorize: { check: () => value as boolean } }, (others) =>
        expectEverywhere(others, bearer(T0), refused),
      )
    }
  })

  it('F-throw an onEvent that throws or rejects changes no answer, and is reported once', async () => {
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

  it('F-throw authorize without authenticate is an Error that says so', () =>
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

  it('F-err-shape every error carries what an answer needs, and no secret', async () => {
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

  it('F-err-shape a custom server answers with status, headers and body of the error', async () => {
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

describe('Express', () => {
  const versions = { 'Express 5': express5, 'Express 4': express4 }

  for (const [name, express] of Object.entries(versions)) {
    /** An application that hands refusals to `handler`, or to Express itself. */
    const withHandler = (handler?: express5.ErrorRequestHandler) => {
      const app = express()
      const validator = fixtureValidator()
      app.get('/p', forExpress.authenticate(validator, { passErrors: true }))
      app.get(
        '/authorized',
        forExpress.authenticate(validator, { passErrors: true }),
        forExpress.authorize({ scopes: both }),
      )
      if (handler) app.use(handler)
      return (request: Request) => askOnce(app, request)
    }

    it(`AD-exp-a an error handler that looks only at err.status and err.headers answers rightly: ${name}`, async () => {
      const ask = withHandler((error, _request, response, _next) => {
        for (const field of response.getHeaderNames()) response.removeHeader(field)
        response.status(error.status).set(error.headers).end()
      })
      const answer = await ask(bearer(expired))
      expect(answer.status).toBe(401)
      expect(linesOf(answer, 'WWW-Authenticate').flatMap(parseChallenges)).toMatchObject([
        { parameters: { error: 'invalid_token' } },
      ])
    })

    it(`AD-exp-a an error handler that looks only at err.status finds the headers set: ${name}`, async () => {
      const seen: unknown[] = []
      const ask = withHandler((error, request, response, _next) => {
        seen.push(error, request.auth)
        response.status(error.status).end()
      })
      const answer = await ask(bearer(T0, { path: '/authorized' }))
      expect(answer.status).toBe(403)
      expect(linesOf(answer, 'WWW-Authenticate').flatMap(parseChallenges)).toMatchObject([
        { parameters: { error: 'insufficient_scope', scope: both } },
      ])
      expect(linesOf(answer, 'Cache-Control')).toEqual(['no-store'])
      expect(seen).toMatchObject([{ status: 403, expose: true }, { subject: 'user-1' }])
    })

    it(`AD-exp-a without an error handler, Express itself answers with status and headers: ${name}`, async () => {
      const answer = await withHandler()(authorization('Bearer a b'))
      expect(answer.status).toBe(400)
      expect(linesOf(answer, 'WWW-Authenticate').flatMap(parseChallenges)).toMatchObject([
        { parameters: { error: 'invalid_request' } },
      ])
      expect(answer.body).not.toMatch(/\n\s*at /)
    })

    it(`AD-exp-b a mounted router, a trusted proxy and forwarding headers change nothing: ${name}`, async () => {
      const app = express()
      app.set('trust proxy', true)
      const router = express.Router()
      router.use(forExpress.authenticate(fixtureValidator({ tokenLocations: ['query'] })))
      router.get('/p', (request, response) => void response.end(request.auth?.subject))
      app.use('/api', router)
      const lines = ['X-Forwarded-Host: evil.test', 'X-Forwarded-Proto: https']
      const good = await askOnce(app, { path: `/api/p?access_token=${T0}`, lines })
      expect(good).toMatchObject({ status: 200, body: 'user-1' })
      const bad = await askOnce(app, { path: '/api/p', lines })
      expect(linesOf(bad, 'WWW-Authenticate')).toEqual([`Bearer realm="${AUD}"`])
    })

    it(`AD-exp-c an error of the handler goes to the error handler, and not to the middleware: ${name}`, async () => {
      const app = express()
      app.use(forExpress.authenticate(fixtureValidator()))
      app.use(() => {
        throw new InvalidTokenError('expired')
      })
      const caught: unknown[] = []
      const fail: express5.ErrorRequestHandler = (error, _request, response, _next) => {
        caught.push(error)
        response.status(418).end()
      }
      app.use(fail)
      // The second time the token is cached, and the handler runs before anything is awaited.
      for (let time = 1; time <= 2; time++) {
        expect((await askOnce(app, bearer(T0))).status).toBe(418)
        expect(caught.splice(0)).toEqual([new InvalidTokenError('expired')])
      }
    })
  }

  it('AD-exp-c Express 4 and 5 are what the suite runs on', () => {
    const version = (name: string) => require(`${name}/package.json`).version as string
    expect(version('express')).toMatch(/^5\./)
    expect(version('express4')).toMatch(/^4\./)
    expect(adapterNames).toEqual(expect.arrayContaining(['express 4', 'express 5']))
  })
})

describe('Koa', () => {
  const versions = { 'Koa 3': Koa3, 'Koa 2': Koa2 }

  for (const [name, Koa] of Object.entries(versions)) {
    const serve = (...middleware: Koa3.Middleware[]) => {
      const app = new Koa()
      app.silent = true
      for (const step of middleware) app.use(step)
      return (request: Request) => askOnce(app.callback(), request)
    }
    const passing = forKoa.authenticate(fixtureValidator(), { passErrors: true })

    it(`AD-koa-a an error that is thrown keeps its headers, line by line, and its message: ${name}`, async () => {
      const ask = serve(async (context, next) => {
        context.set('WWW-Authenticate', 'Basic realm="x"')
        await next()
      }, passing)
      const answer = await ask(bearer(expired))
      expect(answer.status).toBe(401)
      const lines = linesOf(answer, 'WWW-Authenticate')
      expect(lines).toHaveLength(2)
      expect(lines.flatMap(parseChallenges)).toMatchObject([
        { scheme: 'Basic' },
        { scheme: 'Bearer', parameters: { error: 'invalid_token' } },
      ])
      expect(linesOf(answer, 'Cache-Control')).toEqual(['no-store'])
      expect(answer.body).toBe('The access token expired')
    })

    it(`AD-koa-a a 503 that is thrown does not show its message: ${name}`, async () => {
      const validator = fixtureValidator({ issuer: ISS, fetch: refuseToFetch })
      const answer = await serve(forKoa.authenticate(validator, { passErrors: true }))(bearer(T0))
      expect(answer).toMatchObject({ status: 503, body: 'Service Unavailable' })
      expect(linesOf(answer, 'Retry-After')).toHaveLength(1)
    })

    it(`AD-koa-b the answer is not replaced by the body of a 404, nor by what comes after: ${name}`, async () => {
      const ask = serve(async (_context, next) => {
        await next()
      }, forKoa.authenticate(fixtureValidator()))
      expect(await ask({})).toMatchObject({ status: 401, body: '' })
      expect(linesOf(await ask({}), 'Content-Type')).toEqual([])
      const body = JSON.stringify(new InvalidTokenError('expired').body)
      expect(await ask(bearer(expired))).toMatchObject({ status: 401, body })
    })

    it(`AD-koa-b a middleware around it can catch the error and answer by itself: ${name}`, async () => {
      const ask = serve(async (context, next) => {
        try {
          await next()
        } catch (error) {
          const { status, code } = error as InvalidTokenError
          context.status = status
          context.body = { code, auth: context.state.auth ?? null }
        }
      }, passing)
      const answer = await ask(bearer(expired))
      expect(answer.status).toBe(401)
      expect(JSON.parse(answer.body)).toEqual({ code: 'invalid_token', auth: null })
      expect(linesOf(answer, 'WWW-Authenticate')).toHaveLength(1)
    })
  }
})

describe('node:http and node:http2', () => {
  const validator = fixtureValidator()

  /** What a guard resolves to or rejects with, and the answer, if it has answered. */
  async function guarded(
    guard: (request: IncomingMessage, response: ServerResponse) => Promise<unknown>,
    request: Request,
  ) {
    let outcome: unknown
    let isRejected = false
    const answer = await askOnce(async (incoming, response) => {
      try {
        outcome = await guard(incoming, response)
      } catch (error) {
        outcome = error
        isRejected = true
      }
      if (!response.writableEnded) response.writeHead(299).end()
    }, request)
    return { outcome, isRejected, status: answer.status }
  }

  it('AD-http-a the promise resolves to the token, and nothing is answered', async () => {
    const { outcome, status } = await guarded(forHttp.authenticate(validator), bearer(T0))
    expect(outcome).toMatchObject({ subject: 'user-1', token: T0 })
    expect(status).toBe(299)
  })

  it('AD-http-a the promise resolves to undefined once the guard has answered', async () => {
    const requests = [{}, bearer(expired), authorization('Bearer')]
    for (const request of requests) {
      const result = await guarded(forHttp.authenticate(validator), request)
      expect(result).toMatchObject({ outcome: undefined, isRejected: false })
      expect([400, 401]).toContain(result.status)
    }
  })

  it('AD-http-a the promise resolves to undefined for an anonymous request, unanswered', async () => {
    const guard = forHttp.authenticate(validator, { optional: true })
    expect(await guarded(guard, {})).toEqual({ outcome: undefined, isRejected: false, status: 299 })
  })

  it('AD-http-a with passErrors, the promise rejects, and nothing is answered but headers set', async () => {
    const guard = forHttp.authenticate(validator, { passErrors: true })
    const result = await guarded(guard, bearer(expired))
    expect(result).toMatchObject({ outcome: { reason: 'expired' }, isRejected: true, status: 299 })
  })

  it('AD-http-a a check that throws is answered with 500, and the promise resolves to undefined', async () => {
    const check = () => {
      throw new RangeError('boom')
    }
    const guard = forHttp.authenticate(validator, { requirement: { check } })
    const result = await guarded(guard, bearer(T0))
    expect(result).toEqual({ outcome: undefined, isRejected: false, status: 500 })
  })

  it('AD-http-a authorize without authenticate is answered with 500, and the promise rejects', async () => {
    const result = await guarded(forHttp.authorize({ scopes: 'x' }), bearer(T0))
    expect(result).toMatchObject({ isRejected: true, status: 500 })
    expect(result.outcome).toEqual(
      expect.objectContaining({ message: expect.stringMatching(/mount/) }),
    )
  })

  it('AD-http-a authorize resolves to the token, and to undefined once it has answered', async () => {
    const chain =
      (scopes: string) => async (request: IncomingMessage, response: ServerResponse) => {
        await forHttp.authenticate(validator)(request, response)
        return forHttp.authorize({ scopes })(request, response)
      }
    expect(await guarded(chain('read:a'), bearer(T0))).toMatchObject({
      outcome: { subject: 'user-1' },
      status: 299,
    })
    expect(await guarded(chain('write:a'), bearer(T0))).toEqual({
      outcome: undefined,
      isRejected: false,
      status: 403,
    })
  })

  it('AD-http-a with next, exactly one of next() and next(error) and an answer happens', async () => {
    const calls: unknown[][] = []
    const next = (...values: unknown[]) => void calls.push(values)
    const withNext = (options?: forHttp.AuthenticateOptions) => {
      return (request: IncomingMessage, response: ServerResponse) =>
        forHttp.authenticate(validator, options)(request, response, next)
    }
    expect((await guarded(withNext(), bearer(T0))).status).toBe(299)
    expect(calls.splice(0)).toEqual([[]])
    expect((await guarded(withNext(), bearer(expired))).status).toBe(401)
    expect(calls.splice(0)).toEqual([])
    expect(await guarded(withNext({ passErrors: true }), bearer(expired))).toMatchObject({
      outcome: undefined,
      isRejected: false,
      status: 299,
    })
    expect(calls.splice(0)).toMatchObject([[{ reason: 'expired' }]])
  })

  it('AD-http-a nothing is written once the application has sent headers', async () => {
    const before: ApiOptions['before'] = (_request, response) => {
      response.statusCode = 202
      response.write('first ')
      response.end('answer')
      return false
    }
    await withApis({ before }, async (others) => {
      for (const request of [bearer(expired), {}, bearer(T0, { path: '/scoped' })]) {
        for (const api of others) {
          const answer = await api.send(request)
          expect(answer.status, api.name).toBe(202)
          expect(linesOf(answer, 'WWW-Authenticate')).toEqual([])
          expect(answer.body).toContain('first ')
          expect(answer.body).toContain('answer')
          for (const failure of api.failures) expect(failure).toBeInstanceOf(AccessTokenError)
        }
      }
    })
  })

  it('AD-http-b header names of HTTP/2 are in lower case, and the answer is the same', async () => {
    const h2 = apis.filter(({ name }) => name === 'http2' || name === 'http')
    const answers = await Promise.all(h2.map((api) => api.send(bearer(expired))))
    expectAlike(answers)
    expect(answers.map(({ statusLine }) => statusLine)).toEqual([
      'HTTP/1.1 401 Unauthorized',
      'HTTP/2 401',
    ])
    const [challenge] = answers[1]?.headers.filter(([name]) => name === 'www-authenticate') ?? []
    expect(challenge?.[1]).toMatch(/^Bearer realm=/)
  })

  it('AD-http-b two authorization fields in HTTP/2 are a malformed request', async () => {
    const seen: unknown[] = []
    const guard = forHttp.authenticate(validator)
    const server = createHttp2(async (request, response) => {
      seen.push(await guard(request as never, response as never))
    }).listen(0, '127.0.0.1')
    await once(server, 'listening')
    const socket = connect((server.address() as AddressInfo).port, '127.0.0.1')
    socket.write(
      http2Request([
        ['authorization', `Bearer ${T0}`],
        ['authorization', 'Bearer junk'],
      ]),
    )
    let received = ''
    for await (const chunk of socket) {
      received += (chunk as Buffer).toString('latin1')
      if (received.includes('error_description')) break
    }
    // RFC 7541 appendix A: the entry 12 of the static table is `:status: 400`.
    expect(received).toContain('\x8c')
    expect(received).toContain('{"error":"invalid_request"')
    expect(seen).toEqual([undefined])
    server.close()
  })
})

/** A GET request in HTTP/2, with fields that Node's client refuses to send. */
function http2Request(fields: [string, string][]): Buffer {
  const frame = (type: number, flags: number, stream: number, payload: Buffer) => {
    const head = Buffer.alloc(9)
    head.writeUIntBE(payload.length, 0, 3)
    head.set([type, flags], 3)
    head.writeUInt32BE(stream, 5)
    return Buffer.concat([head, payload])
  }
  // RFC 7541 §5.2: a length in a prefix of seven bits, and then the octets without Huffman coding.
  const literal = (text: string) => {
    const length = [Math.min(text.length, 127)]
    for (let rest = text.length - 127; length[0] === 127 && rest >= 0; rest >>= 7) {
      length.push(rest > 127 ? (rest & 127) | 128 : rest)
      if (rest <= 127) break
    }
    return Buffer.concat([Buffer.from(length), Buffer.from(text)])
  }
  const pseudo = [
    [':method', 'GET'],
    [':path', '/'],
    [':scheme', 'http'],
    [':authority', 'rs.test'],
  ]
  const block = [...pseudo, ...fields].map(([name = '', value = '']) =>
    Buffer.concat([Buffer.from([0]), literal(name), literal(value)]),
  )
  return Buffer.concat([
    Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'),
    frame(4, 0, 0, Buffer.alloc(0)),
    frame(1, 5, 1, Buffer.concat(block)),
  ])
}

describe('what stands beside and before', () => {
  it('AD-mut challenges that others have set stay, before ours and on lines of their own', async () => {
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

  it('AD-ctx what another middleware has put into auth is gone, whatever the outcome', async () => {
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

  it('AD-ctx while a request is being judged, nothing is attached to it', () => {
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

  it('AD-ctx authorize believes only what authenticate has found, and nothing that stands in auth', () => {
    const before: ApiOptions['before'] = (_request, _response, holder) => {
      // A forged result that authenticate cannot remove, for it is not writable from there on.
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

  it('AD-exp-a AD-koa-b an error handler that sets no status does not answer 200', async () => {
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

  it('AD-ctx an object around a validator decides, with promises of whatever kind', async () => {
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

  it('AD-ctx a failed authentication undoes an earlier one, should the application go on', async () => {
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

  it('AD-ctx an earlier authentication holds no longer while another one is under way', async () => {
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

  it('AD-ctx of two authentications at once, the later of which refuses, nothing remains', async () => {
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

  it('AD-type claims that are not verified are unknown, unless the caller names their type', () => {
    expectTypeOf<AccessToken['claims']['roles']>().toEqualTypeOf<unknown>()
    expectTypeOf<AccessToken['header']['x5t']>().toEqualTypeOf<unknown>()
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
      AccessToken<Claims> | undefined
    >()
    expectTypeOf<express5.Request['auth']>().toEqualTypeOf<AccessToken | undefined>()
    expectTypeOf(forExpress.authenticate(typed)).toExtend<express5.RequestHandler>()
    expectTypeOf(forKoa.authenticate(typed)).toExtend<Koa3.Middleware>()
    // @ts-expect-error: what requires nothing but a misspelt scope is refused by the compiler too
    expect(() => forHttp.authorize({ scope: 'read:a' })).toThrow(/no option "scope"/)
  })
})

describe('load', () => {
  it('AD-conc 1,400 concurrent requests on sockets, good and bad, and none gets the answer of another', async () => {
    const perApi = 200
    const tokens = Array.from({ length: perApi }, (_, index) =>
      t0({ sub: `user-${index}` }, {}, ec1),
    )
    const table = (index: number): [Request, number, string] => {
      const token = tokens[index] as string
      const kinds: [Request, number, string][] = [
        [bearer(token), 200, `{"subject":"user-${index}"}`],
        [bearer(token, { path: '/scoped' }), 403, 'insufficient_scope'],
        [bearer(`${token.slice(0, -4)}AAAA`), 401, 'invalid_token'],
        [{ path: '/optional' }, 200, '{"subject":null}'],
        [bearer(token, { path: '/optional' }), 200, `{"subject":"user-${index}"}`],
        [authorization('Bearer'), 400, 'invalid_request'],
      ]
      return kinds[index % kinds.length] as [Request, number, string]
    }
    let answered = 0
    await Promise.all(
      apis.map(async (api) => {
        const all = Array.from({ length: perApi }, async (_, index) => {
          const [request, status, body] = table(index)
          const answer = await api.send(request)
          expect([answer.status, answer.body], api.name).toEqual([
            status,
            expect.stringContaining(body),
          ])
          answered++
        })
        await Promise.all(all)
      }),
    )
    expect(answered).toBe(perApi * apis.length)
  })

  it('AD-conc 5,000 concurrent requests to one validator, and none gets the claims of another', async () => {
    // Fewer are cached than are in flight, so that they push one another out.
    const { authenticate } = fixtureValidator({ tokenCache: { maxEntries: 100 } })
    const tokens = Array.from({ length: 500 }, (_, index) => t0({ sub: `user-${index}` }, {}, ec1))
    const all = Array.from({ length: 5_000 }, async (_, index) => {
      const user = (index * 7) % tokens.length
      const token = tokens[user] as string
      const isGood = index % 3 > 0
      const offered = isGood ? token : `${token.slice(0, -4)}AAAA`
      const outcome = authenticate({ headers: { authorization: `Bearer ${offered}` } })
      if (isGood) await expect(outcome).resolves.toMatchObject({ subject: `user-${user}`, token })
      else await expect(outcome).rejects.toMatchObject({ reason: 'bad_signature' })
    })
    expect(await Promise.all(all)).toHaveLength(5_000)
  })

  /** The same numbers on every run: mulberry32. */
  function random(seed: number): () => number {
    let state = seed
    return () => {
      state = (state + 0x6d2b79f5) | 0
      let t = Math.imul(state ^ (state >>> 15), 1 | state)
      t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
      return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
    }
  }

  /** A value for Authorization: noise, noise after a scheme, or a good token with some noise in it. */
  function fuzzed(next: () => number): Buffer {
    const integer = (limit: number) => Math.floor(next() * limit)
    const noise = (length: number) => Buffer.from(Array.from({ length }, () => integer(256)))
    const printable = (length: number) => noise(length).map((byte) => 0x21 + (byte % 0x5e))
    const kind = integer(5)
    if (kind === 0) return noise(integer(80))
    if (kind === 1) return Buffer.concat([Buffer.from('Bearer '), noise(integer(80))])
    if (kind === 2) return Buffer.concat([Buffer.from('Bearer '), printable(1 + integer(200))])
    const bytes = Buffer.from(`Bearer ${T0}`)
    const changes = 1 + integer(3)
    for (let change = 0; change < changes; change++) {
      const at = integer(bytes.length)
      bytes[at] = kind === 3 ? integer(256) : (Buffer.from('A.-_=eyJ')[integer(8)] as number)
    }
    return bytes
  }

  it('F-500 2,000 requests with random bytes in Authorization are answered, and never with 5xx', async () => {
    const http = await startApi('http')
    const next = random(20_260_801)
    const statuses: Record<number, number> = {}
    for (let batch = 0; batch < 40; batch++) {
      const values = Array.from({ length: 50 }, () => fuzzed(next))
      await Promise.all(
        values.map(async (value) => {
          const lines = [`Authorization: ${value.toString('latin1')}`]
          const answer = await http.send({ lines })
          const hint = JSON.stringify(value.toString('latin1'))
          expect([200, 400, 401], hint).toContain(answer.status)
          statuses[answer.status] = (statuses[answer.status] ?? 0) + 1
          if (answer.status === 401) {
            expect(linesOf(answer, 'WWW-Authenticate').flatMap(parseChallenges)).toHaveLength(1)
          }
        }),
      )
    }
    expect(http.failures).toEqual([])
    // Only a change that is none leaves the token good.
    for (const { auth } of http.seen) expect(auth?.subject).toBe('user-1')
    expect(http.seen.length).toBe(statuses[200] ?? 0)
    expect(http.seen.length).toBeLessThan(100)
    expect(statuses[400]).toBeGreaterThan(200)
    expect(statuses[401]).toBeGreaterThan(200)
    await expectAlive([http])
    await http.close()
  })

  it('F-500 10,000 odd requests to the validator are refused with a status below 500', async () => {
    const next = random(7)
    const tokenLocations = ['header', 'body', 'query'] as const
    const { authenticate } = fixtureValidator({ tokenLocations })
    const statuses = new Set<number>()
    for (let run = 0; run < 10_000; run++) {
      const value = fuzzed(next).toString('latin1')
      const token = value.replace(/^Bearer /, '')
      const odd: Record<string, unknown>[] = [
        { headers: { authorization: value } },
        { headers: { Authorization: [value] }, url: `/p?${value}` },
        { headers: {}, url: `/p?access_token=${value}` },
        { headers: {}, url: value },
        {
          method: 'POST',
          headers: { 'content-type': 'application/x-www-form-urlencoded' },
          body: { access_token: token },
        },
      ]
      const request = odd[run % odd.length] as never
      await authenticate(request).catch((error: unknown) => {
        if (!(error instanceof AccessTokenError)) throw error
        statuses.add(error.status)
      })
    }
    expect([...statuses].sort()).toEqual([400, 401])
  })
})
