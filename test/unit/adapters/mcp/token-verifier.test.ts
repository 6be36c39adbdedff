import { InsufficientScopeError } from 'oauth-resource-server'
import { tokenVerifier } from 'oauth-resource-server/mcp'
import { expect, it } from 'vitest'
import { fixtureValidator, t0 } from '../../../support/fixture.ts'

it('rejects with what SDK 2.x recognises as its OAuthError', async () => {
  const verifier = tokenVerifier(fixtureValidator())
  const error = await verifier.verifyAccessToken(t0({ exp: 1 })).catch((reason) => reason)
  expect(error).toMatchObject({ name: 'OAuthError', code: 'invalid_token' })
  expect(error[Symbol.for('mcp.sdk.errorBrands')]).toEqual(new Set(['mcp.OAuthError']))
  expect(error.toResponseObject()).toEqual({
    error: 'invalid_token',
    error_description: error.message,
  })
  const scoped = tokenVerifier(fixtureValidator({ requirement: { scopes: 'other' } }))
  const refusal = await scoped.verifyAccessToken(t0()).catch((reason) => reason)
  expect(refusal).toMatchObject({ name: 'OAuthError', code: 'insufficient_scope' })
  expect(refusal.cause).toBeInstanceOf(InsufficientScopeError)
})
