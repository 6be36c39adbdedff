import { describe, expect, it } from 'vitest'
import { createApi, JWKS_URI } from '../../support/checked-validator.ts'
import { ISS, jwks, t0 } from '../../support/fixture.ts'

const trusting = (issuer: string) => ({ issuer, jwks })

describe('an issuer that is listed', () => {
  it('is found by its exact name; another name is refused with the expected names', async () => {
    const api = createApi({ issuer: [ISS, trusting('https://b.test')] })
    const { detail } = await api.refuses(t0({ iss: 'https://b.test/' }), 'wrong_issuer')
    expect(detail).toEqual({
      name: 'iss',
      expected: `${ISS} https://b.test`,
      actual: 'https://b.test/',
      hint: expect.stringMatching(/slash at the end/),
    })
    const unknown = await api.refuses(t0({ iss: 'https://c.test' }), 'wrong_issuer')
    expect(unknown.detail).not.toHaveProperty('hint')
  })

  it('has its keys fetched by ready(), like every other listed issuer', async () => {
    const served = { [JWKS_URI]: jwks, 'https://b.test/keys': jwks }
    const issuer = [ISS, 'https://b.test'].map((iss, index) => ({
      issuer: iss,
      jwksUri: Object.keys(served)[index],
    }))
    const { validator, requests, accepts } = createApi({ issuer }, served)
    await validator.ready()
    expect(requests.sort()).toEqual(Object.keys(served).sort())
    await accepts(t0())
    expect(requests).toHaveLength(2)
  })
})
