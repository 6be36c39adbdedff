import { randomBytes } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { validateToken } from '../../../src/pipeline/authenticate.ts'
import { ISS, jwks, t0 } from '../../support/fixture.ts'
import {
  active,
  createApi,
  type Respond,
  startAuthorizationServer,
} from '../../support/introspection.ts'

const fail =
  (status: number): Respond =>
  (_request, response) =>
    response.writeHead(status, { 'content-type': 'application/json' }).end('{}')

const random = () => randomBytes(16).toString('base64url')

/** Answers active for tokens that begin with `good`. */
const respondByToken: Respond = ({ form }) =>
  form.get('token')?.startsWith('good') ? active() : { active: false }

describe('a cached result', () => {
  it('is returned without a promise', async () => {
    const server = await startAuthorizationServer(() => active())
    const api = createApi(server)
    await validateToken(api.pipeline, 'good')
    expect(validateToken(api.pipeline, 'good')).not.toBeInstanceOf(Promise)
  })

  it('of a token without exp expires when the cache does', async () => {
    const server = await startAuthorizationServer(() => active({ exp: undefined, iss: undefined }))
    const api = createApi(server)
    const token = await api.introspect('good')
    expect(token.expiresAt).toBe(Math.ceil(api.seconds() + 10))
    expect(token.claims).toMatchObject({ iss: server.origin, exp: token.expiresAt })
  })

  it.each([
    ['maxAge is 0', { options: { maxAge: 0 } }],
    ['the token cache is off', { validator: { tokenCache: false } as const }],
  ])('of a token without exp expires in the future where %s', async (_what, setup) => {
    const server = await startAuthorizationServer(() => active({ exp: undefined }))
    const api = createApi(server, setup)
    expect((await api.introspect('good')).expiresAt).toBe(Math.ceil(api.seconds() + 10))
    await api.introspect('good')
    expect(server.received).toHaveLength(2)
  })

  it('is not used when the clock was set back', async () => {
    const server = await startAuthorizationServer(() => active())
    const api = createApi(server)
    await api.introspect('good')
    api.pass(-3_600)
    await api.introspect('good')
    expect(server.received).toHaveLength(2)
  })

  it('serves no longer than maxAge while the endpoint is down', async () => {
    const server = await startAuthorizationServer(() => active())
    const api = createApi(server)
    expect(await api.outcomeFor('good')).toBe('OK')
    server.respond = fail(503)
    const outcomes: string[] = []
    for (let second = 0; second < 13; second++) {
      outcomes.push(await api.outcomeFor('good'))
      api.pass(1)
    }
    expect(outcomes).toEqual([...Array(10).fill('OK'), '503', '503', '503'])
  })
})

describe('a request in flight', () => {
  /** A server that reads the state of the token when a request arrives, and responds when `respond` is called. */
  async function startSlow() {
    const state = { active: true }
    const responses: (() => void)[] = []
    const server = await startAuthorizationServer(() => {
      const response = state.active ? active() : { active: false }
      return new Promise((resolve) => responses.push(() => resolve(response)))
    })
    const respond = async (count: number) => {
      while (responses.length < count) await new Promise(setImmediate)
      responses[count - 1]?.()
    }
    return { server, state, respond }
  }

  it('is not shared, with maxAge 0, by a request that arrives later', async () => {
    const { server, state, respond } = await startSlow()
    const api = createApi(server, { options: { maxAge: 0, inactiveMaxAge: 0 } })
    const early = api.outcomeFor('good')
    while (server.received.length < 1) await new Promise(setImmediate)
    state.active = false
    api.pass(1)
    const late = [api.outcomeFor('good'), api.outcomeFor('good')]
    await respond(1)
    expect(await early).toBe('OK')
    await respond(2)
    expect(await Promise.all(late)).toEqual(['401 inactive', '401 inactive'])
    expect(server.received).toHaveLength(2)
  })

  it('is shared while it is not older than maxAge', async () => {
    const { server, respond } = await startSlow()
    const api = createApi(server, { options: { maxAge: 2 } })
    const early = api.outcomeFor('good')
    api.pass(1)
    const late = api.outcomeFor('good')
    await respond(1)
    expect([await early, await late]).toEqual(['OK', 'OK'])
    expect(server.received).toHaveLength(1)
  })
})

