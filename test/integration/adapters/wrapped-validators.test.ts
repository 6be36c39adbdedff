/** Wrappers of a validator: what they throw and accept. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import express5 from 'express'
import Koa3 from 'koa'
import {
  type AccessToken,
  InsufficientScopeError,
  InvalidTokenError,
  MissingTokenError,
  ServiceUnavailableError,
  type Validator,
} from 'oauth-resource-server'
import * as forExpress from 'oauth-resource-server/express'
import * as forHttp from 'oauth-resource-server/http'
import * as forKoa from 'oauth-resource-server/koa'
import { describe, expect, it } from 'vitest'
import { askOnce } from '../../support/adapters.ts'
import { linesOf, type RawResponse } from '../../support/exchange.ts'
import { fixtureValidator, t0 } from '../../support/fixture.ts'
import { processFailures } from '../../support/process-failures.ts'
import { bearer } from '../../support/requests.ts'

type Listener = (request: IncomingMessage, response: ServerResponse) => unknown
type Options = forHttp.AuthenticateOptions

/** Runs the validator on each adapter, after a listener. */
function listenersOf(
  validator: Validator,
  options: Options = {},
  before: (response: ServerResponse) => void = () => {},
): Readonly<Record<string, Listener>> {
  const express = express5()
  express.use((_request, response, next) => {
    before(response)
    next()
  })
  express.use(forExpress.authenticate(validator, options), (_request, response) => {
    response.end('passed')
  })
  const koa = Object.assign(new Koa3(), { silent: true })
  koa.use((context, next) => {
    before(context.res)
    return next()
  })
  koa.use(forKoa.authenticate(validator, options)).use((context) => {
    context.body = 'passed'
  })
  const guard = forHttp.authenticate(validator, options)
  return {
    express: express as unknown as Listener,
    koa: koa.callback(),
    http: async (request, response) => {
      before(response)
      const outcome = await guard(request, response).catch(() => null)
      if (outcome !== null) response.end('passed')
    },
    connect: (request, response) => {
      before(response)
      return guard(request, response, (error) => {
        if (error === undefined) response.end('passed')
        else response.writeHead(500).end()
      })
    },
  }
}

async function answersOf(
  validator: Validator,
  options?: Options,
  before?: (response: ServerResponse) => void,
): Promise<Record<string, RawResponse>> {
  const answers: Record<string, RawResponse> = {}
  for (const [name, listener] of Object.entries(listenersOf(validator, options, before))) {
    answers[name] = await askOnce(listener, bearer(t0()))
  }
  return answers
}

const refusing = (create: () => unknown): Validator => ({
  ...fixtureValidator(),
  authenticate: async () => {
    throw create()
  },
})

const refuse = () => {
  throw new RangeError('a trap ran')
}

