/** What an introspector makes of the outcomes of its client: events, errors, limits and pauses. */
import { describe, expect, it } from 'vitest'
import { InvalidTokenError } from '../../../src/errors.ts'
import { createObserver } from '../../../src/events/observer.ts'
import type { ValidatorEvent } from '../../../src/events.ts'
import { createIntrospectionCache } from '../../../src/introspection/introspection-cache.ts'
import type { FetchedResponse } from '../../../src/introspection/introspection-client.ts'
import {
  type FailureDetail,
  IntrospectionError,
} from '../../../src/introspection/introspection-error.ts'
import {
  createIntrospector,
  type Expiring,
  type IntrospectorOptions,
} from '../../../src/introspection/introspector.ts'
import { ISS } from '../../support/fixture.ts'

const basic = {
  method: 'client_secret_basic',
  clientId: 'rs\n1',
  clientSecret: 'hush',
  encoding: 'form',
} as const

const active = { response: { active: true, claims: { active: true } }, size: 100 } as const
const inactive = { response: { active: false }, size: 100 } as const
const failure = (detail: FailureDetail) => new IntrospectionError('status', 'failed', detail)

function createSetup(changes: Partial<IntrospectorOptions<Expiring>> = {}) {
  const state = { time: 1e9, requests: 0, lookups: 0, isKnown: false }
  const events: ValidatorEvent[] = []
  const server = {
    introspect: (_token: string): FetchedResponse | Promise<FetchedResponse> => active,
    findEndpoint: async () => {},
  }
  const { introspect, ready } = createIntrospector<Expiring>({
    issuer: ISS,
    authentication: basic,
    observer: createObserver((event) => events.push(event)),
    cacheScope: ISS,
    client: {
      isEndpointKnown: () => state.isKnown,
      findEndpoint: async () => {
        state.lookups++
        return server.findEndpoint()
      },
      introspect: async (token) => {
        state.requests++
        return server.introspect(token)
      },
    },
    cache: createIntrospectionCache(1_000),
    maxAge: 10,
    inactiveMaxAge: 5,
    validateResponse: (_claims, now) => ({ expiresAt: now + 300 }),
    now: () => state.time * 1_000,
    ...changes,
  })
  const errorOf = (work: () => unknown) =>
    new Promise((resolve) => resolve(work())).then(
      () => undefined,
      (error) => error,
    )
  return {
    state,
    events,
    server,
    ready,
    introspect,
    readyError: () => errorOf(ready),
    errorFor: (token: string, jwt?: Expiring) => errorOf(() => introspect(token, jwt)),
  }
}

const rateLimited = {
  service: 'introspection',
  retryAfter: 1,
  detail: { issuer: ISS, hint: 'too many tokens that were not accepted before' },
}
const jwt = { expiresAt: 2e9 }

describe('a failed introspection', () => {
  it('is reported, and leads to a 503 with its hint', async () => {
    const { server, events, errorFor } = createSetup()
    const thrown = failure({ hint: 'check the server' })
    server.introspect = () => Promise.reject(thrown)
    const startedAt = performance.now()
    expect(await errorFor('op-1')).toMatchObject({
      service: 'introspection',
      retryAfter: 1,
      detail: { issuer: ISS, hint: 'check the server' },
      cause: thrown,
    })
    expect(events).toEqual([
      {
        type: 'introspection.failed',
        issuer: ISS,
        reason: 'status',
        method: 'client_secret_basic',
        clientId: 'rs?1',
        hint: 'check the server',
        cause: thrown,
        retryAfter: 1,
        durationMs: expect.any(Number),
      },
    ])
    const { durationMs } = events[0] as { durationMs: number }
    expect(durationMs).toBeGreaterThanOrEqual(0)
    expect(durationMs).toBeLessThanOrEqual(performance.now() - startedAt)
  })

  it('is reported without a client id if this API has none', async () => {
    const authentication = { method: 'none', clientId: undefined } as const
    const { server, events, errorFor } = createSetup({ authentication })
    server.introspect = () => Promise.reject(failure({}))
    await errorFor('op-1')
    expect(events).toMatchObject([{ method: 'none', clientId: undefined }])
  })

  it('is not reported if it is an error of another kind, which is thrown unchanged', async () => {
    const { server, events, errorFor } = createSetup()
    const thrown = new Error('broken')
    server.introspect = () => Promise.reject(thrown)
    expect(await errorFor('op-1')).toBe(thrown)
    expect(events).toEqual([])
  })
})

