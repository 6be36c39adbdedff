// @ts-check
/**
 * Tests an MCP server with the official client, which gets its tokens from a test issuer, with vitest:
 *
 *   npx vitest run mcp.test.js
 */
import { once } from 'node:events'
import { createServer } from 'node:http'
import { UnauthorizedError } from '@modelcontextprotocol/sdk/client/auth.js'
import { Client } from '@modelcontextprotocol/sdk/client/index.js'
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js'
import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js'
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js'
import express from 'express'
import { createValidator } from 'oauth-resource-server'
import { authenticate, resourceMetadata, toolScopes } from 'oauth-resource-server/mcp'
import { createTestIssuer } from 'oauth-resource-server/testing'
import { afterAll, expect, it } from 'vitest'

const issuer = await createTestIssuer()
// Listens first, because the port is a part of the resource, which the application needs.
const app = express()
const server = createServer(app)
await once(server.listen(0, '127.0.0.1'), 'listening')
const url = new URL(`http://127.0.0.1:${Object(server.address()).port}/mcp`)
afterAll(() => Promise.all([issuer.close(), server.close().closeAllConnections()]))

// Replace this with your own server. It needs the issuer and the resource, nothing else.
const validator = createValidator({ issuer: issuer.issuer, resource: url.href })
app.use(resourceMetadata(validator))
app.use(authenticate(validator, { requirement: { scopes: 'mail:read' } }), express.json())
app.use(toolScopes({ send_mail: 'mail:send' }))
app.post('/mcp', async (request, response) => {
  const mail = new McpServer({ name: 'mail', version: '1.0.0' })
  mail.registerTool('send_mail', {}, () => ({ content: [{ type: 'text', text: 'Sent' }] }))
  const transport = new StreamableHTTPServerTransport()
  await mail.connect(transport)
  await transport.handleRequest(request, response, request.body)
})

/** The scopes that the client has asked the user for. @type {(string | null)[]} */
const asked = []
let code = ''
let verifier = ''
/** @type {import('@modelcontextprotocol/sdk/shared/auth.js').OAuthTokens | undefined} */
let tokens
/** @type {import('@modelcontextprotocol/sdk/client/auth.js').OAuthClientProvider} */
const authProvider = {
  redirectUrl: 'http://127.0.0.1:9/callback',
  clientMetadata: { redirect_uris: ['http://127.0.0.1:9/callback'] },
  clientInformation: () => ({ client_id: 'test-client', client_secret: 'test-secret' }),
  tokens: () => tokens,
  saveTokens(saved) {
    tokens = saved
  },
  codeVerifier: () => verifier,
  saveCodeVerifier(saved) {
    verifier = saved
  },
  // The user agrees at once: the response is the redirect to the client.
  async redirectToAuthorization(authorization) {
    asked.push(authorization.searchParams.get('scope'))
    const { headers } = await fetch(authorization, { redirect: 'manual' })
    code = new URL(headers.get('location') ?? '').searchParams.get('code') ?? ''
  },
}

it('lets the client get a token, and more scopes for a tool', async () => {
  const client = new Client({ name: 'test', version: '1.0.0' })
  const first = new StreamableHTTPClientTransport(url, { authProvider })
  await expect(client.connect(first)).rejects.toThrow(UnauthorizedError)
  await first.finishAuth(code)

  const transport = new StreamableHTTPClientTransport(url, { authProvider })
  await client.connect(transport)
  await expect(client.callTool({ name: 'send_mail' })).rejects.toThrow(UnauthorizedError)
  await transport.finishAuth(code)
  expect(await client.callTool({ name: 'send_mail' })).toMatchObject({
    content: [{ text: 'Sent' }],
  })
  expect(asked).toEqual(['mail:read', 'mail:read mail:send'])
  await client.close()
})
