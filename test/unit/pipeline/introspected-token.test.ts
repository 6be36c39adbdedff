import { describe, expect, it } from 'vitest'
import { resolveOptions } from '../../../src/options/resolve.ts'
import { validateIntrospectedToken } from '../../../src/pipeline/introspected-token.ts'
import { createPipeline } from '../../../src/pipeline/pipeline.ts'
import type { VerificationResult } from '../../../src/pipeline/verification-result.ts'
import { AUD, fixtureOptions, ISS, jwks } from '../../support/fixture.ts'
import { credentials } from '../../support/introspection.ts'

const now = 1e9
const [issuer] = createPipeline(
  resolveOptions(
    fixtureOptions({
      issuer: { issuer: ISS, jwks, introspection: { authentication: credentials } },
    }),
  ),
).opaqueIssuers

const [jkt, otherJkt] = ['A', 'B'].map((letter) => `${letter.repeat(42)}A`)

function validate(response: object, claims?: Record<string, unknown>, maxAge = 20) {
  if (issuer === undefined) throw new Error('no issuer')
  const exp = (claims?.exp as number) ?? now + 300
  const jwt = claims && { subject: claims.sub, clientId: claims.client_id, exp, claims }
  const members = { active: true, aud: AUD, ...response }
  return validateIntrospectedToken(
    members,
    { issuer, maxAge },
    now,
    jwt as unknown as VerificationResult | undefined,
  )
}

describe('a response about a JWT', () => {
  it.each<[string, object, Record<string, unknown>, string]>([
    ['sub', { sub: 'a' }, { sub: 'b' }, 'a'],
    ['client_id', { client_id: 'a' }, { client_id: 'b' }, 'a'],
    ['client_id', { azp: 'a' }, { client_id: 'b' }, 'a'],
    ['cnf', { cnf: { jkt } }, { cnf: { jkt: otherJkt } }, 'object'],
  ])('is refused if its %s is not that of the JWT (%#)', (name, response, claims, actual) => {
    expect(() => validate(response, claims)).toThrow(
      expect.objectContaining({
        reason: 'invalid_claim',
        detail: {
          name,
          expected: 'that of the JWT',
          actual,
          hint: 'the introspection response contradicts the JWT',
        },
      }),
    )
  })

  it.each<[object, Record<string, unknown>]>([
    [{ cnf: { jkt } }, { cnf: { jkt } }],
    [{ cnf: { jkt } }, {}],
    [{}, { cnf: { jkt } }],
  ])('binds the token to the key that either names: %j %j', (response, claims) => {
    expect(validate(response, claims).confirmation).toEqual({ jkt, x5tS256: undefined })
  })

  it('has the members that identify the token from the JWT, and no other', () => {
    const identity = { sub: 'a', client_id: 'b', nbf: now, iat: now, jti: 'c', exp: now + 90 }
    const { claims } = validate({}, { ...identity, scope: 'read:a', acr: 'gold' })
    expect(claims).toEqual({ ...identity, active: true, aud: AUD, iss: ISS })
  })

  it.each([
    [60, { exp: now + 60 }, { exp: now + 90 }],
    [60, { exp: now + 90 }, { exp: now + 60 }],
    [60, {}, { exp: now + 60 }],
  ])('is valid for %i s: %j %j', (seconds, response, claims) => {
    expect(validate(response, claims).expiresAt).toBe(now + seconds)
  })
})

describe('a response about an opaque token without exp', () => {
  it.each([
    [20, 20],
    [20.5, 21],
    [9, 10],
    [0, 10],
  ])('with maxAge %d is valid for %i s', (maxAge, seconds) => {
    expect(validate({}, undefined, maxAge).expiresAt).toBe(now + seconds)
  })
})