describe('the refusal of a token', () => {
  it('has the issuer in the detail, and is cached for inactiveMaxAge', async () => {
    const { state, server, errorFor } = createSetup()
    server.introspect = () => inactive
    for (const time of [0, 4.9]) {
      state.time = 1e9 + time
      expect(await errorFor('op-1')).toMatchObject({ reason: 'inactive', detail: { issuer: ISS } })
    }
    expect(state.requests).toBe(1)
    state.time = 1e9 + 5
    await errorFor('op-1')
    expect(state.requests).toBe(2)
  })

  it('has the detail of the member that is not valid, and is cached', async () => {
    const { state, errorFor } = createSetup({
      validateResponse() {
        throw new InvalidTokenError('wrong_audience', { name: 'aud' })
      },
    })
    const errors = [await errorFor('op-1'), await errorFor('op-1')]
    for (const error of errors) {
      expect(error).toMatchObject({
        reason: 'wrong_audience',
        detail: { issuer: ISS, name: 'aud' },
      })
    }
    expect(errors[0]).not.toBe(errors[1])
    expect(state.requests).toBe(1)
  })

  it('is not cached if the validation of its members failed otherwise', async () => {
    const thrown = new Error('broken')
    const { state, errorFor } = createSetup({
      validateResponse() {
        throw thrown
      },
    })
    expect([await errorFor('op-1'), await errorFor('op-1')]).toEqual([thrown, thrown])
    expect(state.requests).toBe(2)
  })
})

describe('the budget for tokens that were not accepted before', () => {
  it('is not used up by accepted tokens', async () => {
    const { state, errorFor } = createSetup()
    for (let count = 0; count < 300; count++) expect(await errorFor(`op-${count}`)).toBeUndefined()
    expect(state.requests).toBe(300)
  })

  it.each([
    ['refused tokens', () => inactive],
    ['failed requests', () => Promise.reject(failure({ dueTo: 'own_load' }))],
  ])('is used up by 200 %s, and does not apply to genuine tokens', async (_what, introspect) => {
    const { state, server, events, errorFor } = createSetup()
    await errorFor('accepted')
    server.introspect = introspect
    for (let count = 0; count < 200; count++) await errorFor(`op-${count}`)
    events.length = 0
    expect(await errorFor('new')).toMatchObject(rateLimited)
    expect(events).toEqual([
      { type: 'introspection.rate_limited', issuer: ISS, limit: 'inactive_tokens' },
    ])
    server.introspect = () => active
    expect(await errorFor('header.payload.signature', jwt)).toBeUndefined()
    state.time += 10
    expect(await errorFor('accepted')).toBeUndefined()
  })

  it('does not count the end of a genuine token as the end of a request in flight', async () => {
    const { server, events, errorFor } = createSetup()
    const respond: ((response: FetchedResponse) => void)[] = []
    server.introspect = () => new Promise((resolve) => respond.push(resolve))
    const pending = Array.from({ length: 100 }, (_, count) => errorFor(`op-${count}`))
    expect(await errorFor('new')).toMatchObject(rateLimited)
    const genuine = errorFor('header.payload.signature', jwt)
    await new Promise(setImmediate)
    respond.at(-1)?.(active)
    expect(await genuine).toBeUndefined()
    expect(await errorFor('new')).toMatchObject(rateLimited)
    expect(events).toMatchObject([{ limit: 'requests_in_flight' }])
    for (const resolve of respond) resolve(active)
    expect(await Promise.all(pending)).toEqual(Array(100).fill(undefined))
  })
})

describe('ready()', () => {
  it('does not look up an endpoint that is known', async () => {
    const { state, ready } = createSetup()
    await ready()
    state.isKnown = true
    await ready()
    expect(state.lookups).toBe(1)
  })

  it('does not wait because unknown tokens do', async () => {
    const { server, state, errorFor, ready } = createSetup()
    server.introspect = () => Promise.reject(failure({ dueTo: 'load' }))
    await errorFor('op-1')
    expect(await errorFor('op-2')).toMatchObject({ service: 'introspection' })
    await ready()
    expect(state).toMatchObject({ requests: 1, lookups: 1 })
  })

  it('makes all tokens wait if it fails', async () => {
    const { server, state, events, errorFor, readyError } = createSetup()
    server.findEndpoint = () => Promise.reject(failure({ dueTo: 'load', hint: 'too many' }))
    const unavailable = { service: 'introspection', detail: { issuer: ISS, hint: 'too many' } }
    expect(await readyError()).toMatchObject(unavailable)
    expect(events).toMatchObject([{ type: 'introspection.failed', hint: 'too many' }])
    expect(await errorFor('header.payload.signature', jwt)).toMatchObject(unavailable)
    expect(await readyError()).toMatchObject(unavailable)
    expect(state).toMatchObject({ requests: 0, lookups: 1 })
  })

  it('is one attempt, after which a token is introspected', async () => {
    const { server, state, errorFor, ready, readyError } = createSetup()
    server.findEndpoint = () => Promise.reject(failure({}))
    await readyError()
    state.time += 1
    server.findEndpoint = async () => {}
    await ready()
    expect(await errorFor('op-1')).toBeUndefined()
  })
})
