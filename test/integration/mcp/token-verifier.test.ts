/** `tokenVerifier` in the middleware of the MCP SDK, both versions, over real sockets. */
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import {
  InsufficientScopeError,
  InvalidTokenError,
} from '@modelcontextprotocol/sdk/server/auth/errors.js'
import express, { type RequestHandler } from 'express'
import { createValidator, type Validator } from 'oauth-resource-server'
import { type AuthInfo, tokenVerifier } from 'oauth-resource-server/mcp'
import { describe, expect, it } from 'vitest'
import { refuseToFetch } from '../../support/adapters.ts'
import { AUD, fixtureOptions, fixtureValidator, ISS, t0 } from '../../support/fixture.ts'

type CreateMiddleware = (options: object) => RequestHandler

// Imported by variable, because their types declare `req.auth` differently from `./express`.
const modules = {
  'SDK 1.x': '@modelcontextprotocol/sdk/server/auth/middleware/bearerAuth.js',
  'SDK 2.x': '@modelcontextprotocol/express',
}
const classes = {
  'SDK 1.x': { InvalidTokenError, InsufficientScopeError },
  'SDK 2.x': {},
}

/** Sends a token to a route behind the middleware of the SDK. */
async function send(sdk: keyof typeof modules, validator: Validator, token: string, more = {}) {
  const { requireBearerAuth }: { requireBearerAuth: CreateMiddleware } = await import(modules[sdk])
  const verifier = tokenVerifier(validator, classes[sdk])
  const app = express()
  app.use(requireBearerAuth({ verifier, ...more }), (request, response) => {
    const { extra, ...info } = request.auth as unknown as AuthInfo
    response.json({ ...info, subject: extra.accessToken.subject })
  })
  const server = app.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const response = await fetch(`http://127.0.0.1:${port}/`, {
    headers: { authorization: `Bearer ${token}` },
  })
  server.close()
  const challenge = response.headers.get('www-authenticate')
  return { status: response.status, challenge, body: await response.json() }
}

describe.each(['SDK 1.x', 'SDK 2.x'] as const)('tokenVerifier in %s', (sdk) => {
  it('MCP-authinfo passes a valid token, as the AuthInfo of the SDK', async () => {
    const validator = fixtureValidator({ resource: AUD })
    const token = t0()
    const { status, body } = await send(sdk, validator, token, { expectedResource: new URL(AUD) })
    expect(status).toBe(200)
    expect(body).toMatchObject({
      token,
      clientId: 'client-1',
      scopes: ['read:a'],
      expiresAt: expect.any(Number),
      resource: AUD,
      subject: 'user-1',
    })
  })

  it('MCP-401-a responds with 401 to bad tokens', async () => {
    for (const bad of [t0({ exp: 1 }), t0({ aud: 'other' }), 'abc', t0({ cnf: { jkt: 'x' } })]) {
      const { status, challenge, body } = await send(sdk, fixtureValidator(), bad)
      expect(status).toBe(401)
      expect(challenge).toContain('error="invalid_token"')
      expect(body).toMatchObject({ error: 'invalid_token' })
    }
  })

  it('never responds with 401 in an outage', async () => {
    const validator = createValidator(fixtureOptions({ issuer: ISS, fetch: refuseToFetch }))
    const { status, challenge } = await send(sdk, validator, t0())
    expect([status, challenge]).toEqual([500, null])
  })

  it('never responds with 401 where a function of the application fails', async () => {
    const check = () => Promise.reject(new Error('database'))
    const { status } = await send(sdk, fixtureValidator({ requirement: { check } }), t0())
    expect(status).toBe(500)
  })

  it('responds with 403 to a token without the scope of the validator', async () => {
    const validator = fixtureValidator({ requirement: { scopes: 'c' } })
    const { status, challenge, body } = await send(sdk, validator, t0())
    expect(status).toBe(403)
    expect(challenge).toContain('error="insufficient_scope"')
    expect(body).toMatchObject({ error: 'insufficient_scope' })
  })
})

describe('tokenVerifier', () => {
  it('keeps the refusal as cause', async () => {
    for (const options of Object.values(classes)) {
      const { verifyAccessToken } = tokenVerifier(fixtureValidator(), options)
      await expect(verifyAccessToken(t0({ exp: 1 }))).rejects.toMatchObject({
        cause: { reason: 'expired' },
      })
    }
  })

  it('refuses wrong options', () => {
    for (const validator of [undefined, fixtureOptions()]) {
      expect(() => tokenVerifier(validator as never)).toThrow(/^tokenVerifier takes a validator/)
    }
    const wrong = [
      { InvalidTokenError: 'x' },
      { InsufficientScopeError: 'x' },
      { invalidTokenError: InvalidTokenError },
    ]
    for (const options of wrong) {
      expect(() => tokenVerifier(fixtureValidator(), options as object)).toThrow(/^tokenVerifier/)
    }
  })
})
