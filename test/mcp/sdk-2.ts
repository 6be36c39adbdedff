/** That the types fit the MCP SDK 2.x, whose own types are checked too; compiled, never run. */
import {
  createMcpExpressApp,
  type OAuthTokenVerifier,
  requireBearerAuth,
} from '@modelcontextprotocol/express'
import { toNodeHandler } from '@modelcontextprotocol/node'
import {
  createMcpHandler,
  McpServer,
  type AuthInfo as SdkAuthInfo,
} from '@modelcontextprotocol/server'
import type { RequestHandler } from 'express'
import { createValidator } from 'oauth-resource-server'
import * as web from 'oauth-resource-server/fetch'
import {
  type AuthInfo,
  accessToken,
  authenticate,
  authorize,
  createAuthInfo,
  resourceMetadata,
  tokenVerifier,
  toolScopes,
} from 'oauth-resource-server/mcp'

const validator = createValidator({
  issuer: 'https://as.example.com',
  resource: 'https://api.example.com/mcp',
})

export const authInfo = (info: AuthInfo): SdkAuthInfo => info

const verifier: OAuthTokenVerifier = tokenVerifier(validator)
const handlers: RequestHandler[] = [
  resourceMetadata(validator),
  authenticate(validator),
  toolScopes({ send_mail: 'mail:send' }),
  requireBearerAuth({ verifier }),
]
const handler = createMcpHandler(() => new McpServer({ name: 'mail', version: '1.0.0' }))
const handle = toNodeHandler(handler)
export const app = createMcpExpressApp()
  .use(...handlers)
  .post('/mcp', (request, response) => handle(request, response, request.body))

app.get('/me', authorize({ scopes: 'mail:read' }), (request, response) => {
  response.json({ subject: accessToken(request).subject, client: request.auth?.clientId })
})

const check = web.authenticate(
  createValidator<{ tenant: string }>({
    issuer: 'https://as.example.com',
    resource: 'https://api.example.com/mcp',
  }),
)
export async function respond(request: Request): Promise<Response> {
  const token = await check(request)
  if (token instanceof Response) return token
  return handler.fetch(request, { authInfo: createAuthInfo(token, validator) })
}