describe('the limit on tokens that were not accepted before', () => {
  it('bounds the requests that random strings cause, and returns 503 beyond that', async () => {
    const server = await startAuthorizationServer(respondByToken)
    const api = createApi(server)
    const outcomes = new Map<string, number>()
    for (let count = 0; count < 10_000; count++) {
      const outcome = await api.outcomeFor(random())
      outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1)
      if (count % 1_000 === 999) api.pass(6)
    }
    // A burst of 200, and 10 each second, in the minute that passes.
    expect(server.received.length).toBeLessThanOrEqual(200 + 600)
    expect(outcomes.get('401 inactive')).toBe(server.received.length)
    expect(outcomes.get('503')).toBe(10_000 - server.received.length)
    expect(api.events).toContainEqual({
      type: 'introspection.rate_limited',
      issuer: server.origin,
      limit: 'inactive_tokens',
    })
  }, 60_000)

  it('is reported at most once a second', async () => {
    const server = await startAuthorizationServer(respondByToken)
    const api = createApi(server)
    for (let count = 0; count < 250; count++) await api.outcomeFor(random())
    expect(api.events).toHaveLength(1)
    for (let second = 0; second < 5; second++) {
      api.pass(1)
      for (let count = 0; count < 30; count++) await api.outcomeFor(random())
    }
    expect(api.events.map(({ type }) => type)).toEqual(Array(6).fill('introspection.rate_limited'))
  })

  it('does not delay tokens that were accepted before', async () => {
    const server = await startAuthorizationServer(respondByToken)
    const api = createApi(server)
    expect(await api.outcomeFor('good-1')).toBe('OK')
    for (let count = 0; count < 300; count++) await api.outcomeFor(random())
    expect(await api.outcomeFor(random())).toBe('503')
    api.pass(120)
    for (let count = 0; count < 300; count++) await api.outcomeFor(random())
    expect(await api.outcomeFor(random())).toBe('503')
    expect(await api.outcomeFor('good-1')).toBe('OK')
  })

  it('accepts 500 new valid tokens', async () => {
    const server = await startAuthorizationServer(respondByToken)
    const api = createApi(server)
    for (let count = 0; count < 500; count++)
      expect(await api.outcomeFor(`good-${count}`)).toBe('OK')
    expect(server.received).toHaveLength(500)
  })

  it('does not delay JWTs that were verified locally', async () => {
    const server = await startAuthorizationServer(({ form }) =>
      form.get('token')?.startsWith('ey') ? active() : { active: false },
    )
    const api = createApi(server, {
      settings: { issuer: ISS, jwks },
      options: { tokens: 'all' },
    })
    for (let count = 0; count < 201; count++) await api.outcomeFor(random())
    expect(await api.outcomeFor('good-1')).toBe('503')
    expect(await api.outcomeFor(t0({ sub: 'user-1', client_id: 'c' }))).toBe('OK')
  })

  it('keeps at most 100 requests in flight', async () => {
    const answers: (() => void)[] = []
    const server = await startAuthorizationServer(
      () => new Promise((resolve) => answers.push(() => resolve(active()))),
    )
    const api = createApi(server)
    const outcomes = Array.from({ length: 101 }, (_, count) => api.outcomeFor(`good-${count}`))
    expect(await outcomes[100]).toBe('503')
    expect(api.events).toMatchObject([{ limit: 'requests_in_flight' }])
    while (answers.length < 100) await new Promise(setImmediate)
    for (const answer of answers) answer()
    expect(new Set(await Promise.all(outcomes.slice(0, 100)))).toEqual(new Set(['OK']))
  })

  it('applies again to a token that was revoked', async () => {
    const server = await startAuthorizationServer(respondByToken)
    const api = createApi(server)
    expect(await api.outcomeFor('good-1')).toBe('OK')
    server.respond = () => ({ active: false })
    api.pass(10)
    expect(await api.outcomeFor('good-1')).toBe('401 inactive')
    for (let count = 0; count < 250; count++) await api.outcomeFor(random())
    // Set back, the clock adds nothing to the budget, and the cached refusal is not used.
    api.pass(-1)
    expect(await api.outcomeFor('good-1')).toBe('503')
  })
})

