/**
 * Model Context Protocol, authorization of servers: versions 2025-06-18, 2025-11-25 and 2026-07-28, on
 * both versions of the official SDK.
 */
import { once } from 'node:events'
import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import express from 'express'
import {
  type AccessToken,
  createValidator,
  type ValidatorEvent,
  type ValidatorOptions,
} from 'oauth-resource-server'
import {
  type AuthInfo,
  accessToken,
  authenticate,
  authorize,
  createAuthInfo,
  resourceMetadata,
  toolScopes,
} from 'oauth-resource-server/mcp'
import { afterEach, describe, expect, it } from 'vitest'
import { refuseToFetch } from '../support/adapters.ts'
import { type Challenge, parseChallenges } from '../support/challenge-parser.ts'
import { AUD, fixtureOptions, fixtureValidator, ISS, t0 } from '../support/fixture.ts'
import {
  createMcpApp,
  createMcpEndpoint,
  type McpEndpoint,
  type McpEndpointOptions,
  type McpSdk,
} from '../support/mcp-servers.ts'

const metadataPath = '/.well-known/oauth-protected-resource/api'
const metadataUrl = `https://rs.test${metadataPath}`
const sdks: readonly McpSdk[] = ['SDK 1.x', 'SDK 2.x']
const servers: Server[] = []
afterEach(() => {
  for (const server of servers.splice(0)) server.close().closeAllConnections()
})

interface Answer {
  readonly status: number
  readonly headers: Headers
  readonly challenges: readonly Challenge[]
  readonly body: string
}

interface Started extends McpEndpoint {
  readonly send: (init?: RequestInit, path?: string) => Promise<Answer>
  /** Posts a message with a token that has these scopes. */
  readonly post: (
    scope: string | undefined,
    message: unknown,
    headers?: Record<string, string>,
  ) => Promise<Answer>
}

async function listen(app: express.Express): Promise<Started['send']> {
  const server = app.listen(0, '127.0.0.1')
  servers.push(server)
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  return async (init = {}, path = '/api') => {
    const response = await fetch(`http://127.0.0.1:${port}${path}`, init)
    const challenge = response.headers.get('www-authenticate')
    return {
      status: response.status,
      headers: response.headers,
      challenges: challenge === null ? [] : parseChallenges(challenge),
      body: await response.text(),
    }
  }
}

async function start(
  sdk: McpSdk,
  options: Partial<ValidatorOptions> = {},
  endpointOptions: Partial<McpEndpointOptions> = {},
): Promise<Started> {
  const validator = fixtureValidator({ audience: undefined, resource: AUD, ...options })
  const endpoint = createMcpEndpoint(sdk, { validator, path: '/api', ...endpointOptions })
  const send = await listen(createMcpApp([resourceMetadata(validator), endpoint.router]))
  return {
    ...endpoint,
    send,
    post: (scope, message, headers = {}) =>
      send({
        method: 'POST',
        body: JSON.stringify(message),
        headers: {
          ...(scope !== undefined && { authorization: `Bearer ${t0({ scope })}` }),
          'content-type': 'application/json',
          accept: 'application/json, text/event-stream',
          ...headers,
        },
      }),
  }
}

const call = (name: string, id = 1) => ({
  jsonrpc: '2.0',
  id,
  method: 'tools/call',
  params: { name, arguments: {} },
})
const list = { jsonrpc: '2.0', id: 9, method: 'tools/list' }

