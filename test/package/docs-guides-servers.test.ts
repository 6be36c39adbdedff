/** The guides about servers and their tasks: runs the code of each, with a client. */
import { once } from 'node:events'
import { createServer, type RequestListener, type Server } from 'node:http'
import { createTestIssuer, type TestIssuer } from 'oauth-resource-server/testing'
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest'
import { WebSocket } from 'ws'
import { codeBlocks } from '../support/docs.ts'
import { freePort } from '../support/free-port.ts'
import {
  bearerHeaders,
  createGuideRunner,
  publicIssuer,
  type WithValidator,
} from '../support/guides.ts'

const { folder, importGuide, listen, atEnd, end } = createGuideRunner('guides-servers')
let issuer: TestIssuer

beforeAll(async () => {
  issuer = await createTestIssuer({ algorithm: 'RS256' })
})
afterEach(end)
afterAll(async () => {
  await issuer.close()
  folder.remove()
})

describe('guide: several issuers', () => {
  it('accepts the tenants of the map, and no other spelling of their names', async () => {
    const tenant = await createTestIssuer()
    atEnd(() => tenant.close())
    const { validator } = await importGuide<WithValidator>('several-issuers', 'tenants', {
      'https://one.example.com': tenant.issuer,
    })
    const aud = 'https://api.example.com/one'
    await expect(validator.validate(await tenant.token({ aud }))).resolves.toMatchObject({
      issuer: tenant.issuer,
    })
    for (const iss of [`${tenant.issuer}/`, `${tenant.issuer}/../x`, issuer.issuer]) {
      await expect(validator.validate(await tenant.token({ aud, iss }))).rejects.toMatchObject({
        reason: 'wrong_issuer',
      })
    }
  })
})

describe('guide: several issuers of opaque tokens', () => {
  it('asks the issuer of the prefix', async () => {
    const clients = [{ id: 'reports-api', secret: 'a-secret' }]
    const main = await createTestIssuer({ clients })
    const partner = await createTestIssuer({ clients, tokenPrefix: 'ory_at_' })
    atEnd(() => Promise.all([main.close(), partner.close()]))
    const { createApi } = await importGuide<{
      createApi: (secrets: object) => WithValidator['validator']
    }>('several-issuers', 'tokenPrefix', {
      [publicIssuer]: main.issuer,
      'https://partner.example.net': partner.issuer,
    })
    const { validate } = createApi({ main: 'a-secret', partner: 'a-secret' })
    expect((await validate(main.opaqueToken())).issuer).toBe(main.issuer)
    expect((await validate(partner.opaqueToken())).issuer).toBe(partner.issuer)
    expect([main, partner].map(({ requests }) => requests.introspection)).toEqual([1, 1])
  })
})

describe('guide: resource metadata', () => {
  it('serves the document at the URL that the challenge names', async () => {
    const port = await freePort()
    await importGuide('resource-metadata', 'Reports API', {
      [publicIssuer]: issuer.issuer,
      'listen(3000)': `listen(${port}, '127.0.0.1')`,
    })
    const refused = await fetch(`http://127.0.0.1:${port}/reports`)
    expect(refused.headers.get('www-authenticate')).toBe(
      'Bearer realm="https://api.example.com", resource_metadata="https://api.example.com/.well-known/oauth-protected-resource"',
    )
    const response = await fetch(`http://127.0.0.1:${port}/.well-known/oauth-protected-resource`)
    const text = await response.text()
    expect(text).toBe(
      JSON.stringify({
        resource: 'https://api.example.com',
        bearer_methods_supported: ['header'],
        authorization_servers: [issuer.issuer],
        scopes_supported: ['read:reports', 'write:reports'],
        resource_name: 'Reports API',
      }),
    )
  })

  it('serves several resources on one host', async () => {
    const { app } = await importGuide<{ app: RequestListener }>('resource-metadata', 'orders', {})
    const port = await listen(createServer(app))
    const read = (path: string) => fetch(`http://127.0.0.1:${port}${path}`)
    const wellKnown = '/.well-known/oauth-protected-resource'
    for (const name of ['reports', 'orders']) {
      const refused = await read(`/${name}`)
      expect(refused.headers.get('www-authenticate')).toContain(`${wellKnown}/${name}"`)
      expect(await (await read(`${wellKnown}/${name}`)).json()).toMatchObject({
        resource: `https://api.example.com/${name}`,
      })
    }
    expect((await read(wellKnown)).status).toBe(404)
  })

  it('serves the document with node:http', async () => {
    const { server } = await importGuide<{ server: Server }>('resource-metadata', 'createServer', {
      [publicIssuer]: issuer.issuer,
    })
    const port = await listen(server)
    const read = (path: string, token = '') =>
      fetch(`http://127.0.0.1:${port}${path}`, { headers: token ? bearerHeaders(token) : {} })
    expect((await read('/.well-known/oauth-protected-resource')).status).toBe(200)
    expect((await read('/')).status).toBe(401)
    expect((await read('/', await issuer.token())).status).toBe(200)
  })
})

