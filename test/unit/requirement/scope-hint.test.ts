import type { AccessToken } from 'oauth-resource-server'
import { describe, expect, it } from 'vitest'
import { hintForMissingScopes } from '../../../src/requirement/scope-hint.ts'
import { createApi } from '../../support/checked-validator.ts'
import { t0 } from '../../support/fixture.ts'

async function hintFor(claims: Record<string, unknown>, scopeClaim?: string) {
  const { validator } = createApi({ scopeClaim })
  const error = await validator.validate(t0(claims), { scopes: 'read:x' }).catch((reason) => reason)
  expect(error).toMatchObject({ status: 403 })
  return error.detail.hint
}

describe('the hint for a token without scopes', () => {
  it.each([
    [{ scope: undefined, scp: 'read:x' }, 'scp'],
    [{ scope: '', scp: ['read:x'] }, 'scp'],
    [{ scope: {}, scp: ['read:x'] }, 'scp'],
    [{ scope: undefined, permissions: ['read:x'] }, 'permissions'],
    [{ scope: undefined, roles: ['reader'] }, 'roles'],
  ])('names the claim that has scopes: %j', async (claims, name) => {
    expect(await hintFor(claims)).toBe(
      `the token has its scopes in the claim ${name}: see the option scopeClaim`,
    )
  })

  it('names the claim that has a required scope which the token does not grant', async () => {
    expect(await hintFor({ scope: 'openid', permissions: ['read:x'] })).toBe(
      'the claim permissions contains a required scope: see the option scopeClaim',
    )
    expect(await hintFor({ scope: 'openid', scp: 'write:x read:x' })).toBe(
      'the claim scp contains a required scope: see the option scopeClaim',
    )
    expect(await hintFor({ scope: 'openid', permissions: ['write:x'] })).toBeUndefined()
  })

  it('names the claim that has only some of the scopes that are missing', () => {
    const token = { scopes: ['a'], claims: { scope: 'a', roles: ['b'] } } as never as AccessToken
    expect(hintForMissingScopes(token, ['a', 'b', 'c'])).toBe(
      'the claim roles contains a required scope: see the option scopeClaim',
    )
    expect(hintForMissingScopes(token, ['a', 'c'])).toBeUndefined()
  })

  it('names the claim scope if the option names another one', async () => {
    expect(await hintFor({ scope: 'read:x' }, 'scp')).toMatch(/in the claim scope: see the option/)
  })

  it('says that the scope of an introspection response must be a string', () => {
    const introspected = { scopes: [] as string[], claims: { scope: ['read:x'] } } as unknown
    expect(hintForMissingScopes(introspected as AccessToken, ['read:x'])).toBe(
      'the member scope of the introspection response is an array: it must be a string',
    )
  })

  it.each([{ read: true }, 1, true, null])(
    'names the shape of scope and not the option, whose default is scope: %j',
    async (scope) => {
      const hint = 'the claim scope is neither a string nor an array of strings'
      expect(await hintFor({ scope })).toBe(hint)
    },
  )

  it.each([[['read:x write:x']], [[1, null]], [['']]])(
    'names the entries of scope that are not scopes: %j',
    async (scope) => {
      const hint = 'the claim scope has no valid entry: each must be one scope, without spaces'
      expect(await hintFor({ scope })).toBe(hint)
    },
  )

  it('names the shape of the claim that the option names', async () => {
    const hint = await hintFor({ scope: undefined, scp: ['read:x write:x'] }, 'scp')
    expect(hint).toBe('the claim scp has no valid entry: each must be one scope, without spaces')
  })

  it.each([{ scope: undefined }, { scope: '' }, { scope: [] }, { scope: 'read:a' }])(
    'is absent if the claims are as expected: %j',
    async (claims) => {
      expect(await hintFor(claims)).toBeUndefined()
    },
  )
})

it('names commas between scopes', async () => {
  expect(await hintFor({ scope: 'openid read:x,write:x' })).toContain('contains a comma')
  expect(await hintFor({ scope: 'read:x,write:x' })).toBe(
    'a scope of the token contains a comma: scopes are separated by spaces',
  )
})
