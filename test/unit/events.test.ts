import { AsyncLocalStorage } from 'node:async_hooks'
import { inspect } from 'node:util'
import type { ValidatorEvent } from 'oauth-resource-server'
import { describe, expect, it, vi } from 'vitest'
import { createApi, JWKS_URI, partsOf, remoteIssuer } from '../support/checked-validator.ts'
import { subscribeToEvents, warningsOf } from '../support/event-listeners.ts'
import { fixtureValidator, ISS, jwks, t0 } from '../support/fixture.ts'

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
    const { published } = subscribeToEvents()
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
