/**
 * That the types fit the MCP SDK 1.x, whose own types are checked too; compiled, never run. A program
 * of its own, because the SDK declares `req.auth` in another way than `./express` and SDK 2.x do.
 */
import { InvalidTokenError } from '@modelcontextprotocol/sdk/server/auth/errors.js'
import { requireBearerAuth } from '@modelcontextprotocol/sdk/server/auth/middleware/bearerAuth.js'
import type { OAuthTokenVerifier } from '@modelcontextprotocol/sdk/server/auth/provider.js'
import type { AuthInfo as SdkAuthInfo } from '@modelcontextprotocol/sdk/server/auth/types.js'
import express from 'express'
import { createValidator } from 'oauth-resource-server'
import {
  type AuthInfo,
  accessToken,
  authenticate,
  authorize,
  type McpMiddleware,
  resourceMetadata,
  tokenVerifier,
  toolScopes,
} from 'oauth-resource-server/mcp'

const validator = createValidator({
  issuer: 'https://as.example.com',
  resource: 'https://api.example.com/mcp',
})

export const authInfo = (info: AuthInfo): SdkAuthInfo => info

const verifier: OAuthTokenVerifier = tokenVerifier(validator, { InvalidTokenError })
const middleware: McpMiddleware = authenticate(validator, { optional: true })
const handlers: express.RequestHandler[] = [
  resourceMetadata(validator),
  middleware,
  toolScopes(
    { send_mail: 'mail:send', list_mail: ['mail:read'], ping: [] },
    { otherwise: 'allow' },
  ),
  requireBearerAuth({ verifier }),
]
export const app = express().use(...handlers)
// REST routes in the same program: `./express` cannot be in it.
app.get('/me', authorize({ scopes: 'mail:read' }), (request, response) => {
  const tenant: string = accessToken<{ tenant: string }>(request).claims.tenant
  response.json({ tenant, client: request.auth?.clientId })
})

// @ts-expect-error: misspelt
toolScopes({}, { otherwise: 'alow' })
