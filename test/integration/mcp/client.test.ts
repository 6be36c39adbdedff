/** The official MCP clients, unmodified, against several MCP servers on one host, over real sockets. */
import type { Server } from 'node:http'
import { createValidator } from 'oauth-resource-server'
import { resourceMetadata } from 'oauth-resource-server/mcp'
import { createTestIssuer, type TestIssuer } from 'oauth-resource-server/testing'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { freePort } from '../../support/free-port.ts'
import { mcpClients } from '../../support/mcp-clients.ts'
import { createMcpApp, createMcpEndpoint } from '../../support/mcp-servers.ts'

const sdks = ['SDK 1.x', 'SDK 2.x'] as const
const paths = { 'SDK 1.x': '/one/mcp', 'SDK 2.x': '/two/mcp' }
let issuer: TestIssuer
let server: Server
let origin = ''

beforeAll(async () => {
  issuer = await createTestIssuer()
  const port = await freePort()
  origin = `http://127.0.0.1:${port}`
  const validators = sdks.map((sdk) =>
    createValidator({ issuer: issuer.issuer, resource: `${origin}${paths[sdk]}` }),
  )
  const endpoints = sdks.map((sdk, index) => {
    const validator = validators[index] as (typeof validators)[0]
    return createMcpEndpoint(sdk, { validator, path: paths[sdk] })
  })
  const routers = [...validators.map(resourceMetadata), ...endpoints.map(({ router }) => router)]
  server = createMcpApp(routers).listen(port, '127.0.0.1')
})
afterAll(async () => {
  server.close().closeAllConnections()
  await issuer.close()
})

describe.each(Object.entries(mcpClients))('the client of %s', (_name, createClient) => {
  it.each(sdks)('MCP-prm-c, MCP-scope-b discovers a server on %s, and steps up', async (sdk) => {
    const client = createClient(`${origin}${paths[sdk]}`)
    await client.connect()
    expect(await client.callTool({ name: 'ping' })).toMatchObject({
      content: [{ type: 'text', text: 'ran ping' }],
    })
    expect(client.provider.requests).toMatchObject([
      { scope: 'mcp', resource: `${origin}${paths[sdk]}` },
    ])
    expect(await client.callTool({ name: 'send_mail' })).toMatchObject({
      content: [{ type: 'text', text: 'ran send_mail' }],
    })
    expect(client.provider.requests.at(-1)?.scope).toBe('mcp mail:send')
    await client.callTool({ name: 'list_mail' })
    expect(client.provider.requests).toHaveLength(3)
    await client.close()
  })

  it.each(sdks)(
    'asks for no other token where %s refuses a tool that is not listed',
    async (sdk) => {
      const client = createClient(`${origin}${paths[sdk]}`)
      await client.connect()
      const before = client.provider.tokens()
      for (const name of ['unlisted', 'send_mial']) {
        const message = 'The tool is unknown, or no access token allows it'
        await expect(client.callTool({ name })).rejects.toThrow(message)
      }
      expect(client.provider.requests).toHaveLength(1)
      expect(client.provider.tokens()).toBe(before)
      expect(await client.callTool({ name: 'ping' })).toMatchObject({
        content: [{ type: 'text', text: 'ran ping' }],
      })
      await client.close()
    },
  )

  it('does not authorize again after its token has the scopes of every tool', async () => {
    const client = createClient(`${origin}${paths['SDK 1.x']}`)
    await client.connect()
    for (const name of ['list_mail', 'archive_mail', 'list_mail', 'archive_mail']) {
      expect(await client.callTool({ name })).toMatchObject({ content: [{ text: `ran ${name}` }] })
    }
    expect(client.provider.requests.map(({ scope }) => scope)).toEqual([
      'mcp',
      'mcp mail:read',
      'mcp mail:read mail:send',
    ])
    await client.close()
  })

  it('MCP-aud-a has no access to the other server with its token', async () => {
    const client = createClient(`${origin}${paths['SDK 1.x']}`)
    await client.connect()
    const { access_token } = client.provider.tokens() as { access_token: string }
    const response = await fetch(`${origin}${paths['SDK 2.x']}`, {
      method: 'POST',
      headers: { authorization: `Bearer ${access_token}` },
    })
    expect(response.status).toBe(401)
    expect(response.headers.get('www-authenticate')).toContain('error="invalid_token"')
    await client.close()
  })
})