describe('guide: step-up', () => {
  it('names what the user must do, and accepts a token with it', async () => {
    const port = await freePort()
    await importGuide('step-up', 'transfers', {
      [publicIssuer]: issuer.issuer,
      'listen(3000)': `listen(${port}, '127.0.0.1')`,
    })
    const post = async (claims: Record<string, unknown>) => {
      const headers = bearerHeaders(await issuer.token({ scope: 'transfer', ...claims }))
      return await fetch(`http://127.0.0.1:${port}/transfers`, { method: 'POST', headers })
    }
    const now = Math.floor(Date.now() / 1000)
    const refused = await post({ acr: 'urn:example:mfa', auth_time: now - 400 })
    expect(refused.status).toBe(401)
    const block = codeBlocks.find(
      ({ path, language }) => path === 'docs/guides/step-up.md' && language === 'http',
    )
    expect(block?.code).toContain(`WWW-Authenticate: ${refused.headers.get('www-authenticate')}\n`)
    expect((await post({ acr: 'other', auth_time: now })).status).toBe(401)
    expect((await post({ acr: 'urn:example:hardware', auth_time: now })).status).toBe(201)
  })
})

describe('guide: authorization details', () => {
  it('accepts a token with the detail only', async () => {
    const { app } = await importGuide<{ app: RequestListener }>(
      'authorization-details',
      'payments',
      { [publicIssuer]: issuer.issuer },
    )
    const port = await listen(createServer(app))
    const post = async (authorization_details: unknown) => {
      const headers = bearerHeaders(await issuer.token({ authorization_details }))
      const response = await fetch(`http://127.0.0.1:${port}/payments`, { method: 'POST', headers })
      return response.status
    }
    const payment = { type: 'payment', actions: ['initiate'] }
    expect(await post([payment])).toBe(201)
    expect(await post([{ ...payment, actions: ['status'] }])).toBe(403)
    expect(await post(payment)).toBe(403)
    expect(await post([{ ...payment, locations: ['https://other.example.com'] }])).toBe(403)
  })
})

describe('guide: CORS', () => {
  it('responds to preflight requests and exposes the challenge', async () => {
    const port = await freePort()
    await importGuide('cors', 'cors(', {
      [publicIssuer]: issuer.issuer,
      'listen(3000)': `listen(${port}, '127.0.0.1')`,
    })
    const origin = 'https://app.example.com'
    const ask = (path: string, method: string) =>
      fetch(`http://127.0.0.1:${port}${path}`, {
        method,
        headers: { origin, 'access-control-request-method': 'GET' },
      })
    const preflight = await ask('/reports', 'OPTIONS')
    expect(preflight.status).toBe(204)
    expect(preflight.headers.get('access-control-allow-origin')).toBe(origin)
    const refused = await ask('/reports', 'GET')
    expect(refused.status).toBe(401)
    expect(refused.headers.get('access-control-expose-headers')).toBe(
      'X-Total-Count, WWW-Authenticate',
    )
    for (const method of ['OPTIONS', 'GET']) {
      const metadata = await ask('/.well-known/oauth-protected-resource', method)
      expect(metadata.headers.get('access-control-allow-origin')).toBe('*')
    }
  })
})

