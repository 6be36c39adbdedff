/** Requests, responses and `next` functions that fail: every failure is reported once, as an Error. */
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import { setImmediate, setTimeout } from 'node:timers/promises'
import { types } from 'node:util'
import { AccessTokenError, type Validator } from 'oauth-resource-server'
import * as forExpress from 'oauth-resource-server/express'
import * as forHttp from 'oauth-resource-server/http'
import * as forKoa from 'oauth-resource-server/koa'
import { beforeEach, describe, expect, it, vi } from 'vitest'
import { fixtureValidator, t0 } from '../../support/fixture.ts'
import { processFailures } from '../../support/process-failures.ts'

type Options = forHttp.AuthenticateOptions
type Next = (error?: unknown) => unknown

/** The result of one request: the calls of `next`, and the result of the promise, if there was one. */
interface Outcome {
  readonly calls: unknown[][]
  readonly rejections: unknown[]
  readonly value: unknown
}

let validator: Validator
beforeEach(() => {
  validator = fixtureValidator()
})

const requestWith = (token?: string) => ({
  method: 'GET',
  url: '/',
  headers: token === undefined ? {} : { authorization: `Bearer ${token}` },
  rawHeaders: token === undefined ? [] : ['Authorization', `Bearer ${token}`],
})

type Run = (request: object, response: object, options: Options, next?: Next) => Promise<Outcome>

async function outcomeOf(
  run: (next: Next) => unknown,
  behaviour: Next | undefined,
  patience = 0,
): Promise<Outcome> {
  const calls: unknown[][] = []
  const rejections: unknown[] = []
  let value: unknown
  const next: Next = (...values) => {
    calls.push(values)
    return behaviour?.(...values)
  }
  await Promise.resolve(run(next)).then(
    (result) => {
      value = result
    },
    (error) => rejections.push(error),
  )
  // The middleware of Express returns no promise, and verifies on the thread pool.
  for (let turn = 0; turn < patience && calls.length === 0; turn++) await setTimeout(1)
  for (let turn = 0; turn < 3; turn++) await setImmediate()
  return { calls, rejections, value }
}

/** A Koa context: it sends what was put into `body` once the middleware is done. */
function contextOf(req: object, res: object) {
  const response = res as { statusCode: number; end: (body: string) => void }
  return {
    req,
    res,
    request: {},
    method: 'GET',
    url: (req as { url: string }).url,
    state: {},
    body: undefined as string | undefined,
    set status(status: number) {
      response.statusCode = status
    },
    respond() {
      try {
        if (this.body !== undefined) response.end(this.body)
      } catch (error) {
        // As Koa does with what is not an Error.
        throw types.isNativeError(error) ? error : new Error('non-error thrown')
      }
    },
  }
}

async function onKoa(
  middleware: forKoa.KoaMiddleware,
  request: object,
  response: object,
  next: Next,
): Promise<void> {
  const context = contextOf(request, response)
  await middleware(context as never, async () => next())
  context.respond()
}

const adapters: Readonly<Record<string, Run>> = {
  express: (request, response, options, next) =>
    outcomeOf(
      (noted) => forExpress.authenticate(validator, options)(request as never, response, noted),
      next,
      200,
    ),
  http: (request, response, options, next) =>
    outcomeOf(async (noted) => {
      const result = await forHttp.authenticate(validator, options)(request as never, response)
      if (result !== null) await noted()
      return result
    }, next),
  connect: (request, response, options, next) =>
    outcomeOf(
      (noted) => forHttp.authenticate(validator, options)(request as never, response, noted),
      next,
    ),
  koa: (request, response, options, next) =>
    outcomeOf(
      (noted) => onKoa(forKoa.authenticate(validator, options), request, response, noted),
      next,
    ),
}

const isConnect = (name: string) => name === 'express' || name === 'connect'

/** A response that does nothing, and what replaces its members. */
function responseWith(members: object = {}): object {
  const complete = {
    headersSent: false,
    statusCode: 200,
    getHeader: () => undefined,
    setHeader: () => undefined,
    removeHeader: () => undefined,
    end: () => undefined,
  }
  return Object.defineProperties(complete, Object.getOwnPropertyDescriptors(members))
}

const boom = new RangeError('boom')
const fail = () => {
  throw boom
}

const broken: Readonly<Record<string, () => object>> = {
  'an empty object': () => ({}),
  'no getHeader': () => responseWith({ getHeader: undefined }),
  'getHeader throws': () => responseWith({ getHeader: fail }),
  'setHeader throws': () => responseWith({ setHeader: fail }),
  'end throws': () => responseWith({ end: fail }),
  'headersSent cannot be read': () =>
    responseWith({
      get headersSent() {
        return fail()
      },
    }),
  'statusCode cannot be set': () =>
    responseWith({
      get statusCode() {
        return 200
      },
      set statusCode(_) {
        fail()
      },
    }),
  'setHeader throws undefined': () =>
    responseWith({
      setHeader: () => {
        throw undefined
      },
    }),
  "end throws 'route'": () =>
    responseWith({
      end: () => {
        throw 'route'
      },
    }),
}

