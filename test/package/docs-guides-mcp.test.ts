/** The guide about MCP servers: runs the code of each block, with the official clients. */
import { createServer, type RequestListener } from 'node:http'
import { getRequestListener } from '@hono/node-server'
import express, { type RequestHandler } from 'express'
import { createValidator } from 'oauth-resource-server'
import { authenticate } from 'oauth-resource-server/mcp'
import { createTestIssuer, type TestIssuer } from 'oauth-resource-server/testing'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { freePort } from '../support/free-port.ts'
import { bearerHeaders, createGuideRunner, publicIssuer } from '../support/guides.ts'
import { mcpClients } from '../support/mcp-clients.ts'

const { folder, importGuide, listen, atEnd, end } = createGuideRunner('guides-mcp')
const publicUrl = 'https://api.example.com/mcp'
let issuer: TestIssuer

beforeAll(async () => {
  issuer = await createTestIssuer()
})
afterEach(end)
afterAll(async () => {
  await issuer.close()
  folder.remove()
})

const replacements = (port: number) => ({
  [publicIssuer]: issuer.issuer,
  [publicUrl]: `http://127.0.0.1:${port}/mcp`,
})

const post = (url: string, headers: Record<string, string> = {}, body?: object) =>
  fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    ...(body && { body: JSON.stringify(body) }),
  })
const call = (name: string) => ({
  jsonrpc: '2.0',
  id: 1,
  method: 'tools/call',
  params: { name, arguments: {} },
})

async function listenOn(port: number, listener: RequestListener): Promise<void> {
  const server = createServer(listener)
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve))
  atEnd(() => server.close().closeAllConnections())
}

