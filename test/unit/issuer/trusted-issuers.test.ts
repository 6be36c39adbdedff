import { describe, expect, it } from 'vitest'
import { createObserver } from '../../../src/events/observer.ts'
import type { TrustedIssuer } from '../../../src/issuer/trusted-issuer.ts'
import { createTrustedIssuers } from '../../../src/issuer/trusted-issuers.ts'
import { createApi, JWKS_URI } from '../../support/checked-validator.ts'
import { ISS, jwks, t0 } from '../../support/fixture.ts'
import { read } from '../../support/validator-options.ts'

const trusting = (issuer: string) => ({ issuer, jwks })

describe('an issuer that is listed', () => {
  it.each([
    { count: 1, hasQueue: false },
    { count: 2, hasQueue: true },
  ])('shares a queue of verifications if it is one of several: $count', ({ count, hasQueue }) => {
    const names = [ISS, 'https://b.test'].slice(0, count)
    const { issuers } = read({ issuer: names.map(trusting) })
    const environment = { ...read(), observer: createObserver() }
    const { findIssuer } = createTrustedIssuers(issuers, environment)
    const [first, ...others] = names.map((name) => findIssuer(name) as TrustedIssuer)
    expect(first?.verifications !== undefined).toBe(hasQueue)
    for (const other of others) expect(other.verifications).toBe(first?.verifications)
    expect(first?.status.verified).toBe(true)
  })

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