/** Expects that the request was refused, and that the failure arrived once and as an Error. */
function expectOneError(name: string, { calls, rejections }: Outcome): Error {
  const errors = isConnect(name) ? calls.map(([error]) => error) : rejections
  expect(isConnect(name) ? rejections : calls, 'the other channel').toEqual([])
  expect(errors).toHaveLength(1)
  expect(types.isNativeError(errors[0])).toBe(true)
  return errors[0] as Error
}

describe.each(Object.entries(adapters))('%s', (name, run) => {
  describe.each(Object.entries(broken))('a response where %s', (_, response) => {
    it('a refusal that cannot be sent is reported once as an Error', async () => {
      const ended = await processFailures(async () => {
        expectOneError(name, await run(requestWith(), response(), {}))
        expectOneError(name, await run(requestWith(t0({ exp: 1 })), response(), { optional: true }))
      })
      expect(ended).toEqual([])
    })

    it('with passErrors the refusal is passed on once', async () => {
      const ended = await processFailures(async () => {
        const error = expectOneError(
          name,
          await run(requestWith(), response(), { passErrors: true }),
        )
        expect(error).toMatchObject({ status: 401, code: 'missing_token' })
        expect(error).toBeInstanceOf(AccessTokenError)
      })
      expect(ended).toEqual([])
    })

    it('a request with a valid token and an anonymous one pass', async () => {
      const token = t0()
      for (const [request, options] of [
        [requestWith(token), {}],
        [requestWith(token), {}],
        [requestWith(), { optional: true }],
      ] as const) {
        const { calls, rejections } = await run(request, response(), options)
        expect([calls, rejections]).toEqual([[[]], []])
      }
    })

    it('an error of a check is passed on once, and with http is sent as a response', async () => {
      const requirement = { check: fail }
      const ended = await processFailures(async () => {
        const outcome = await run(requestWith(t0()), response(), { requirement })
        expect(outcome.calls.filter(([error]) => error === undefined)).toEqual([])
        if (name !== 'http') expect(expectOneError(name, outcome).cause).toBe(boom)
        else if (outcome.value !== null) expectOneError(name, outcome)
      })
      expect(ended).toEqual([])
    })
  })

  it('a response whose headers are sent is not changed, and the refusal is passed to the framework', async () => {
    const response = responseWith({ headersSent: true, setHeader: fail, end: fail })
    const outcome = await run(requestWith(), response, {})
    if (name === 'http') expect(outcome).toEqual({ calls: [], rejections: [], value: null })
    else expect(expectOneError(name, outcome)).toBeInstanceOf(AccessTokenError)
  })

  it('a request on which the result cannot be recorded is refused', async () => {
    const ended = await processFailures(async () => {
      const frozen = Object.freeze(requestWith(t0()))
      expectOneError(name, await run(frozen, responseWith(), {}))
      const unreadable = Object.defineProperty(requestWith(t0()), 'headers', { get: fail })
      const outcome = await run(unreadable, responseWith(), {})
      if (name !== 'http') expect(expectOneError(name, outcome)).toBe(boom)
      else expect(outcome).toMatchObject({ calls: [], value: null })
      const throwsNothing = Object.defineProperty(requestWith(t0()), 'headers', {
        get() {
          throw undefined
        },
      })
      expect(await run(throwsNothing, responseWith(), {})).toMatchObject({
        calls: isConnect(name) ? [[expect.any(Error)]] : [],
      })
    })
    expect(ended).toEqual([])
  })

  it('a token in the query is refused if Cache-Control cannot be set', async () => {
    validator = fixtureValidator({ tokenLocations: ['query'] })
    const request = () => ({ ...requestWith(), url: `/?access_token=${t0()}` })
    const outcome = await run(request(), responseWith({ setHeader: fail }), {})
    expect(expectOneError(name, outcome)).toBe(boom)
    expect(await run(request(), {}, {})).toMatchObject({ calls: [[]], rejections: [] })
  })

  const downstream: Readonly<Record<string, Next>> = {
    throws: (error) => {
      if (error === undefined) throw boom
    },
    rejects: async (error) => {
      if (error === undefined) throw boom
    },
    'throws undefined': (error) => {
      if (error === undefined) throw undefined
    },
    "rejects with 'route'": async (error) => {
      if (error === undefined) throw 'route'
    },
  }

  it.each(Object.entries(downstream))(
    'a later handler that %s is reported once, and nothing runs twice',
    async (_how, next) => {
      const token = t0()
      const ended = await processFailures(async () => {
        // The second time the token is cached, so that next() runs before anything is awaited.
        for (const request of [requestWith(token), requestWith(token)]) {
          const { calls, rejections } = await run(request, responseWith(), {}, next)
          expect(calls[0]).toEqual([])
          if (isConnect(name)) {
            expect(rejections).toEqual([])
            expect(calls).toEqual([[], [expect.any(Error)]])
          } else {
            expect(calls).toHaveLength(1)
            expect(rejections).toHaveLength(1)
          }
        }
      })
      expect(ended).toEqual([])
    },
  )

  it('authorize passes failures on in the same way', async () => {
    const ended = await processFailures(async () => {
      for (const [label, response] of Object.entries(broken)) {
        const request = requestWith(t0())
        const steps: Readonly<Record<string, (next: Next) => unknown>> = {
          express: (next) => forExpress.authorize({ scopes: 'x' })(request, response(), next),
          http: () => forHttp.authorize({ scopes: 'x' })(request, response()),
          connect: (next) => forHttp.authorize({ scopes: 'x' })(request, response(), next),
          koa: (next) => onKoa(forKoa.authorize({ scopes: 'x' }), request, response(), next),
        }
        // Without authenticate before it, and then with one.
        for (const message of ['mount authenticate()', '']) {
          const outcome = await outcomeOf(
            steps[name] as never,
            undefined,
            name === 'express' ? 200 : 0,
          )
          expect(expectOneError(name, outcome).message, label).toContain(message)
          await forHttp.authenticate(validator)(request, responseWith())
        }
      }
    })
    expect(ended).toEqual([])
  })
})

