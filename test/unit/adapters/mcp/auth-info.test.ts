import type { AccessToken } from 'oauth-resource-server'
import { authenticate, createAuthInfo } from 'oauth-resource-server/mcp'
import { describe, expect, it } from 'vitest'
import { AUD, fixtureValidator, t0 } from '../../../support/fixture.ts'

const token = { token: 'a.b.c', scopes: ['read:a'], expiresAt: 9 } as never as AccessToken

describe('the AuthInfo of the MCP SDK', () => {
  it('has an empty client id if the token names no client', () => {
    expect(createAuthInfo(token, {})).toEqual({
      token: 'a.b.c',
      clientId: '',
      scopes: ['read:a'],
      expiresAt: 9,
      extra: { accessToken: token },
    })
  })

  it('has the resource of the validator, if that is text', () => {
    const infoOf = (resource: unknown) =>
      createAuthInfo(token, { resourceMetadata: { url: AUD, document: { resource } } as never })
    expect(infoOf(AUD).resource).toEqual(new URL(AUD))
    expect(infoOf(5)).not.toHaveProperty('resource')
  })

  it('replaces what another middleware has put into auth, and is removed by a refusal', async () => {
    const middleware = authenticate(fixtureValidator())
    const run = (request: object) =>
      new Promise((resolve) => {
        middleware(request as never, { headersSent: true } as never, resolve)
      })
    const accepted = { headers: { authorization: `Bearer ${t0()}` }, auth: 'preset' }
    await run(accepted)
    expect(accepted.auth).toMatchObject({ clientId: 'client-1' })
    const refused = { headers: {}, auth: 'preset' }
    await run(refused)
    expect(refused.auth).toBeUndefined()
  })
})