describe.each(sdks)('%s', (sdk) => {
  it('MCP-prm-a, MCP-prm-b, MCP-prm-d serves the metadata at the URL of the challenge', async () => {
    const { send } = await start(sdk)
    const { status, headers, body } = await send({}, metadataPath)
    expect([status, headers.get('access-control-allow-origin')]).toEqual([200, '*'])
    expect(JSON.parse(body)).toMatchObject({ resource: AUD, authorization_servers: [ISS] })
  })

  it('MCP-prm-c, MCP-scope-a names the metadata and the scopes in the 401', async () => {
    const { post, ran } = await start(sdk)
    const { status, challenges, body } = await post(undefined, call('list_mail'))
    expect([status, body]).toEqual([401, ''])
    expect(challenges).toEqual([
      {
        scheme: 'Bearer',
        parameters: { realm: AUD, resource_metadata: metadataUrl, scope: 'mcp' },
      },
    ])
    expect(ran).toEqual([])
  })

  it('MCP-401-a, MCP-aud-a refuses tokens that are not valid here with 401', async () => {
    const { send, ran } = await start(sdk)
    for (const token of [t0({ exp: 1 }), t0({ aud: 'https://other.test' }), 'abc']) {
      const authorization = `Bearer ${token}`
      const { status, challenges } = await send({ method: 'POST', headers: { authorization } })
      expect(status).toBe(401)
      expect(challenges[0]?.parameters).toMatchObject({
        error: 'invalid_token',
        resource_metadata: metadataUrl,
      })
    }
    expect(ran).toEqual([])
  })

  it('MCP-scope-b, MCP-scope-d, MCP-body responds with 403 and the scopes of the operation', async () => {
    const { post, ran } = await start(sdk)
    const { status, challenges, body } = await post('mcp mail:read extra', call('send_mail'))
    expect(status).toBe(403)
    expect(challenges).toEqual([
      {
        scheme: 'Bearer',
        parameters: {
          realm: AUD,
          resource_metadata: metadataUrl,
          error: 'insufficient_scope',
          error_description: expect.any(String),
          scope: 'mcp mail:send',
        },
      },
    ])
    expect(JSON.parse(body)).toMatchObject({ error: 'insufficient_scope' })
    expect(ran).toEqual([])
    // A token with exactly these scopes is enough.
    expect((await post('mcp mail:send', call('send_mail'))).status).toBe(200)
    expect(ran.map(({ tool }) => tool)).toEqual(['send_mail'])
  })

  it('MCP-scope-d names the scopes of every call of a batch, and runs none', async () => {
    const { post, ran } = await start(sdk)
    const batch = [list, call('list_mail', 1), call('send_mail', 2)]
    const { status, challenges } = await post('mcp mail:read', batch)
    expect(status).toBe(403)
    expect(challenges[0]?.parameters.scope).toBe('mcp mail:read mail:send')
    expect(ran).toEqual([])
    expect((await post('mcp mail:read mail:send', batch)).status).toBe(200)
    expect(ran.map(({ tool }) => tool).sort()).toEqual(['list_mail', 'send_mail'])
  })

  it('MCP-scope-d requires nothing more of other methods and of tools with an empty list', async () => {
    const { post, ran } = await start(sdk)
    expect((await post('mcp', list)).status).toBe(200)
    expect((await post('mcp', call('ping'))).status).toBe(200)
    expect(ran.map(({ tool }) => tool)).toEqual(['ping'])
  })

  it('refuses tools that are not listed, unless they are allowed', async () => {
    const refusing = await start(sdk)
    for (const name of ['unlisted', 'Send_Mail', 'constructor', '__proto__', '']) {
      const { status, challenges, body } = await refusing.post('mcp mail:send', call(name))
      expect([name, status]).toEqual([name, 403])
      // With `error` or `scope`, clients would ask for another token, which cannot help.
      expect(challenges).toEqual([
        { scheme: 'Bearer', parameters: { realm: AUD, resource_metadata: metadataUrl } },
      ])
      expect(JSON.parse(body)).toEqual({
        jsonrpc: '2.0',
        id: null,
        error: { code: -32602, message: 'The tool is unknown, or no access token allows it' },
      })
    }
    const batch = [call('ping', 1), call('unlisted', 2)]
    expect((await refusing.post('mcp', batch)).status).toBe(403)
    expect(refusing.ran).toEqual([])
    const allowing = await start(sdk, {}, { otherwise: 'allow' })
    expect((await allowing.post('mcp', call('unlisted'))).status).toBe(200)
    expect((await allowing.post('mcp', call('send_mail'))).status).toBe(403)
    expect(allowing.ran.map(({ tool }) => tool)).toEqual(['unlisted'])
  })

  it('names the tool that is not listed in the event, on one line', async () => {
    const hints: unknown[] = []
    const onEvent = (event: ValidatorEvent) => {
      if (event.type === 'token.refused') hints.push([event.reason, event.detail.hint])
    }
    const { post } = await start(sdk, { onEvent })
    await post('mcp', [call('ping'), call('send\nmial')])
    expect(hints).toEqual([
      [
        'insufficient_scope',
        'toolScopes does not list the tool "send?mial", so no token allows it',
      ],
    ])
  })

  it('MCP-scope-f accounts for scopes that imply others', async () => {
    const { post } = await start(sdk, { impliedScopes: { admin: ['mcp', 'mail:send'] } })
    expect((await post('admin', call('send_mail'))).status).toBe(200)
    expect((await post('mcp', call('send_mail'))).status).toBe(403)
  })

  it('MCP-tok-a ignores a token in the query', async () => {
    const { send } = await start(sdk)
    const path = `/api?access_token=${t0({ scope: 'mcp' })}`
    expect((await send({ method: 'POST' }, path)).status).toBe(401)
  })

  it('MCP-tok-b authenticates every request, whatever its session', async () => {
    const { post } = await start(sdk)
    const headers = { 'mcp-session-id': 'a-session' }
    expect((await post('mcp', list, headers)).status).not.toBe(401)
    expect((await post(undefined, list, headers)).status).toBe(401)
  })

  it('MCP-authinfo passes the AuthInfo of the SDK to tools, with the verified token', async () => {
    const { post, ran } = await start(sdk)
    await post('mcp mail:read', call('list_mail'))
    const info = ran[0]?.authInfo as AuthInfo
    const { token, clientId, scopes, expiresAt, resource, extra } = info
    expect([clientId, scopes, resource?.href]).toEqual(['client-1', ['mcp', 'mail:read'], AUD])
    const verified: AccessToken = extra.accessToken
    expect(verified).toMatchObject({ token, subject: 'user-1', expiresAt })
    expect(Object.keys(info).sort()).toEqual(
      ['token', 'clientId', 'scopes', 'expiresAt', 'resource', 'extra'].sort(),
    )
  })

  it('MCP-err-a responds with 400 to a request that is not well formed', async () => {
    const { send, post } = await start(sdk)
    const authorization = 'Bearer'
    expect((await send({ method: 'POST', headers: { authorization } })).status).toBe(400)
    for (const body of [{}, [], { jsonrpc: '2.0', id: 1 }]) {
      const { status, body: text } = await post('mcp', body)
      expect(status).toBe(400)
      expect(JSON.parse(text)).toEqual({
        jsonrpc: '2.0',
        id: null,
        error: { code: -32600, message: 'The body is not a JSON-RPC message' },
      })
    }
  })

  it('responds with 500 where the body is not parsed, without running anything', async () => {
    const { post, ran } = await start(sdk, {}, { parseBody: false })
    expect((await post('mcp mail:read', call('list_mail'))).status).toBe(500)
    expect(ran).toEqual([])
  })

  it('responds with 503 in an outage', async () => {
    const { post } = await start(sdk, { issuer: ISS, fetch: refuseToFetch })
    const { status, headers, challenges } = await post('mcp', list)
    expect([status, challenges]).toEqual([503, []])
    expect(headers.get('retry-after')).toMatch(/^\d+$/)
  })
})