describe('guide: logs', () => {
  it('prints the lines that the runbook names', async () => {
    const lines: unknown[][] = []
    for (const method of ['info', 'warn', 'error'] as const) {
      vi.spyOn(console, method).mockImplementation((...line) => lines.push(line))
    }
    atEnd(() => vi.restoreAllMocks())
    const { validator } = await importGuide<WithValidator>('observability', 'onEvent', {
      [publicIssuer]: issuer.issuer,
    })
    await expect(validator.authenticate({ headers: {} })).rejects.toThrow()
    await expect(validator.validate(await issuer.tokens.wrongAudience())).rejects.toThrow()
    issuer.fault('html')
    atEnd(() => issuer.up())
    await expect(validator.validate(await issuer.token())).rejects.toThrow()
    expect(lines).toEqual([
      ['token.missing', undefined],
      [
        'token.refused',
        401,
        'wrong_audience',
        '',
        '',
        expect.objectContaining({ name: 'aud' }),
        '',
      ],
      [
        'keys.failed',
        issuer.issuer,
        'not_json',
        'nothing',
        expect.any(Number),
        expect.stringContaining(`${issuer.issuer}/.well-known/`),
      ],
      [
        'token.refused',
        503,
        'service_unavailable',
        'keys',
        '',
        expect.anything(),
        expect.stringContaining(`${issuer.issuer}/.well-known/`),
      ],
    ])
  })
})

describe('guide: error handling', () => {
  it('sends a problem document and keeps the challenge', async () => {
    const port = await freePort()
    await importGuide('error-handling', 'sendProblem', {
      [publicIssuer]: issuer.issuer,
      'listen(3000)': `listen(${port}, '127.0.0.1')`,
    })
    const response = await fetch(`http://127.0.0.1:${port}/me`, {
      headers: bearerHeaders(await issuer.tokens.expired()),
    })
    expect(response.headers.get('content-type')).toContain('application/problem+json')
    expect(response.headers.get('www-authenticate')).toContain('error="invalid_token"')
    expect(await response.json()).toEqual({
      title: 'The access token expired',
      code: 'invalid_token',
    })
  })

  it('survives refusals with node:http, and sends a problem document', async () => {
    const port = await freePort()
    await importGuide('error-handling', 'async function handle', {
      [publicIssuer]: issuer.issuer,
      'listen(3000)': `listen(${port}, '127.0.0.1')`,
    })
    const send = (headers: Record<string, string>) =>
      fetch(`http://127.0.0.1:${port}/reports`, { headers })
    const titles: Record<number, string> = {
      401: 'The access token expired',
      403: 'The access token does not grant what this request requires',
    }
    const tokens = [await issuer.tokens.expired(), await issuer.token()]
    for (const [index, status] of [401, 403].entries()) {
      const response = await send(bearerHeaders(tokens[index] as string))
      expect(response.status).toBe(status)
      expect(response.headers.get('content-type')).toBe('application/problem+json')
      expect(await response.json()).toEqual({ title: titles[status] })
    }
    expect((await send({})).status).toBe(401)
    const accepted = await send(bearerHeaders(await issuer.token({ scope: 'read:reports' })))
    expect(await accepted.json()).toEqual([])
  })
})

describe('guide: other servers', () => {
  it('responds to a fetch Request with 200, 401 and 403', async () => {
    const { handle } = await importGuide<{ handle: (request: Request) => Promise<Response> }>(
      'other-servers',
      'Promise<Response>',
      { [publicIssuer]: issuer.issuer },
    )
    const send = async (headers: Record<string, string>) =>
      await handle(new Request('https://api.example.com/reports', { headers }))
    const reader = await issuer.token({ scope: 'read:reports' })
    expect((await send(bearerHeaders(reader))).status).toBe(200)
    const missing = await send({})
    expect(missing.status).toBe(401)
    expect(missing.headers.get('www-authenticate')).toContain('scope="read:reports"')
    const forbidden = await send(bearerHeaders(await issuer.token()))
    expect(forbidden.status).toBe(403)
    expect(await forbidden.json()).toMatchObject({ error: 'insufficient_scope' })
  })
})

