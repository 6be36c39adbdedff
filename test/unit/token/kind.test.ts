import { describe, expect, it } from 'vitest'
import { validateKind } from '../../../src/token/kind.ts'
import { createApi } from '../../support/checked-validator.ts'
import { AUD, t0 } from '../../support/fixture.ts'

const errorOf = (claims: Record<string, unknown>) => {
  try {
    validateKind(claims)
  } catch (error) {
    return error
  }
  return undefined
}

describe('the kind that the claims of a token name', () => {
  it('is named in the refusal, with its claim', () => {
    expect(errorOf({ token_use: 'Refresh-Token' })).toMatchObject({
      reason: 'wrong_type',
      detail: {
        name: 'token_use',
        expected: 'an access token',
        actual: 'Refresh-Token',
        hint: 'the client must send its access token instead',
      },
    })
  })

  it.each([
    { typ: 'ID' },
    { typ: 'Refresh' },
    { typ: 'Offline' },
    { typ: 'Serialized-ID' },
    { typ: 'Logout' },
    { token_use: 'id' },
    { token_type: 'refresh' },
    { token_type: 'urn:ietf:params:oauth:token-type:refresh_token' },
    { token_type: 'urn:ietf:params:oauth:token-type:id_token' },
  ])('is refused: %j', (claims) => {
    expect(errorOf(claims)).toMatchObject({ reason: 'wrong_type' })
  })

  it.each([
    {
      typ: 'Bearer',
      token_use: 'access',
      token_type: 'urn:ietf:params:oauth:token-type:access_token',
    },
    { typ: 7 },
    { typ: ['id'] },
    { typ: 'grid' },
    { token_use: 'id_token_hint' },
    { token_use: '' },
  ])('is not refused: %j', (claims) => {
    expect(errorOf(claims)).toBeUndefined()
  })

  it('ISS-cognito ISS-keycloak 9068-4-idt-a is checked for a JWT, if its audience fits or is not checked', async () => {
    for (const audience of [AUD, false] as const) {
      const api = createApi({ audience, profile: 'jwt', realm: 'api' })
      for (const claims of [{ typ: 'ID' }, { typ: 'Refresh' }, { token_use: 'id' }]) {
        await api.refuses(t0(claims), 'wrong_type')
      }
      await api.accepts(t0({ typ: 'Bearer', token_use: 'access' }))
    }
  })

  it('is not read with the profile rfc9068, whose header has named it', async () => {
    await createApi({ profile: 'rfc9068' }).accepts(t0({ token_use: 'id' }))
  })
})
