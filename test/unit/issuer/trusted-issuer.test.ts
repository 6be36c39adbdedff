import { describe, expect, it, vi } from 'vitest'
import { createObserver } from '../../../src/events/observer.ts'
import {
  createTrustedIssuer,
  hasSettings,
  type IssuerEnvironment,
} from '../../../src/issuer/trusted-issuer.ts'
import type { IssuerSettings } from '../../../src/options/issuers.ts'
import { JWKS_URI } from '../../support/checked-validator.ts'
import { ISS, jwks } from '../../support/fixture.ts'
import { read } from '../../support/validator-options.ts'

/** The settings of one issuer with these options. */
function settingsOf(options: object = {}): IssuerSettings {
  const { issuers } = read({ issuer: [{ issuer: ISS, jwksUri: JWKS_URI, ...options }] })
  return (issuers as readonly IssuerSettings[])[0] as IssuerSettings
}

const environment: IssuerEnvironment = {
  ...read(),
  observer: createObserver(),
  fetch: async () => Response.json(jwks),
}
const listed = { verifications: undefined, unverified: undefined }

/** The limits of issuers that a function finds, and their calls. */
function createLimits() {
  const release = vi.fn()
  const unverified = { reserveFetch: vi.fn(() => release), countRequest: vi.fn() }
  return { limits: { verifications: undefined, unverified }, release, ...unverified }
}

describe('an issuer that a function found', () => {
  it('is limited in its fetches and requests until one of its tokens is verified', async () => {
    const { limits, reserveFetch, countRequest, release } = createLimits()
    const issuer = createTrustedIssuer(settingsOf(), environment, limits)
    expect(issuer.status).toEqual({ verified: false })
    await issuer.keys.current()
    expect(reserveFetch.mock.calls).toEqual([[ISS]])
    expect(countRequest).toHaveBeenCalledOnce()
    expect(release).toHaveBeenCalledOnce()
  })

  it('is not limited once one of its tokens is verified', async () => {
    const { limits, reserveFetch, countRequest } = createLimits()
    const issuer = createTrustedIssuer(settingsOf(), environment, limits)
    issuer.status.verified = true
    await issuer.keys.current()
    expect([reserveFetch, countRequest].map(({ mock }) => mock.calls)).toEqual([[], []])
  })

  it('keeps its status if its options change', () => {
    const { limits } = createLimits()
    const before = createTrustedIssuer(settingsOf(), environment, limits)
    const after = createTrustedIssuer(settingsOf({ audience: 'b' }), environment, limits, before)
    expect(after.status).toBe(before.status)
    expect(after.audience).toEqual(['b'])
  })
})

it('an issuer that is listed counts as verified', () => {
  expect(createTrustedIssuer(settingsOf(), environment, listed).status.verified).toBe(true)
})

describe('the keys of an issuer whose options changed', () => {
  const before = createTrustedIssuer(settingsOf(), environment, listed)
  const changed = (options: object) =>
    createTrustedIssuer(settingsOf(options), environment, listed, before)

  it.each([{ audience: 'b' }, { profile: 'jwt' }, { maxTokenAge: 60 }])(
    'are kept if they are from the same source: %j',
    (options) => {
      expect(changed(options).keys).toBe(before.keys)
    },
  )

  it.each([
    { jwksUri: 'https://b.test/jwks' },
    { jwksUri: undefined, jwks },
    { allowInsecureHttp: true },
    { issuer: 'https://b.test' },
  ])('are not kept if they are from another source: %#', (options) => {
    expect(changed(options).keys).not.toBe(before.keys)
  })
})

it('an issuer has the settings that it was created with, and no others', () => {
  const issuer = createTrustedIssuer(settingsOf(), environment, listed)
  expect(hasSettings(issuer, settingsOf())).toBe(true)
  expect(hasSettings(issuer, settingsOf({ audience: 'b' }))).toBe(false)
})