describe('guide: web-standard servers', () => {
  const send = async (
    handle: (request: Request) => Response | Promise<Response>,
    headers: Record<string, string> = {},
  ) => await handle(new Request('https://api.example.com/reports', { headers }))

  it('answers a route handler with 200, 401 and 403', async () => {
    const { GET } = await importGuide<{ GET: (request: Request) => Promise<Response> }>(
      'web-standard-servers',
      'authenticateReader',
      { [publicIssuer]: issuer.issuer },
    )
    const reader = await send(GET, bearerHeaders(await issuer.token({ scope: 'read:reports' })))
    expect(await reader.json()).toEqual({ client: 'test-client' })
    const missing = await send(GET)
    expect(missing.status).toBe(401)
    expect(missing.headers.get('www-authenticate')).toContain('scope="read:reports"')
    expect((await send(GET, bearerHeaders(await issuer.token()))).status).toBe(403)
  })

  it('responds with the metadata document, and refuses other requests', async () => {
    const { handle } = await importGuide<{ handle: (request: Request) => Promise<Response> }>(
      'web-standard-servers',
      'respondWithMetadata',
      { [publicIssuer]: issuer.issuer },
    )
    const missing = await send(handle)
    const [, url = ''] =
      /resource_metadata="(.*?)"/.exec(missing.headers.get('www-authenticate') ?? '') ?? []
    const metadata = await handle(new Request(url))
    expect(await metadata.json()).toMatchObject({ authorization_servers: [issuer.issuer] })
  })

  it('answers in Hono with 200 and 401', async () => {
    const { app } = await importGuide<{ app: { fetch: (request: Request) => Promise<Response> } }>(
      'web-standard-servers',
      'new Hono',
      { [publicIssuer]: issuer.issuer },
    )
    const reader = await send(app.fetch, bearerHeaders(await issuer.token()))
    expect(await reader.json()).toEqual({ client: 'test-client' })
    expect((await send(app.fetch)).status).toBe(401)
  })
})

describe('guide: AWS Lambda', () => {
  type Handler = (event: object) => Promise<{
    statusCode: number
    headers?: Record<string, string>
    multiValueHeaders?: Record<string, string[]>
    body: string
  }>
  const importHandler = (text: string) =>
    importGuide<{ handler: Handler }>('aws-lambda', text, { [publicIssuer]: issuer.issuer })

  it('responds to HTTP API events with 200, 401 and 403, and one string per header', async () => {
    const { handler } = await importHandler('.join')
    const reader = await issuer.token({ scope: 'read:reports' })
    expect(await handler({ headers: bearerHeaders(reader) })).toEqual({
      statusCode: 200,
      body: '{"client":"test-client"}',
    })
    expect(await handler({ headers: {} })).toEqual({
      statusCode: 401,
      headers: expect.objectContaining({
        'WWW-Authenticate': 'Bearer realm="https://api.example.com", scope="read:reports"',
      }),
      body: '',
    })
    const forbidden = await handler({ headers: bearerHeaders(await issuer.token()) })
    expect(forbidden.statusCode).toBe(403)
    expect(JSON.parse(forbidden.body)).toMatchObject({ error: 'insufficient_scope' })
    expect(Object.values(forbidden.headers ?? {}).every((value) => typeof value === 'string')).toBe(
      true,
    )
  })

  it('responds to REST API events with 200, 400, 401 and 403, even if the headers are null', async () => {
    const { handler } = await importHandler('multiValueHeaders')
    const authorization = [`Bearer ${await issuer.token({ scope: 'read:reports' })}`]
    const statusOf = async (event: object) => (await handler(event)).statusCode
    expect(await statusOf({ headers: null, multiValueHeaders: { authorization } })).toBe(200)
    expect(await statusOf({ headers: { authorization: authorization[0] } })).toBe(200)
    expect(await statusOf({ headers: null, multiValueHeaders: null })).toBe(401)
    const twice = { authorization: [...authorization, ...authorization] }
    expect(await statusOf({ headers: null, multiValueHeaders: twice })).toBe(400)
    const forbidden = await handler({ headers: bearerHeaders(await issuer.token()) })
    expect(forbidden.statusCode).toBe(403)
    expect(forbidden.multiValueHeaders?.['WWW-Authenticate']).toEqual([
      expect.stringContaining('error="insufficient_scope"'),
    ])
  })
})

