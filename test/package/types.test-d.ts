/**
 * Tests of the types. This file is compiled, not run. Every `@ts-expect-error` is a mistake that the
 * compiler must find.
 */
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Http2ServerRequest, Http2ServerResponse } from 'node:http2'
import type express from 'express'
import type Koa from 'koa'
import {
  type AccessToken,
  type AccessTokenError,
  type AnyAccessTokenError,
  createValidator,
  type HttpRequest,
  InvalidTokenError,
  type InvalidTokenReason,
  type JwtClaims,
  type Validator,
  type ValidatorEvent,
} from 'oauth-resource-server'
import { accessToken, authenticate, authorize } from 'oauth-resource-server/express'
import * as http from 'oauth-resource-server/http'
import * as koa from 'oauth-resource-server/koa'

type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false
const same = <A, B>(_: Same<A, B>): void => undefined

const options = { issuer: 'https://as.example.com', audience: 'https://api.example.com' }

// AD-type: a claim that the validator has not checked is unknown, and the checked ones have types
export function claims({ claims }: AccessToken): void {
  same<typeof claims.tenant, unknown>(true)
  same<typeof claims.iss, string>(true)
  same<typeof claims.exp, number>(true)
  same<typeof claims.aud, string | readonly string[] | undefined>(true)
  same<typeof claims.sub, string | undefined>(true)
  // @ts-expect-error: unknown is not a string
  claims.tenant.toUpperCase()
  // @ts-expect-error: frozen
  claims.sub = 'somebody-else'
}

export function optionalFields(token: AccessToken): void {
  same<typeof token.subject, string | undefined>(true)
  same<typeof token.clientId, string | undefined>(true)
  same<typeof token.issuer, string>(true)
  same<typeof token.scopes, readonly string[]>(true)
  same<typeof token.scheme, 'Bearer' | 'DPoP'>(true)
  // @ts-expect-error: an introspected token has none
  token.header.alg
  if (token.header !== undefined) {
    same<typeof token.header.alg, string>(true)
    same<typeof token.header.jku, unknown>(true)
  }
  // @ts-expect-error: a token may have no subject
  token.subject.length
  // @ts-expect-error: frozen
  token.scopes.push('write:reports')
}

// The headers of an error fit Node's response, and a request may have no headers.
export async function headersFit(error: AccessTokenError, response: ServerResponse): Promise<void> {
  response.writeHead(error.status, error.headers).end()
  const joined: Record<string, string> = Object.fromEntries(
    Object.entries(error.headers).map(([name, value]) => [name, [value].flat().join(', ')]),
  )
  same<typeof joined, Record<string, string>>(true)
  const { authenticate } = createValidator(options)
  await authenticate({ headers: null })
  await authenticate({ headers: undefined })
}

// A caller that knows its issuer says what the other claims are.
export async function ownClaims(request: HttpRequest): Promise<void> {
  const plain: Validator<JwtClaims> = createValidator(options)
  same<Awaited<ReturnType<typeof plain.validate>>, AccessToken<JwtClaims>>(true)
  const validator = createValidator<{ tenant: string }>(options)
  const token = await validator.authenticate(request, { scopes: ['read:reports'] })
  same<typeof token.claims.tenant, string>(true)
  await validator.authorize(token, { anyScope: 'read:a write:a' })
  authenticate(validator)
  koa.authenticate(validator)
  const own = await http.authenticate(validator)({ headers: {} }, {} as never)
  same<typeof own, AccessToken<{ tenant: string }> | null | undefined>(true)
}

// Without a cast, and complete: a code without its case does not compile.
export function advise(error: AnyAccessTokenError): number | string {
  switch (error.code) {
    case 'missing_token':
      return error.scopes.join(' ')
    case 'invalid_request':
      same<typeof error.status, 400>(true)
      return error.message
    case 'invalid_token':
      same<typeof error.status, 401>(true)
      return error.reason
    case 'invalid_dpop_proof':
      same<typeof error.status, 401>(true)
      return error.reason
    case 'use_dpop_nonce':
      return error.nonce
    case 'insufficient_user_authentication':
      same<typeof error.status, 401>(true)
      return error.maxAge ?? error.acrValues.join(' ')
    case 'insufficient_scope':
      same<typeof error.status, 403>(true)
      return error.scopes.join(' ')
    case 'service_unavailable':
      return error.retryAfter
  }
}

export function reasons(error: unknown): void {
  if (!(error instanceof InvalidTokenError)) return
  same<typeof error.reason, InvalidTokenReason>(true)
  // @ts-expect-error: no such reason
  if (error.reason === 'expierd') return
}

