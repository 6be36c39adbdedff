/** Which tokens wait after failed introspections, and for how long. */

import type { AddressInfo } from 'node:net'
import { createServer } from 'node:net'
import type { ServiceUnavailableError } from 'oauth-resource-server'
import { describe, expect, it, onTestFinished } from 'vitest'
import { ISS, jwks, t0 } from '../../support/fixture.ts'
import {
  type Api,
  active,
  createApi,
  type Respond,
  startAuthorizationServer,
} from '../../support/introspection.ts'

const raw =
  (status: number, headers: Record<string, string> = {}, body = '{}'): Respond =>
  (_request, response) =>
    response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(body)

const reset: Respond = (_request, { socket }) => void socket?.resetAndDestroy()

/** Fails for tokens that begin with `bad`, and accepts all others. */
const failFor =
  (fail: Respond): Respond =>
  (request, response) =>
    request.form.get('token')?.startsWith('bad') ? fail(request, response) : active()

/** What may be due to a token, or to a firewall that does not let it pass. */
const failures: [what: string, fail: Respond][] = [
  ['status 403', raw(403)],
  ['status 404', raw(404)],
  ['status 500', raw(500)],
  ['status 502', raw(502)],
  ['status 503', raw(503)],
  ['a redirect', raw(302, { location: '/blocked' })],
  ['a reset connection', reset],
  ['no response', () => undefined],
  ['HTML', raw(200, { 'content-type': 'text/html' }, '<html>')],
  ['a body that is too large', raw(200, {}, `{"active":true,"x":"${'x'.repeat(300_000)}"}`)],
  ['no introspection response', raw(200)],
]

describe.each(failures)('%s for one token', (_what, fail) => {
  it('does not make another token wait', async () => {
    const server = await startAuthorizationServer(failFor(fail))
    const api = createApi(server, { timeout: 0.3 })
    for (let count = 0; count < 3; count++) {
      expect(await api.outcomeFor('bad')).toBe('503')
      expect(await api.outcomeFor(`good-${count}`)).toBe('OK')
    }
    expect(api.events[0]).toMatchObject({ type: 'introspection.failed', retryAfter: 0 })
  })

  it('makes this token wait from its second failure on', async () => {
    const server = await startAuthorizationServer(failFor(fail))
    const api = createApi(server, { timeout: 0.3 })
    await api.outcomeFor('bad')
    const perRequest = server.received.length
    for (let second = 0; second < 60; second++) {
      for (let count = 0; count < 3; count++) await api.outcomeFor('bad')
      api.pass(1)
    }
    expect(server.received.length / perRequest).toBeGreaterThan(6)
    expect(server.received.length / perRequest).toBeLessThan(14)
    server.respond = () => active()
    api.pass(10)
    expect(await api.outcomeFor('bad')).toBe('OK')
  })
})

describe('the Retry-After of a 503', () => {
  const retryAfterFor = (api: Api, token: string): Promise<unknown> =>
    api.introspect(token).catch(({ retryAfter }: ServiceUnavailableError) => retryAfter)

  it('states when the next attempt with this token is possible', async () => {
    const server = await startAuthorizationServer(failFor(raw(500)))
    const api = createApi(server)
    const stated: unknown[] = []
    for (let attempt = 1; attempt <= 6; attempt++) {
      const retryAfter = await retryAfterFor(api, 'bad')
      stated.push(retryAfter)
      // The second attempt is possible immediately.
      if (attempt > 1) api.pass((retryAfter as number) + 0.01)
    }
    expect(stated).toEqual([1, 1, 2, 4, 8, 10])
    expect(server.received).toHaveLength(6)
    expect(api.events).toEqual(Array(6).fill(expect.objectContaining({ retryAfter: 0 })))
  })

  it('states the rest of the pause if no attempt is made, rounded up', async () => {
    const server = await startAuthorizationServer(failFor(raw(500)))
    const api = createApi(server)
    for (const pause of [0, 1.01, 2.01, 0.5]) {
      await api.outcomeFor('bad')
      api.pass(pause)
    }
    expect(await retryAfterFor(api, 'bad')).toBe(4)
    expect(server.received).toHaveLength(4)
  })

  it('states the pause of the token if it is longer than that of all tokens', async () => {
    const server = await startAuthorizationServer(failFor(raw(500)))
    const api = createApi(server)
    for (const pause of [0, 1.01, 2.01, 4.01, 0]) {
      await api.outcomeFor('bad')
      api.pass(pause)
    }
    server.respond = raw(401)
    expect(await retryAfterFor(api, 'new')).toBe(1)
    expect(await retryAfterFor(api, 'bad')).toBe(8)
    expect(await retryAfterFor(api, 'new')).toBe(1)
  })
})