describe('guide: ws', () => {
  async function start(): Promise<(headers: Record<string, string>) => WebSocket> {
    const port = await freePort()
    await importGuide('ws', 'WebSocketServer', {
      [publicIssuer]: issuer.issuer,
      'listen(3000)': `listen(${port}, '127.0.0.1')`,
    })
    return (headers) => new WebSocket(`ws://127.0.0.1:${port}`, { headers })
  }

  it('opens a connection for a valid token, and closes it when the token expires', async () => {
    const open = await start()
    const exp = Math.floor(Date.now() / 1000) + 1
    const token = await issuer.token({ scope: 'read:reports', exp })
    const webSocket = open(bearerHeaders(token))
    const closed = once(webSocket, 'close')
    const [message] = await once(webSocket, 'message')
    expect(JSON.parse(String(message))).toEqual({ client: 'test-client' })
    const [code] = await closed
    expect(code).toBe(4401)
  })

  it('refuses the upgrade with 401 and 403, the challenge included', async () => {
    const open = await start()
    const refused = async (headers: Record<string, string>) => {
      const [request, response] = await once(open(headers), 'unexpected-response')
      request.destroy()
      return [response.statusCode, response.headers['www-authenticate']]
    }
    expect(await refused({})).toEqual([
      401,
      'Bearer realm="https://api.example.com", scope="read:reports"',
    ])
    expect(await refused(bearerHeaders(await issuer.tokens.expired()))).toEqual([
      401,
      expect.stringContaining('error="invalid_token"'),
    ])
    expect(await refused(bearerHeaders(await issuer.token()))).toEqual([
      403,
      expect.stringContaining('error="insufficient_scope"'),
    ])
  })
})

describe('guide: Socket.IO', () => {
  /** A client of the Socket.IO protocol: 0 and 40 open, 42 is an event, 44 a refusal. */
  async function connectWith(port: number, auth: object): Promise<unknown> {
    const url = `ws://127.0.0.1:${port}/socket.io/?EIO=4&transport=websocket`
    const webSocket = new WebSocket(url)
    atEnd(() => webSocket.terminate())
    return await new Promise((resolve, reject) => {
      webSocket.on('error', reject)
      webSocket.on('message', (data) => {
        const text = String(data)
        if (text.startsWith('0{')) webSocket.send(`40${JSON.stringify(auth)}`)
        if (text.startsWith('44')) resolve(JSON.parse(text.slice(2)))
        if (text.startsWith('42')) resolve(JSON.parse(text.slice(2)))
      })
    })
  }

  it('connects a client with a valid token and sends the error code to every other', async () => {
    const port = await freePort()
    await importGuide('socket-io', 'new Server', {
      [publicIssuer]: issuer.issuer,
      'listen(3000)': `listen(${port}, '127.0.0.1')`,
    })
    const token = await issuer.token({ scope: 'read:reports' })
    expect(await connectWith(port, { token })).toEqual(['welcome', { client: 'test-client' }])
    expect(await connectWith(port, {})).toEqual({ message: 'missing_token' })
    expect(await connectWith(port, { token: { not: 'a string' } })).toEqual({
      message: 'invalid_token',
    })
    expect(await connectWith(port, { token: await issuer.tokens.expired() })).toEqual({
      message: 'invalid_token',
    })
    expect(await connectWith(port, { token: await issuer.token() })).toEqual({
      message: 'insufficient_scope',
    })
  })
})