describe('an outage', () => {
  it('is probed by one request at a time, with growing delays', async () => {
    const server = await startAuthorizationServer(fail(503))
    const api = createApi(server)
    const tokens = Array.from({ length: 12 }, (_, count) => `good-${count}`)
    for (let second = 0; second < 120; second++) {
      await Promise.all(tokens.map((token) => api.outcomeFor(token)))
      api.pass(1)
    }
    // The first twelve are in flight together; the longest time between two attempts is 10 s.
    expect(server.received.length).toBeGreaterThanOrEqual(12 + 12)
    expect(server.received.length).toBeLessThan(12 + 20)
  })

  it('counts once if requests that were in flight together fail', async () => {
    const server = await startAuthorizationServer(fail(503))
    const api = createApi(server)
    await Promise.all(Array.from({ length: 50 }, (_, count) => api.outcomeFor(`good-${count}`)))
    server.respond = () => active()
    api.pass(2)
    expect(await api.outcomeFor('good-1')).toBe('OK')
  })

  it('ends with the first response', async () => {
    const server = await startAuthorizationServer(fail(503))
    const api = createApi(server)
    for (let count = 0; count < 10; count++) await api.outcomeFor(`good-${count}`)
    expect(await api.outcomeFor('good-1')).toBe('503')
    expect(server.received).toHaveLength(10)
    server.respond = respondByToken
    api.pass(2)
    const first = api.outcomeFor('good-1')
    expect(await api.outcomeFor('good-2')).toBe('503')
    expect(await first).toBe('OK')
    expect(await api.outcomeFor('good-2')).toBe('OK')
  })

  it('is not caused by a token that the server cannot handle', async () => {
    const server = await startAuthorizationServer((request, response) =>
      request.form.get('token') === 'bomb' ? fail(500)(request, response) : active(),
    )
    const api = createApi(server)
    expect(await api.outcomeFor('bomb')).toBe('503')
    expect(await api.outcomeFor('good')).toBe('OK')
    expect(api.events).toMatchObject([{ reason: 'status', retryAfter: 0 }])
  })

  it.each([400, 413, 414, 422, 431])(
    'is not caused by a JWT that is refused with status %i, with tokens all',
    async (status) => {
      const server = await startAuthorizationServer((request, response) =>
        request.form.get('token')?.startsWith('ey') ? fail(status)(request, response) : active(),
      )
      const api = createApi(server, { settings: { issuer: ISS, jwks }, options: { tokens: 'all' } })
      expect(await api.outcomeFor(t0({ sub: 'user-1', client_id: 'c' }))).toBe('503')
      expect(await api.outcomeFor('good')).toBe('OK')
      expect(api.events).toMatchObject([{ reason: 'status', retryAfter: 0 }])
    },
  )

  it('is not caused by status 400 for a token that was accepted before', async () => {
    const server = await startAuthorizationServer(() => active())
    const api = createApi(server)
    expect(await api.outcomeFor('good')).toBe('OK')
    server.respond = (request, response) =>
      request.form.get('token') === 'good' ? fail(400)(request, response) : active()
    api.pass(10)
    expect(await api.outcomeFor('good')).toBe('503')
    expect(await api.outcomeFor('new')).toBe('OK')
  })
})

describe('only inactive tokens', () => {
  async function inactiveFor(
    seconds: number,
    responses: number,
    respond: Respond = respondByToken,
  ) {
    const server = await startAuthorizationServer(respond)
    const api = createApi(server)
    for (let count = 0; count < responses; count++) {
      await api.outcomeFor(random())
      api.pass(seconds / (responses - 1))
    }
    return { server, api }
  }

  it('are reported once after 20 responses and ten minutes', async () => {
    const { server, api } = await inactiveFor(1_200, 41)
    expect(api.events).toEqual([
      {
        type: 'introspection.only_inactive',
        issuer: server.origin,
        clientId: 'rs:1',
        responses: 21,
        seconds: 600,
        hint: expect.stringContaining('aud'),
      },
    ])
  })

  it.each([
    [599, 30],
    [6_000, 19],
  ])('are not reported after %i seconds and %i responses', async (seconds, responses) => {
    expect((await inactiveFor(seconds, responses)).api.events).toEqual([])
  })

  it.each([
    [3_700, 99, 0],
    [3_500, 120, 0],
    [3_700, 120, 1],
  ])(
    'of %i seconds and %i responses, after an active one, are reported %i times',
    async (seconds, responses, reports) => {
      let count = 0
      const { api } = await inactiveFor(seconds, responses + 1, () =>
        ++count === 1 ? active() : { active: false },
      )
      expect(api.events).toHaveLength(reports)
    },
  )

  it('are not reported if one was active in between', async () => {
    let count = 0
    const { api } = await inactiveFor(1_100, 40, () =>
      ++count === 20 ? active() : { active: false },
    )
    expect(api.events).toEqual([])
  })
})

describe('the option scopeClaim', () => {
  it('as a function that throws causes its own error, not an outage', async () => {
    const server = await startAuthorizationServer(() => active())
    const api = createApi(server, {
      settings: {
        scopeClaim: () => {
          throw new Error('broken')
        },
      },
    })
    await expect(api.outcomeFor('good')).rejects.toThrow('The callback scopeClaim failed')
    expect(api.events).toMatchObject([{ type: 'callback.failed' }])
  })

  it('names the claim from which scopes are read as in a JWT', async () => {
    const server = await startAuthorizationServer(() => active({ scp: ['a', 'b'] }))
    const api = createApi(server, { settings: { scopeClaim: 'scp' } })
    expect((await api.introspect('good')).scopes).toEqual(['a', 'b'])
  })
})