describe('next(error) that fails too', () => {
  it('is reported as a process warning, and neither throws nor rejects', async () => {
    const warn = vi.spyOn(process, 'emitWarning').mockImplementation(() => {})
    const ended = await processFailures(async () => {
      for (const next of [fail, async () => fail()]) {
        for (const name of ['express', 'connect']) {
          const outcome = await adapters[name]?.(requestWith(t0()), responseWith(), {}, next)
          expect(outcome).toMatchObject({ calls: [[], [boom]], rejections: [] })
          const refused = await adapters[name]?.(requestWith(), {}, { passErrors: true }, next)
          expect(refused).toMatchObject({ calls: [[{ status: 401 }]], rejections: [] })
        }
      }
    })
    expect(ended).toEqual([])
    expect(warn).toHaveBeenCalledWith('next(error) failed: boom', {
      type: 'OAuthResourceServerWarning',
    })
    warn.mockRestore()
  })
})

describe('responses of node:http', () => {
  /** Serves one request whose response was changed, and waits until the adapter has ended. */
  async function serve(
    change: (request: IncomingMessage, response: ServerResponse) => void,
    run: Run,
    options: Options,
  ): Promise<Outcome> {
    let resolve: (outcome: Outcome) => void = () => {}
    const promise = new Promise<Outcome>((settle) => {
      resolve = settle
    })
    const server = createServer((request, response) => {
      change(request, response)
      void run(request, response, options).then((outcome) => {
        resolve(outcome)
        request.socket.destroy()
      })
    }).listen(0, '127.0.0.1')
    await once(server, 'listening')
    const socket = connect((server.address() as AddressInfo).port, '127.0.0.1')
    socket.on('error', () => {})
    socket.write('GET / HTTP/1.1\r\nHost: rs.test\r\n\r\n')
    socket.resume()
    try {
      return await promise
    } finally {
      socket.destroy()
      server.close()
    }
  }

  it.each(Object.entries(adapters))(
    'a destroyed socket and an ended response cause no unhandled error: %s',
    async (name, run) => {
      const changes: ((request: IncomingMessage, response: ServerResponse) => void)[] = [
        (request) => void request.socket.destroy(),
        (_request, response) => void response.destroy(),
        (_request, response) => void response.end('answered'),
      ]
      const ended = await processFailures(async () => {
        for (const change of changes) {
          for (const options of [{}, { passErrors: true }]) {
            const { calls, rejections } = await serve(change, run, options)
            const errors = [...calls.flat(), ...rejections]
            expect(errors.length).toBeLessThan(2)
            for (const error of errors) expect(error).toBeInstanceOf(AccessTokenError)
            expect(calls.filter(([error]) => error === undefined)).toEqual([])
            if (options.passErrors) expect(errors).toHaveLength(1)
          }
        }
      })
      expect(ended, name).toEqual([])
    },
  )

  it.each(Object.entries(adapters))(
    'an error of writeHead, as of a wrapped response, is reported once: %s',
    async (name, run) => {
      const ended = await processFailures(async () => {
        const change = (_request: IncomingMessage, response: ServerResponse) => {
          response.writeHead = fail
        }
        expect(expectOneError(name, await serve(change, run, {}))).toBe(boom)
      })
      expect(ended).toEqual([])
    },
  )
})
