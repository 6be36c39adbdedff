// @ts-check
/**
 * An MCP server with two tools that need different scopes. A client finds the authorization server by
 * the 401 alone, and asks for more scopes when a tool needs them.
 *
 *   ISSUER=https://login.example.com/ RESOURCE=http://127.0.0.1:3000/mcp node mcp-server.js
 *
 * RESOURCE is the URL that clients connect to, and the `aud` of their tokens.
 */
import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js'
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js'
import express from 'express'
import { createValidator } from 'oauth-resource-server'
import { authenticate, resourceMetadata, toolScopes } from 'oauth-resource-server/mcp'
import { z } from 'zod'

const { ISSUER, RESOURCE = 'http://127.0.0.1:3000/mcp' } = process.env
if (!ISSUER) throw new Error('Set ISSUER, as this file says at its top')
const { hostname, port, pathname } = new URL(RESOURCE)

function createMailServer() {
  const server = new McpServer({ name: 'mail', version: '1.0.0' })
  server.registerTool(
    'list_mail',
    { description: 'Lists the mail of the user' },
    ({ authInfo }) => {
      const { subject } = Object(authInfo?.extra?.accessToken)
      return { content: [{ type: 'text', text: `The inbox of ${subject} is empty` }] }
    },
  )
  const sending = { description: 'Sends a mail', inputSchema: { to: z.string() } }
  server.registerTool('send_mail', sending, ({ to }) => {
    return { content: [{ type: 'text', text: `Sent to ${to}` }] }
  })
  return server
}

const validator = createValidator({ issuer: ISSUER, resource: RESOURCE })
const app = express()
app.use(resourceMetadata(validator))
app.use(pathname, authenticate(validator, { requirement: { scopes: 'mail:read' } }), express.json())
app.use(pathname, toolScopes({ list_mail: 'mail:read', send_mail: 'mail:send' }))
app.post(pathname, async (request, response) => {
  const transport = new StreamableHTTPServerTransport() // without sessions: one for each request
  response.on('close', () => transport.close())
  await createMailServer().connect(transport)
  await transport.handleRequest(request, response, request.body)
})
app.all(pathname, (_request, response) => {
  response.status(405).set('Allow', 'POST').end()
})

app.listen(Number(port), hostname, () => console.log('Listening on %s', RESOURCE))