describe('guide: MCP', () => {
  describe.each([
    ['SDK 1.x', 'await createMailServer()'],
    ['SDK 2.x', 'toNodeHandler'],
  ])('the server on %s', (_sdk, text) => {
    async function start(): Promise<string> {
      const port = await freePort()
      await importGuide('mcp', text, {
        ...replacements(port),
        'listen(3000)': `listen(${port}, '127.0.0.1')`,
      })
      return `http://127.0.0.1:${port}/mcp`
    }

    it.each(Object.entries(mcpClients))(
      'serves the client of %s, which steps up',
      async (_name, createClient) => {
        const client = createClient(await start())
        await client.connect()
        expect(await client.callTool({ name: 'list_mail' })).toMatchObject({
          content: [{ text: 'No mail for test-client' }],
        })
        expect(await client.callTool({ name: 'send_mail' })).toMatchObject({
          content: [{ text: 'Sent' }],
        })
        expect(client.provider.requests.map(({ scope }) => scope)).toEqual([
          'mail:read',
          'mail:read mail:send',
        ])
        await client.close()
      },
    )

    it('answers as the guide says', async () => {
      const url = await start()
      const token = bearerHeaders(await issuer.token({ aud: url, scope: 'mail:read' }))
      const challengeOf = async (response: Promise<Response>) => {
        const { status, headers } = await response
        const challenge = headers.get('www-authenticate') ?? ''
        expect(challenge).toContain('resource_metadata=')
        return [
          status,
          / error="([^"]*)"/.exec(challenge)?.[1],
          / scope="([^"]*)"/.exec(challenge)?.[1],
        ]
      }
      expect(await challengeOf(post(url, {}, call('send_mail')))).toEqual([
        401,
        undefined,
        'mail:read',
      ])
      expect(await challengeOf(post(url, token, call('send_mail')))).toEqual([
        403,
        'insufficient_scope',
        'mail:read mail:send',
      ])
      expect(await challengeOf(post(url, token, call('send_mial')))).toEqual([
        403,
        undefined,
        undefined,
      ])
      const other = bearerHeaders(await issuer.token({ aud: url, scope: 'mail:send' }))
      expect(await challengeOf(post(url, other, call('send_mail')))).toEqual([
        403,
        'insufficient_scope',
        'mail:read',
      ])
      for (const method of ['GET', 'DELETE']) {
        expect((await fetch(url, { method, headers: token })).status).toBe(405)
      }
      const headers = { ...token, 'content-type': 'application/json' }
      const send = async (body: string) =>
        (await fetch(url, { method: 'POST', headers, body })).status
      expect(await send('{')).toBe(400)
      expect(await send(JSON.stringify('x'.repeat(101 * 1024)))).toBe(413)
    })
  })

  it.each(Object.entries(mcpClients))(
    'serves the client of %s in Hono, which steps up',
    async (_name, createClient) => {
      const port = await freePort()
      type Hono = { app: { fetch: (request: Request) => Promise<Response> } }
      const { app } = await importGuide<Hono>('mcp', 'new Hono', replacements(port))
      await listenOn(port, getRequestListener(app.fetch))
      const client = createClient(`http://127.0.0.1:${port}/mcp`)
      await client.connect()
      expect(await client.callTool({ name: 'send_mail' })).toMatchObject({
        content: [{ text: 'Sent by test-client' }],
      })
      expect(client.provider.requests.map(({ scope }) => scope)).toEqual([
        'mail:read',
        'mail:read mail:send',
      ])
      await client.close()
    },
  )

  it('has an owner for a session: issuer, subject and client', async () => {
    type Owner = { ownerOf: (request: object) => string }
    const { ownerOf } = await importGuide<Owner>('mcp', 'ownerOf', {})
    const { issuer: url, audience } = issuer
    const app = express().use(authenticate(createValidator({ issuer: url, audience })))
    const port = await listen(createServer(app.use((req, res) => res.json(ownerOf(req)))))
    const owner = async (claims: object) => {
      const headers = bearerHeaders(await issuer.token({ sub: 'user-1', ...claims }))
      return await (await fetch(`http://127.0.0.1:${port}/`, { headers })).json()
    }
    const first = await owner({})
    expect(await owner({ jti: 'another' })).toBe(first)
    expect(await owner({ sub: 'user-2' })).not.toBe(first)
    expect(await owner({ client_id: 'other' })).not.toBe(first)
  })

  it('MCP-origin refuses other hosts and origins, and serves browser clients', async () => {
    const port = await freePort()
    const { app } = await importGuide<{ app: RequestListener }>('mcp', 'hostHeaderValidation', {
      ...replacements(port),
      "['api.example.com']": "['127.0.0.1']",
    })
    await listenOn(port, app)
    const url = `http://127.0.0.1:${port}/mcp`
    const origin = 'https://app.example.com'
    const preflight = await fetch(url, {
      method: 'OPTIONS',
      headers: {
        origin,
        'access-control-request-method': 'POST',
        'access-control-request-headers': 'authorization, mcp-protocol-version',
      },
    })
    expect(preflight.status).toBe(204)
    expect(preflight.headers.get('access-control-allow-headers')).toContain('mcp-protocol-version')
    const refused = await post(url, { origin })
    expect(refused.status).toBe(401)
    expect(refused.headers.get('access-control-allow-origin')).toBe(origin)
    const exposed = refused.headers.get('access-control-expose-headers')
    expect(exposed).toMatch(/Mcp-Session-Id.*WWW-Authenticate/)
    expect((await post(url)).status).toBe(401)
    const foreign = await post(url, { origin: 'https://attacker.example' })
    expect([foreign.status, foreign.headers.get('www-authenticate')]).toEqual([403, null])
    expect((await post(`http://localhost:${port}/mcp`)).status).toBe(403)
    const metadata = `http://127.0.0.1:${port}/.well-known/oauth-protected-resource/mcp`
    const headers = { origin: 'https://any.example' }
    expect((await fetch(metadata, { headers })).headers.get('access-control-allow-origin')).toBe(
      '*',
    )
  })

  it.each([
    ['1.x', 'auth/errors.js'],
    ['2.x', '@modelcontextprotocol/express'],
  ])('has a verifier for the middleware of SDK %s', async (_version, text) => {
    type Middleware = { middleware: RequestHandler }
    const { middleware } = await importGuide<Middleware>('mcp', text, replacements(3000))
    const server = createServer(express().use(middleware, (_req, res) => res.json('passed')))
    const port = await listen(server)
    const send = (headers: Record<string, string>) =>
      fetch(`http://127.0.0.1:${port}/`, { headers })
    const token = await issuer.token({ aud: 'http://127.0.0.1:3000/mcp' })
    expect((await send(bearerHeaders(token))).status).toBe(200)
    const refused = await send(bearerHeaders(await issuer.token()))
    expect(refused.status).toBe(401)
    expect(refused.headers.get('www-authenticate')).toContain('resource_metadata="')
  })
})
