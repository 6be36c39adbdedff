/**
 * That `./mcp` is enough where nothing declares `req.auth`: neither `./express` nor the middleware of the
 * MCP SDK; compiled, never run.
 */
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js'
import express from 'express'
import { createValidator } from 'oauth-resource-server'
import { accessToken, authenticate } from 'oauth-resource-server/mcp'

const validator = createValidator({
  issuer: 'https://as.example.com',
  resource: 'https://api.example.com/mcp',
})

export const app = express()
app.use('/mcp', authenticate(validator))
app.post('/mcp', async (request, response) => {
  await new StreamableHTTPServerTransport().handleRequest(request, response, request.body)
})
app.get('/me', authenticate(validator), (request, response) => {
  const subject: string | undefined = accessToken(request).subject
  // @ts-expect-error: declared by the middleware of the SDK, where that is imported
  response.json({ subject, auth: request.auth })
})
