import { AsyncLocalStorage } from 'node:async_hooks'
import { channel } from 'node:diagnostics_channel'
import { inspect } from 'node:util'
import type { ValidatorEvent } from 'oauth-resource-server'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { createObserver } from '../../src/events/observer.ts'
import { createApi, JWKS_URI, partsOf, remoteIssuer } from '../support/checked-validator.ts'
import { fixtureValidator, ISS, jwks, t0 } from '../support/fixture.ts'

const diagnostics = channel('oauth-resource-server')
const event: ValidatorEvent = { type: 'token.missing' }

/** The warnings of the process, after the turns in which they are emitted. */
async function warningsOf(action: () => unknown): Promise<Error[]> {
  const warnings: Error[] = []
  const listener = (warning: Error) => {
    warnings.push(warning)
  }
  process.on('warning', listener)
  try {
    await action()
    for (let turn = 0; turn < 5; turn++) await new Promise(setImmediate)
  } finally {
    process.off('warning', listener)
  }
  return warnings.filter(({ name }) => name === 'OAuthResourceServerWarning')
}

function subscribe(): unknown[] {
  const published: unknown[] = []
  const listener = (message: unknown) => {
    published.push(message)
  }
  diagnostics.subscribe(listener)
  unsubscribe = () => diagnostics.unsubscribe(listener)
  return published
}

let unsubscribe = (): unknown => undefined
afterEach(() => {
  unsubscribe()
  unsubscribe = () => undefined
})

describe('an observer', () => {
  it('does nothing without a listener', () => {
    const observer = createObserver()
    expect(observer.listening()).toBe(false)
    observer.emit(event)
  })

  it('passes the same object to onEvent and to the diagnostics channel', () => {
    const reported: unknown[] = []
    const observer = createObserver((item) => reported.push(item))
    observer.emit(event)
    const published = subscribe()
    observer.emit(event)
    expect(reported).toEqual([event, event])
    expect(published).toHaveLength(1)
    expect(published[0]).toBe(reported[1])
  })

  it('listens only while the channel has a subscriber', () => {
    const observer = createObserver()
    subscribe()
    expect(observer.listening()).toBe(true)
    unsubscribe()
    expect(observer.listening()).toBe(false)
  })

  it.each([
    [
      'throws an error',
      () => {
        throw new Error('broken')
      },
      'onEvent failed: broken',
    ],
    [
      'throws a value that is not an Error',
      () => {
        throw 'text'
      },
      'onEvent failed: not an Error',
    ],
    ['rejects', () => Promise.reject(new Error('later')), 'onEvent failed: later'],
  ])('warns of a listener that %s, once', async (_, onEvent, message) => {
    const observer = createObserver(onEvent)
    const warnings = await warningsOf(() => {
      for (let count = 0; count < 3; count++) observer.emit(event)
    })
    expect(warnings.map((warning) => warning.message)).toEqual([message])
  })

  it('does not warn of a listener that returns or resolves', async () => {
    const observer = createObserver(async () => 'fine')
    expect(await warningsOf(() => observer.emit(event))).toEqual([])
  })
})

