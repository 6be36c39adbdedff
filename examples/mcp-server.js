// @ts-check
/**
 * An MCP server with two tools that need different scopes. A client needs only the 401 to find the
 * authorization server, and asks for more scopes when a tool needs them.
 *
 *   ISSUER=https://login.example.com/ RESOURCE=http://127.0.0.1:3000/mcp node mcp-server.js
 *
 * RESOURCE is the URL that clients connect to, and the `aud` of their tokens. This process listens on HOST
 * and PORT: by default 127.0.0.1 and the port of RESOURCE, or 3000. Behind a proxy, set them. The proxy must
 * keep the path and the header Host.
 */

import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js'
import { hostHeaderValidation } from '@modelcontextprotocol/sdk/server/middleware/hostHeaderValidation.js'
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js'
import express from 'express'
import { createValidator } from 'oauth-resource-server'
import { authenticate, resourceMetadata, toolScopes } from 'oauth-resource-server/mcp'
import { z } from 'zod'

const { ISSUER, RESOURCE = 'http://127.0.0.1:3000/mcp' } = process.env
if (!ISSUER) throw new Error('Set ISSUER: see the top of this file')
const { origin, hostname, port, pathname } = new URL(RESOURCE)
const { HOST = '127.0.0.1', PORT = port || '3000' } = process.env

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
app.use(hostHeaderValidation([hostname]), (request, response, next) => {
  // Against DNS rebinding. Browsers send an Origin, other clients usually none; a browser needs CORS too.
  if ([undefined, origin].includes(request.headers.origin)) next()
  else response.sendStatus(403)
})
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

app.listen(Number(PORT), HOST, (error) => {
  if (error) throw error // Express 5 passes an error here if the port is in use
  console.log('Listening on %s', RESOURCE)
})