describe('the document and the options', () => {
  it('MCP-scope-e names offline_access neither in the challenge nor in the document', async () => {
    const requirement = { scopes: 'mcp offline_access' }
    const resource = { identifier: AUD, scopes: ['mcp', 'offline_access'] }
    const validator = fixtureValidator({ resource })
    expect(validator.resourceMetadata?.document.scopes_supported).toEqual(['mcp'])
    const send = await listen(express().use(authenticate(validator, { requirement })))
    expect((await send()).challenges[0]?.parameters.scope).toBe('mcp')
  })

  it('MCP-prm-b, MCP-uri-a refuses a resource without issuers, and one that is not a URL', () => {
    const issuer = () => undefined
    const options = { ...fixtureOptions(), audience: undefined }
    expect(() => createValidator({ ...options, issuer, resource: AUD })).toThrow(
      'resource.authorizationServers is required',
    )
    for (const resource of ['mcp.example.com', 'ftp://rs.test/mcp', `${AUD}#mcp`]) {
      expect(() => createValidator({ ...options, resource })).toThrow(/^resource "/)
    }
  })

  it('refuses wrong scopes and options', () => {
    for (const scopes of ['a"b', '', undefined, null, { scopes: 'a' }]) {
      expect(() => toolScopes({ send_mail: scopes as never })).toThrow(
        /^toolScopes\.send_mail must (be|not be empty: it takes) a scope or a list of scopes/,
      )
    }
    expect(() => toolScopes({})).toThrow(/^toolScopes lists no tool, so it would refuse every call/)
    expect(() => toolScopes({}, { otherwise: 'allow' })).not.toThrow()
    for (const table of [undefined, null, [], 'send_mail']) {
      expect(() => toolScopes(table as never)).toThrow(TypeError)
    }
    expect(() => toolScopes({}, { otherwise: 'pass' as never })).toThrow(/'refuse' or 'allow'$/)
    expect(() => toolScopes({}, { other: 'allow' } as object)).toThrow(/no option "other"/)
  })

  it('fails without authenticate before it, whatever the method', async () => {
    const send = await listen(express().use(express.json(), toolScopes({ ping: [] })))
    for (const body of [call('ping'), list]) {
      const headers = { 'content-type': 'application/json' }
      const answer = await send({ method: 'POST', body: JSON.stringify(body), headers })
      expect(answer.status).toBe(500)
      expect(answer.body).toContain('toolScopes() found no authentication')
    }
  })

  it('passes anonymous requests only where nothing is required', async () => {
    const app = express()
    app.use(authenticate(fixtureValidator(), { optional: true }), express.json())
    app.use(toolScopes({ ping: [], send_mail: 'mail:send' }), (request, response) => {
      response.json({ auth: request.auth ?? null })
    })
    const send = await listen(app)
    const post = (name: string) =>
      send({
        method: 'POST',
        body: JSON.stringify(call(name)),
        headers: { 'content-type': 'application/json' },
      })
    expect((await post('ping')).body).toBe('{"auth":null}')
    const refused = await post('send_mail')
    expect(refused.status).toBe(401)
    expect(refused.challenges[0]?.parameters.scope).toBe('mail:send')
    expect((await post('unlisted')).status).toBe(401)
  })

  it('has authorize and accessToken for other routes of the application', async () => {
    const app = express()
    app.use(authenticate(fixtureValidator()))
    app.get('/me', authorize({ scopes: 'profile' }), (request, response) => {
      response.json(accessToken(request).subject)
    })
    const send = await listen(app)
    const get = (scope: string) =>
      send({ headers: { authorization: `Bearer ${t0({ scope })}` } }, '/me')
    expect(await get('profile')).toMatchObject({ status: 200, body: '"user-1"' })
    expect((await get('mcp')).challenges[0]?.parameters.scope).toBe('profile')
  })

  it('MCP-authinfo creates the AuthInfo of the SDK from a token, for servers without Express', async () => {
    const validator = fixtureValidator({ audience: undefined, resource: AUD })
    const accessToken = await validator.validate(t0())
    const { token, expiresAt } = accessToken
    expect(createAuthInfo(accessToken, validator)).toEqual({
      token,
      clientId: 'client-1',
      scopes: ['read:a'],
      expiresAt,
      resource: new URL(AUD),
      extra: { accessToken },
    })
    expect(createAuthInfo(accessToken, fixtureValidator())).not.toHaveProperty('resource')
  })

  it('passes refusals to the error handler with passErrors', async () => {
    const app = express()
    const options = { passErrors: true }
    app.use(authenticate(fixtureValidator(), options), express.json())
    app.use(toolScopes({ send_mail: 'mail:send' }))
    const failures: unknown[] = []
    const fail: express.ErrorRequestHandler = (error, _request, response, _next) => {
      failures.push(error)
      response.status(error.status).end()
    }
    const send = await listen(app.use(fail))
    const headers = { authorization: `Bearer ${t0()}`, 'content-type': 'application/json' }
    const body = JSON.stringify(call('send_mail'))
    expect((await send({ method: 'POST', body, headers })).status).toBe(403)
    expect(failures).toMatchObject([{ code: 'insufficient_scope', scopes: ['mail:send'] }])
    const unlisted = JSON.stringify(call('unlisted'))
    const { status, challenges } = await send({ method: 'POST', body: unlisted, headers })
    expect([status, challenges[0]?.parameters]).toEqual([403, { realm: expect.any(String) }])
    expect(failures[1]).toMatchObject({ code: 'insufficient_scope', scopes: [], body: undefined })
  })
})