describe('a validator', () => {
  it('reports a token that is accepted', async () => {
    const api = createApi()
    const token = t0()
    await api.accepts(token)
    await api.accepts(token)
    const accepted = {
      type: 'token.accepted',
      issuer: ISS,
      clientId: 'client-1',
      proofs: [],
      durationMs: expect.any(Number),
    }
    expect(api.events).toEqual([
      { ...accepted, cached: false },
      { ...accepted, cached: true },
    ])
  })

  it('reports a token that is refused, with its reason and the trusted issuer', async () => {
    const api = createApi()
    const { detail } = await api.refuses(t0({ aud: 'x' }), 'wrong_audience')
    expect(api.events).toEqual([
      {
        type: 'token.refused',
        status: 401,
        reason: 'wrong_audience',
        issuer: ISS,
        detail,
        cause: undefined,
        durationMs: expect.any(Number),
      },
    ])
  })

  it('does not report an untrusted issuer, because it could label a metric', async () => {
    const api = createApi()
    await api.refuses(t0({ iss: 'https://evil.test' }), 'wrong_issuer')
    await api.refuses('x', 'malformed')
    for (const refused of api.events) expect(refused).toMatchObject({ issuer: undefined })
  })

  it('reports a scope that is missing in authenticate and in authorize', async () => {
    const api = createApi()
    const token = t0()
    await api.forbids(token, { scopes: 'x' }, 'x')
    const refused = {
      type: 'token.refused',
      status: 403,
      reason: 'insufficient_scope',
      issuer: ISS,
    }
    expect(api.events).toEqual([expect.objectContaining(refused)])
    const accepted = await api.accepts(token)
    api.events.length = 0
    await expect(api.validator.authorize(accepted, { scopes: 'x' })).rejects.toMatchObject({
      status: 403,
      headers: { 'WWW-Authenticate': [expect.stringMatching(/scope="x"$/)] },
    })
    expect(api.events).toEqual([expect.objectContaining(refused)])
    await api.validator.authorize(accepted, { scopes: 'read:a' })
    expect(api.events).toHaveLength(1)
  })

  it('reports a request without a token, which is not a refusal', async () => {
    const api = createApi()
    await expect(api.validator.authenticate({ headers: {} })).rejects.toMatchObject({ status: 401 })
    expect(api.events).toEqual([{ type: 'token.missing' }])
  })

  it.each([
    [{ headers: { authorization: 'Basic c2VjcmV0' } }, /not begin with the scheme Bearer/],
    [{ headers: { authorization: 'c2VjcmV0' } }, /not begin with the scheme Bearer/],
    [{ headers: {}, url: '/?access_token=c2VjcmV0' }, /tokenLocations/],
    [{ headers: {}, url: '/?a=1&access_token=c2VjcmV0&access_token=b' }, /tokenLocations/],
  ])(
    'names what a request has instead of a token, without the value: %j',
    async (request, hint) => {
      const api = createApi()
      const error = await api.validator.authenticate(request).catch((reason) => reason)
      expect(error).toMatchObject({ code: 'missing_token', detail: { hint: expect.anything() } })
      expect(api.events).toEqual([{ type: 'token.missing', hint: expect.stringMatching(hint) }])
      expect(JSON.stringify([api.events, error])).not.toContain('c2VjcmV0')
    },
  )

  it('reports a request within the asynchronous context of that request', async () => {
    const storage = new AsyncLocalStorage<string>()
    const reported: unknown[] = []
    const { validate } = fixtureValidator({
      onEvent: ({ type }) => reported.push([storage.getStore(), type]),
    })
    const [one, two] = [t0(), t0({ exp: 1 })]
    await Promise.all([
      storage.run('first', () => validate(one)),
      storage.run('second', () => validate(two).catch(() => {})),
    ])
    expect(reported.sort()).toEqual([
      ['first', 'token.accepted'],
      ['second', 'token.refused'],
    ])
  })

  it('reports credentials that are malformed', async () => {
    const api = createApi()
    const request = { headers: { authorization: 'Bearer a b' } }
    await expect(api.validator.authenticate(request)).rejects.toMatchObject({ status: 400 })
    expect(api.events).toEqual([
      expect.objectContaining({ type: 'token.refused', status: 400, reason: 'invalid_request' }),
    ])
  })

  it('reports a check that threw, in validate and in authorize', async () => {
    const api = createApi()
    const thrown = new Error('the database is down')
    const check = () => Promise.reject(thrown)
    const failure = { message: 'The callback check failed', cause: thrown }
    await expect(api.validator.validate(t0(), { check })).rejects.toMatchObject(failure)
    expect(api.events).toMatchObject([{ type: 'callback.failed', cause: failure }])
    const accepted = await api.accepts(t0())
    api.events.length = 0
    await expect(api.validator.authorize(accepted, { check })).rejects.toMatchObject(failure)
    expect(api.events).toMatchObject([{ type: 'callback.failed', cause: failure }])
  })

  it('reports a malformed requirement that was passed with a request', async () => {
    const api = createApi()
    const wrong = { scope: 'read:a' } as never
    const reported = [{ type: 'callback.failed', cause: expect.any(TypeError) }]
    await expect(api.validator.validate(t0(), wrong)).rejects.toThrow(TypeError)
    expect(api.events.splice(0)).toEqual(reported)
    const accepted = await api.accepts(t0())
    api.events.length = 0
    await expect(api.validator.authorize(accepted, wrong)).rejects.toThrow(TypeError)
    expect(api.events).toEqual(reported)
  })

  it('reports fetched keys and failed fetches', async () => {
    const good = createApi({ issuer: remoteIssuer }, { [JWKS_URI]: jwks })
    await good.accepts(t0())
    expect(good.events.map(({ type }) => type)).toEqual(['keys.refreshed', 'token.accepted'])
    const bad = createApi({ issuer: remoteIssuer }, { [JWKS_URI]: { keys: [] } })
    await bad.isUnavailableFor(t0())
    expect(bad.events.map(({ type }) => type)).toEqual(['keys.failed', 'token.refused'])
    expect(bad.events[1]).toMatchObject({
      status: 503,
      reason: 'service_unavailable',
      service: 'keys',
      issuer: ISS,
    })
  })

  it('publishes on the channel without onEvent', async () => {
    const silent = createApi({ onEvent: undefined })
    const published = subscribe()
    await silent.accepts(t0())
    await expect(silent.validator.validate('x')).rejects.toMatchObject({ status: 401 })
    expect(published.map((message) => (message as ValidatorEvent).type)).toEqual([
      'token.accepted',
      'token.refused',
    ])
  })

  it('has the same results without a listener', async () => {
    const silent = createApi({ onEvent: undefined })
    await silent.accepts(t0())
    await silent.refuses(t0({ exp: 1 }), 'expired')
    await silent.forbids(t0(), { scopes: 'x' }, 'x')
    await expect(silent.validator.authenticate({ headers: {} })).rejects.toMatchObject({
      status: 401,
    })
  })

  it('has the same results even if onEvent throws', async () => {
    const onEvent = vi.fn(() => {
      throw new Error('broken')
    })
    const api = createApi({ onEvent })
    const warnings = await warningsOf(async () => {
      await api.accepts(t0())
      await api.refuses(t0({ exp: 1 }), 'expired')
    })
    expect(onEvent).toHaveBeenCalledTimes(2)
    expect(warnings).toHaveLength(1)
  })

  it('puts no part of a token into an event', async () => {
    const api = createApi()
    const token = t0()
    await api.accepts(token)
    const reported = inspect(api.events, { depth: 9, showHidden: true })
    for (const part of partsOf(token)) expect(reported).not.toContain(part.slice(0, 12))
  })
})
