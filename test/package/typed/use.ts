/** A strict TypeScript user of every entry. */

import { createServer } from 'node:http'
import express from 'express'
import Koa from 'koa'
import {
  type AccessToken,
  type AnyAccessTokenError,
  createValidator,
  type ValidatorEvent,
} from 'oauth-resource-server'
import * as forExpress from 'oauth-resource-server/express'
import * as forFetch from 'oauth-resource-server/fetch'
import * as forHttp from 'oauth-resource-server/http'
import * as forKoa from 'oauth-resource-server/koa'
import * as forMcp from 'oauth-resource-server/mcp'
import { redisReplayStore } from 'oauth-resource-server/redis'
import { createTestIssuer, type TestIssuer } from 'oauth-resource-server/testing'

const options = {
  issuer: 'https://as.example.com',
  audience: 'https://api.example.com',
  onEvent: (event: ValidatorEvent) => console.log(event.type),
}
const validator = createValidator<{ tenant: string }>(options)
export const bound = createValidator({
  ...options,
  publicUrl: 'https://api.example.com',
  dpop: { replayStore: redisReplayStore({ sendCommand: async (...args) => args.length }) },
  mtls: { certificate: { header: 'Client-Cert', format: 'rfc9440', trusted: () => true } },
})
export const tenantOf = async (token: string): Promise<string> =>
  (await validator.validate(token)).claims.tenant

const handlers: express.RequestHandler[] = [
  forExpress.authenticate(options),
  forExpress.authenticate(validator, { optional: true }),
  forExpress.authorize({ scopes: 'read:reports' }),
]
const app = express()
app.use(...handlers)
app.get('/', forExpress.authorize({ anyScope: ['a', 'b'] }), (request, response) => {
  const token: AccessToken | undefined = request.auth
  response.json(token?.scopes)
})

const middlewares: Koa.Middleware[] = [
  forKoa.authenticate(options),
  forKoa.authorize({ scopes: 'read:reports' }),
]
interface State {
  auth?: AccessToken
}
const koa = new Koa<State>()
for (const middleware of middlewares) koa.use(middleware)
koa.use(forKoa.authenticate(validator)).use((context) => {
  const token: AccessToken | undefined = context.state.auth
  context.body = token?.scopes
})

const authenticated = forHttp.authenticate<{ tenant: string }>(options)
const authorized = forHttp.authorize({ scopes: 'read:reports' })
createServer(async (request, response) => {
  const token = await authenticated(request, response)
  if (token && (await authorized(request, response))) response.end(token.claims.tenant)
})

const check = forFetch.authenticate(validator, { requirement: { scopes: 'read:reports' } })
export async function GET(request: Request): Promise<Response> {
  const token = await check(request)
  return token instanceof Response ? token : Response.json({ tenant: token.claims.tenant })
}

// Beside the types of `./express`, which declare `req.auth` in another way.
app.use('/mcp', forMcp.authenticate(validator), forMcp.toolScopes({ send_mail: 'mail:send' }))
app.use('/mcp', (request, response) => {
  response.json(forMcp.accessToken(request).scopes)
})

export function advise(error: AnyAccessTokenError): string {
  switch (error.code) {
    case 'invalid_token':
    case 'invalid_dpop_proof':
      return error.reason
    case 'use_dpop_nonce':
      return 'again, with the nonce'
    case 'service_unavailable':
      return `later: ${error.retryAfter}`
    case 'insufficient_scope':
    case 'insufficient_user_authentication':
    case 'missing_token':
      return error.scopes.join(' ')
    case 'invalid_request':
      return error.message
  }
}

export async function kit(): Promise<string> {
  await using issuer: TestIssuer = await createTestIssuer({ algorithm: 'RS256' })
  return issuer.token({ scope: 'read:reports' })
}