describe('failures for several tokens', () => {
  it.each(failures)('stop introspection after ten without a success: %s', async (_what, fail) => {
    const server = await startAuthorizationServer(fail)
    const api = createApi(server, { timeout: 0.3 })
    const tokens = Array.from({ length: 10 }, (_, count) => `token-${count}`)
    await Promise.all(tokens.map((token) => api.outcomeFor(token)))
    const { length } = server.received
    for (let count = 0; count < 100; count++)
      expect(await api.outcomeFor(`new-${count}`)).toBe('503')
    expect(server.received).toHaveLength(length)
    server.respond = () => active()
    api.pass(2)
    expect(await api.outcomeFor('new')).toBe('OK')
  })

  it('do not stop introspection while other tokens succeed', async () => {
    const server = await startAuthorizationServer(failFor(raw(403)))
    const api = createApi(server)
    for (let count = 0; count < 50; count++) {
      expect(await api.outcomeFor(`bad-${count}`)).toBe('503')
      if (count % 5 === 0) expect(await api.outcomeFor(`good-${count}`)).toBe('OK')
      api.pass(0.1)
    }
    expect(api.events).toHaveLength(50)
    expect(api.events).toEqual(Array(50).fill(expect.objectContaining({ retryAfter: 0 })))
  })

  it('do not make accepted tokens wait if none of the failed tokens was accepted before', async () => {
    const server = await startAuthorizationServer(failFor(raw(403)))
    const api = createApi(server)
    expect(await api.outcomeFor('good')).toBe('OK')
    api.pass(10)
    for (let count = 0; count < 20; count++) await api.outcomeFor(`bad-${count}`)
    expect(await api.outcomeFor('new')).toBe('503')
    expect(await api.outcomeFor('good')).toBe('OK')
  })

  it('make all tokens wait if ten accepted tokens fail', async () => {
    const server = await startAuthorizationServer(() => active())
    const api = createApi(server)
    const tokens = Array.from({ length: 10 }, (_, count) => `token-${count}`)
    for (const token of tokens) expect(await api.outcomeFor(token)).toBe('OK')
    server.respond = raw(500)
    api.pass(10)
    for (const token of tokens) expect(await api.outcomeFor(token)).toBe('503')
    const { length } = server.received
    expect(await api.outcomeFor('new')).toBe('503')
    expect(await api.outcomeFor('token-1')).toBe('503')
    expect(server.received).toHaveLength(length)
  })

  it('do not stop introspection if they are all for one JWT, with tokens all', async () => {
    const claims = { client_id: 'c' }
    const [bad, good] = [t0({ ...claims, sub: 'user-2' }), t0({ ...claims, sub: 'user-1' })]
    const server = await startAuthorizationServer((request, response) =>
      request.form.get('token') === bad ? raw(500)(request, response) : active(),
    )
    const api = createApi(server, { settings: { issuer: ISS, jwks }, options: { tokens: 'all' } })
    for (let count = 0; count < 5; count++) expect(await api.outcomeFor(bad)).toBe('503')
    expect(await api.outcomeFor(good)).toBe('OK')
  })
})

describe('a failure that no token can cause', () => {
  it('makes all tokens wait: status 401', async () => {
    const server = await startAuthorizationServer(() => active())
    const api = createApi(server)
    await api.outcomeFor('good')
    server.respond = raw(401)
    api.pass(10)
    await api.outcomeFor('new')
    expect(await api.outcomeFor('good')).toBe('503')
    expect(server.received).toHaveLength(2)
  })

  it('makes all tokens wait: a refused connection', async () => {
    const listener = createServer()
    await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve))
    const { port } = listener.address() as AddressInfo
    await new Promise((resolve) => listener.close(resolve))
    const endpoint = `http://127.0.0.1:${port}/introspect`
    const api = createApi({ origin: ISS, endpoint })
    expect(await api.outcomeFor('one')).toBe('503')
    const later = createServer((socket) => socket.destroy())
    onTestFinished(() => void later.close())
    await new Promise<void>((resolve) => later.listen(port, '127.0.0.1', resolve))
    expect(await api.outcomeFor('two')).toBe('503')
    expect(api.events).toMatchObject([{ reason: 'network', retryAfter: 1 }])
  })
})

describe('a limit of the server', () => {
  it.each([429, 503])(
    'makes only tokens wait that were not accepted before: status %i with Retry-After',
    async (status) => {
      const server = await startAuthorizationServer(failFor(raw(status, { 'retry-after': '30' })))
      const api = createApi(server)
      expect(await api.outcomeFor('good')).toBe('OK')
      api.pass(10)
      expect(await api.outcomeFor('bad')).toBe('503')
      expect(await api.outcomeFor('new')).toBe('503')
      expect(await api.outcomeFor('good')).toBe('OK')
      expect(await api.outcomeFor('new')).toBe('503')
      api.pass(31)
      expect(await api.outcomeFor('new')).toBe('OK')
    },
  )

  it('makes all tokens wait if it is reached with a token that was accepted before', async () => {
    const server = await startAuthorizationServer(() => active())
    const api = createApi(server)
    expect(await api.outcomeFor('good')).toBe('OK')
    expect(await api.outcomeFor('good-2')).toBe('OK')
    server.respond = raw(429, { 'retry-after': '7' })
    api.pass(10)
    expect(await api.outcomeFor('good')).toBe('503')
    expect(await api.outcomeFor('good-2')).toBe('503')
    expect(server.received).toHaveLength(3)
  })

  it('is followed for 60 seconds at most', async () => {
    const server = await startAuthorizationServer(raw(429, { 'retry-after': '86400' }))
    const api = createApi(server)
    await api.outcomeFor('one')
    server.respond = () => active()
    api.pass(59)
    expect(await api.outcomeFor('two')).toBe('503')
    api.pass(2)
    expect(await api.outcomeFor('two')).toBe('OK')
  })
})