describe('an object around a validator', () => {
  it.each([
    ['InvalidTokenError', () => new InvalidTokenError('expired'), 401, 'error="invalid_token"'],
    ['MissingTokenError', () => new MissingTokenError(['a']), 401, 'scope="a"'],
    ['InsufficientScopeError', () => new InsufficientScopeError(['a', 'b']), 403, 'scope="a b"'],
    ['a frozen error', () => Object.freeze(new InvalidTokenError('expired')), 401, 'invalid_token'],
  ] as const)(
    '9110-11.6.1-a may throw an error that it created itself: %s gets a challenge',
    async (_, create, status, part) => {
      for (const [name, answer] of Object.entries(await answersOf(refusing(create)))) {
        expect(answer.status, name).toBe(status)
        const challenges = linesOf(answer, 'WWW-Authenticate')
        expect(challenges, name).toEqual([expect.stringMatching(/^Bearer realm="api"/)])
        expect(challenges[0], name).toContain(part)
        expect(linesOf(answer, 'Cache-Control'), name).toEqual(['no-store'])
        const types = create().body === undefined ? [] : ['application/json']
        expect(linesOf(answer, 'Content-Type'), name).toEqual(types)
      }
    },
  )

  it('may throw a ServiceUnavailableError that it created itself', async () => {
    const validator = refusing(() => new ServiceUnavailableError('revocation', 7))
    for (const [name, answer] of Object.entries(await answersOf(validator))) {
      expect(answer.status, name).toBe(503)
      expect(linesOf(answer, 'Retry-After'), name).toEqual(['7'])
      expect(linesOf(answer, 'WWW-Authenticate'), name).toEqual([])
    }
  })

  it('gets the headers in the error with passErrors and a response without header methods', async () => {
    const errors: unknown[] = []
    const validator = refusing(() => new InvalidTokenError('expired'))
    const guard = forHttp.authenticate(validator, { passErrors: true })
    await guard({ headers: {} }, {}, (error) => errors.push(error))
    expect(errors).toMatchObject([
      { headers: { 'WWW-Authenticate': [expect.stringContaining('invalid_token')] } },
    ])
  })

  it('may have one challenge as a string in the headers of its error', async () => {
    const validator = refusing(() => {
      const headers = { 'WWW-Authenticate': 'Bearer realm="mine"' }
      return Object.assign(new InvalidTokenError('expired'), { headers })
    })
    for (const [name, answer] of Object.entries(await answersOf(validator))) {
      expect(linesOf(answer, 'WWW-Authenticate'), name).toEqual(['Bearer realm="mine"'])
    }
  })

  it('AD-mut may throw one error for all requests: none gets the challenges of another', async () => {
    const error = new InvalidTokenError('expired')
    const validator = refusing(() => error)
    let requests = 0
    const before = (response: ServerResponse) => {
      response.setHeader('WWW-Authenticate', `Digest nonce="${requests++}"`)
    }
    const answers = Object.values(await answersOf(validator, {}, before))
    for (const [index, answer] of answers.entries()) {
      expect(linesOf(answer, 'WWW-Authenticate')).toEqual([
        `Digest nonce="${index}"`,
        expect.stringContaining('invalid_token'),
      ])
    }
    for (const answer of Object.values(await answersOf(validator))) {
      expect(linesOf(answer, 'WWW-Authenticate')).toEqual([
        expect.stringContaining('invalid_token'),
      ])
    }
  })

  it.each([
    [
      'prototype',
      () =>
        Object.setPrototypeOf(new Error(), new Proxy({}, { getPrototypeOf: refuse, has: refuse })),
    ],
    [
      'name',
      () => Object.defineProperty(new InvalidTokenError('expired'), 'name', { get: refuse }),
    ],
  ])(
    'may throw an Error whose %s cannot be read: it arrives once, and the process goes on',
    async (_, create) => {
      const validator = { ...refusing(create), authorize: () => Promise.reject(create()) }
      const ended = await processFailures(async () => {
        for (const options of [{}, { optional: true }, { passErrors: true }]) {
          const request = { headers: {} }
          const outcomes: unknown[][] = []
          const response = { setHeader() {}, getHeader() {}, end: () => outcomes.push(['sent']) }
          const note = (...values: unknown[]) => void outcomes.push(values)
          forExpress.authenticate(validator, options)(request, response, note)
          await forHttp.authenticate(validator, options)(request, response, note)
          await new Promise(setImmediate)
          expect(outcomes).toHaveLength(2)
          for (const [value] of outcomes) expect(value).toBeDefined()
        }
        const authenticated = { ...validator, authenticate: fixtureValidator().authenticate }
        const request = { headers: { authorization: `Bearer ${t0()}` } }
        await forHttp.authenticate(authenticated)(request, {})
        const calls: unknown[][] = []
        const response = { setHeader() {}, getHeader() {}, end: () => calls.push(['sent']) }
        forExpress.authorize({ scopes: 'x' })(request, response, (...values) => calls.push(values))
        await new Promise(setImmediate)
        expect(calls).toHaveLength(1)
        expect(calls[0]?.[0]).toBeDefined()
      })
      expect(ended).toEqual([])
    },
  )

  it.each([undefined, {}, { scopes: ['read:a'] }])(
    'AD-ctx that accepts a request without a token with %j does not let an anonymous one through authorize',
    async (accepted) => {
      const inner = fixtureValidator()
      let calls = 0
      const validator: Validator = {
        ...inner,
        authenticate: async (request, requirement) =>
          calls++ === 0
            ? inner.authenticate(request, requirement)
            : (accepted as unknown as AccessToken),
      }
      const request = { headers: {} }
      await forHttp.authenticate(validator, { optional: true })(request, {})
      const outcomes: unknown[] = []
      await forHttp.authorize({ scopes: 'read:a' })(request, {}, (error) => outcomes.push(error))
      expect(outcomes).toEqual([new TypeError('The validator accepted a request without a token')])
    },
  )

  it('may reject with any error: each adapter passes it on, because no event reports it', async () => {
    const failure = new Error('db down')
    const fail = () => Promise.reject(failure)
    const inner = fixtureValidator()
    const authentication = { ...inner, authenticate: fail }
    for (const [name, answer] of Object.entries(await answersOf(authentication))) {
      expect(answer.status, name).toBe(500)
    }
    const newRequest = () => ({ headers: { authorization: `Bearer ${t0()}` } })
    const response = { setHeader() {}, end() {} }
    await expect(forHttp.authenticate(authentication)(newRequest(), response)).rejects.toBe(failure)
    const request = newRequest()
    await forHttp.authenticate({ ...inner, authorize: fail })(request, response)
    await expect(forHttp.authorize({ scopes: 'x' })(request, response)).rejects.toBe(failure)
    const errors: unknown[] = []
    forExpress.authorize({ scopes: 'x' })(request, response, (error) => errors.push(error))
    await new Promise(setImmediate)
    expect(errors).toEqual([failure])
    const context = { req: request, res: response } as never
    await expect(forKoa.authorize({ scopes: 'x' })(context, async () => {})).rejects.toBe(failure)
  })
})
