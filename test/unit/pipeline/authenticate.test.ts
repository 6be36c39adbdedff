import { randomUUID } from 'node:crypto'
import {
  type AccessToken,
  createValidator,
  InsufficientScopeError,
  type ValidatorEvent,
} from 'oauth-resource-server'
import { describe, expect, it } from 'vitest'
import { getNextNonce } from '../../../src/pipeline/verified-token.ts'
import { createApi, JWKS_URI, remoteIssuer } from '../../support/checked-validator.ts'
import { ath, jkt1, makeProof, startTime } from '../../support/dpop.ts'
import { AUD, fixtureOptions, fixtureValidator, ISS, jwks, t0 } from '../../support/fixture.ts'

const lifetime = { iat: startTime, exp: startTime + 100_000 }

describe('authenticate, with a function of the application that is asynchronous', () => {
  const later = async <T>(value: T) => value

  it('resolves to the token after revoked and check', async () => {
    const events: ValidatorEvent[] = []
    const { validate } = fixtureValidator({
      revoked: () => later(false),
      requirement: { check: () => later(true) },
      onEvent: (event) => events.push(event),
    })
    const token = t0()
    for (let request = 0; request < 2; request++) {
      expect(await validate(token)).toMatchObject({ token, subject: 'user-1' })
    }
    expect(events).toMatchObject([
      { type: 'token.accepted', cached: false },
      { type: 'token.accepted', cached: true },
    ])
  })

  it('refuses the token if check resolves to false', async () => {
    const { validate } = fixtureValidator({ requirement: { check: () => later(false) } })
    await expect(validate(t0())).rejects.toBeInstanceOf(InsufficientScopeError)
  })

  it('evaluates the requirement after revoked', async () => {
    const { validate } = fixtureValidator({ revoked: () => later(false) })
    await expect(validate(t0(), { scopes: 'write' })).rejects.toBeInstanceOf(InsufficientScopeError)
  })
})

describe('the requirement of a route', () => {
  it('applies besides that of the validator, and the challenge names the scopes of both', async () => {
    const { validate } = fixtureValidator({ requirement: { scopes: 'read:a' } })
    await expect(validate(t0(), { scopes: 'write' })).rejects.toMatchObject({
      scopes: ['read:a', 'write'],
    })
    await expect(validate(t0({ scope: 'write' }), { scopes: 'write' })).rejects.toMatchObject({
      scopes: ['read:a', 'write'],
    })
    await validate(t0({ scope: 'write read:a' }), { scopes: 'write' })
  })
})

describe('authorization details', () => {
  const identifier = 'https://rs.test/resource'
  const resource = { identifier, authorizationServers: [ISS] }
  const requirement = { authorizationDetails: (details: readonly unknown[]) => details.length > 0 }

  it.each([
    { location: AUD, outcome: 'OK' },
    { location: identifier, outcome: 'OK' },
    { location: 'https://other.test', outcome: 403 },
  ])('for $location: $outcome, because locations may name resource or audience', async (row) => {
    const { validate } = createValidator(fixtureOptions({ audience: AUD, resource }))
    const authorization_details = [{ type: 'payment', locations: [row.location] }]
    const outcome = await validate(t0({ authorization_details }), requirement).then(
      () => 'OK',
      ({ status }) => status,
    )
    expect(outcome).toBe(row.outcome)
  })
})

describe('a cached token whose keys have expired', () => {
  it('waits for newer keys, and stays cached if they include its key', async () => {
    let seconds = startTime
    const served: Record<string, unknown> = { [JWKS_URI]: jwks }
    const keys = { maxAge: 600, staleIfError: 0 }
    const now = () => seconds * 1000
    const api = createApi({ issuer: remoteIssuer, keys, now }, served)
    const [token, short] = [t0(lifetime), t0({ ...lifetime, exp: startTime + 600 })]
    await api.accepts(token)
    await api.accepts(short)
    seconds += 601
    api.events.length = 0
    await api.accepts(token)
    expect(api.requests).toEqual([JWKS_URI, JWKS_URI])
    expect(api.events).toContainEqual(
      expect.objectContaining({ type: 'token.accepted', cached: true }),
    )
    seconds += 5
    await api.refuses(short, 'expired')
    served[JWKS_URI] = { keys: jwks.keys.slice(1) }
    seconds += 601
    await api.refuses(token, 'unknown_key')
    // The key set was requested after the token arrived, so it shows that the key was removed.
    expect(api.requests).toHaveLength(3)
  })

  it('is refused if it expires during the wait', async () => {
    let seconds = startTime
    const { validate } = createValidator(
      fixtureOptions({
        issuer: remoteIssuer,
        keys: { maxAge: 600, staleIfError: 0 },
        now: () => seconds * 1000,
        fetch: async () => {
          seconds += 1
          return Response.json(jwks)
        },
      }),
    )
    const token = t0({ ...lifetime, exp: startTime + 601 })
    await validate(token)
    // The fetch ends 6 s after `exp`, of which the tolerance allows 5 s.
    seconds = startTime + 605
    await expect(validate(token)).rejects.toMatchObject({ reason: 'expired' })
  })
})

describe('the access token', () => {
  it('has an audience of its own, whatever tokens came before', async () => {
    const audiences = [AUD, randomUUID(), randomUUID()]
    const { validate } = fixtureValidator({ audience: audiences })
    for (const aud of audiences) expect((await validate(t0({ aud }))).audience).toEqual([aud])
    expect((await validate(t0({ aud: audiences }))).audience).toEqual(audiences)
  })

  it('is frozen, and has only the members that the token has', async () => {
    const { validate } = fixtureValidator({ profile: 'jwt' })
    const token = await validate(t0({ sub: undefined, client_id: undefined }))
    expect(Object.keys(token)).toEqual([
      'issuer',
      'audience',
      'scopes',
      'expiresAt',
      'scheme',
      'proofs',
      'claims',
      'header',
    ])
    expect(token).toSatisfy(Object.isFrozen)
    expect(token.claims).toSatisfy(Object.isFrozen)
  })

  it('has no header if it is opaque', async () => {
    const introspection = {
      authentication: { method: 'none' },
      endpoint: `${ISS}/introspect`,
    } as const
    const { validate } = createValidator(
      fixtureOptions({
        issuer: { issuer: ISS, jwks, introspection },
        fetch: async () => Response.json({ active: true, aud: AUD }),
      }),
    )
    expect(await validate('opaque')).not.toHaveProperty('header')
  })

  it('has the next nonce if that of its proof is about to expire', async () => {
    let seconds = startTime
    const { authenticate } = createValidator(
      fixtureOptions({
        publicUrl: 'https://rs.test',
        dpop: { nonce: { secret: new Uint8Array(32) } },
        now: () => seconds * 1000,
      }),
    )
    const token = t0({ ...lifetime, cnf: { jkt: jkt1 } })
    const present = (nonce?: string): Promise<AccessToken> => {
      const dpop = makeProof({ nonce, ath: ath(token), iat: seconds })
      return authenticate({
        method: 'GET',
        url: '/api/p',
        headers: { authorization: `DPoP ${token}`, dpop },
      })
    }
    const { nonce } = await present().catch((error) => error)
    expect(getNextNonce(await present(nonce))).toBeUndefined()
    seconds += 250
    const next = getNextNonce(await present(nonce))
    expect(next).toMatch(/^[\w-]{48}$/)
    expect(next).not.toBe(nonce)
    expect(getNextNonce(await present(next))).toBeUndefined()
  })
})