export function events(event: ValidatorEvent): number | undefined {
  // @ts-expect-error: only some events have a duration
  event.durationMs
  return event.type === 'token.accepted' ? event.durationMs : undefined
}

export function requests(message: import('node:http').IncomingMessage, web: Request): void {
  const validator = createValidator(options)
  void validator.authenticate(message)
  void validator.authenticate(web)
  void validator.authenticate({ method: 'GET', url: '/', headers: { authorization: 'Bearer x' } })
}

export function middlewares(): unknown[] {
  const forExpress: express.RequestHandler[] = [authenticate(options), authorize({ scopes: 'a' })]
  const forKoa: Koa.Middleware[] = [koa.authenticate(options), koa.authorize({ scopes: 'a' })]
  const reads: express.RequestHandler = (request) => {
    same<typeof request.auth, AccessToken | undefined>(true)
  }
  return [forExpress, forKoa, reads]
}

// Other packages declare `req.auth` to be something else: express-oauth2-jwt-bearer, the MCP SDK.
export function besideOtherDeclarations(): unknown[] {
  type Declared = Omit<express.Request, 'auth'> & { auth?: { token: string; payload: object } }
  type Handler = (request: Declared, response: express.Response, next: express.NextFunction) => void
  const handlers: Handler[] = [authenticate(options), authorize({ scopes: 'a' })]
  const read: Handler = (request) => {
    const plain = accessToken(request)
    same<typeof plain, AccessToken>(true)
    const token = accessToken<{ tenant: string }>(request)
    same<typeof token.claims.tenant, string>(true)
  }
  return [...handlers, read]
}

export function socketIo(request: IncomingMessage, next: (error?: Error) => void): void {
  authenticate(options, { passErrors: true })(request, {}, (error) => next(error as Error))
}

export function nodeServers(): unknown[] {
  const authenticated = http.authenticate(options)
  const authorized = http.authorize({ scopes: 'a' })
  const listener = async (request: IncomingMessage, response: ServerResponse) => {
    if (!(await authenticated(request, response))) return
    if (!(await authorized(request, response))) return
    response.end(http.accessToken(request).subject)
  }
  const listener2 = async (request: Http2ServerRequest, response: Http2ServerResponse) => {
    const token = await authenticated(request, response)
    if (token === null || token === undefined) return
    if (!(await authorized(request, response))) return
    const { claims } = http.accessToken<{ tenant: string }>(request)
    same<typeof claims.tenant, string>(true)
    response.end(claims.tenant)
  }
  const { createServer } = {} as typeof import('node:http')
  const http2 = {} as typeof import('node:http2')
  return [
    createServer(listener),
    http2.createServer(listener2),
    http2.createSecureServer(listener2),
  ]
}

export function tokenOfContext(context: Koa.Context): void {
  const plain = koa.accessToken(context)
  same<typeof plain, AccessToken>(true)
  const token = koa.accessToken<{ tenant: string }>(context)
  same<typeof token.claims.tenant, string>(true)
  // @ts-expect-error: it takes the context, not the request of node:http
  koa.accessToken({ headers: {} })
}

export function wrongOptions(): void {
  const { issuer, audience } = options
  createValidator({ issuer, resource: 'https://rs.test/api' })
  // @ts-expect-error: misspelt
  createValidator({ issuer, resource: { identifier: 'https://rs.test/api', scope: 'read' } })
  // @ts-expect-error: the issuer must be said
  createValidator({ audience })
  // @ts-expect-error: only false switches the check off
  createValidator({ issuer, audience: true })
  // @ts-expect-error: misspelt
  createValidator({ issuer, audience, algorithm: ['RS256'] })
  // @ts-expect-error: no symmetric algorithm
  createValidator({ issuer, audience, algorithms: ['HS256'] })
  // @ts-expect-error: and not none
  createValidator({ issuer, audience, algorithms: ['none'] })
  // @ts-expect-error: seconds are numbers
  createValidator({ issuer, audience, clockTolerance: '5s' })
  // @ts-expect-error: no such profile
  createValidator({ issuer, audience, profile: 'rfc9067' })
  // @ts-expect-error: no such place
  createValidator({ issuer, audience, tokenLocations: ['cookie'] })
  // @ts-expect-error: misspelt
  authenticate(options, { optoinal: true })
  // @ts-expect-error: misspelt
  authorize({ scope: 'read:reports' })
  // @ts-expect-error: a check says yes or no
  koa.authorize({ check: () => 'yes' })
}

export async function unnamed(): Promise<void> {
  const token = await http.authenticate(options)({ headers: {} }, {} as never)
  same<typeof token, AccessToken | null | undefined>(true)
}
