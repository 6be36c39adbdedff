import { describe, expect, it } from 'vitest'
import {
  type ErrorDetail,
  InvalidTokenError,
  ServiceUnavailableError,
} from '../../../src/errors.ts'
import { QueueFullError } from '../../../src/internal/fair-queue.ts'
import {
  type SignedResponseRules,
  verifySignedResponse,
} from '../../../src/introspection/signed-response.ts'
import { base64url, ISS } from '../../support/fixture.ts'

const now = 1e9

const rules: SignedResponseRules = {
  issuer: ISS,
  audiences: ['rs', 'https://rs.test'],
  algorithms: ['ES256'],
  clockTolerance: 5,
  findKey: async () => 'a key',
}

interface Changes {
  readonly header?: Record<string, unknown>
  readonly claims?: Record<string, unknown>
}

/** A response whose signature only a `findKey` of a test verifies. */
function compose({ header, claims }: Changes = {}): string {
  const parts = [
    { alg: 'ES256', typ: 'token-introspection+jwt', ...header },
    { iss: ISS, aud: 'rs', iat: now, token_introspection: { active: true }, ...claims },
  ]
  return [...parts.map((part) => base64url(JSON.stringify(part))), base64url('signature')].join('.')
}

const verify = (changes: Changes, more: Partial<SignedResponseRules> = {}) =>
  verifySignedResponse(compose(changes), { ...rules, ...more }, now)

describe('a signed response', () => {
  it('has the result in token_introspection, after its signature was verified', async () => {
    const seen: unknown[] = []
    const findKey = (response: unknown) => seen.push(response)
    expect(await verify({ header: { kid: 'k1' } }, { findKey })).toEqual({ active: true })
    const signingInput = compose({ header: { kid: 'k1' } })
      .split('.', 2)
      .join('.')
    expect(seen).toMatchObject([
      { header: { kid: 'k1' }, signingInput, signature: Buffer.from('signature') },
    ])
  })

  it.each<[string, Changes, number?]>([
    ['an iat 60 s ago', { claims: { iat: now - 60 } }],
    ['an iat in 60 s', { claims: { iat: now + 60 } }],
    ['an iat as long ago as clockTolerance', { claims: { iat: now - 90 } }, 90],
    ['an exp just within clockTolerance', { claims: { exp: now - 4.9 } }],
  ])('is accepted with %s', async (_what, changes, clockTolerance = 5) => {
    expect(await verify(changes, { clockTolerance })).toEqual({ active: true })
  })

  it.each<[string, Changes]>([
    ['it uses an extension that is not supported', { header: { crit: ['exp'] } }],
    ['its typ is at+jwt, not token-introspection+jwt', { header: { typ: 'at+jwt' } }],
    ['its typ is object, not token-introspection+jwt', { header: { typ: {} } }],
    [
      'its typ is token-introspection+jwt, not token-introspection+jwt',
      { header: { typ: ['token-introspection+jwt'] } },
    ],
    ['its algorithm RS256 is not accepted', { header: { alg: 'RS256' } }],
    ['its algorithm undefined is not accepted', { header: { alg: undefined } }],
    ['its kid is not a string', { header: { kid: 1 } }],
    ['its iss is https://other.test, not the issuer', { claims: { iss: 'https://other.test' } }],
    ['its iss is undefined, not the issuer', { claims: { iss: undefined } }],
    ['its aud is a b, not rs https://rs.test', { claims: { aud: ['a', 'b'] } }],
    ['its aud is undefined, not rs https://rs.test', { claims: { aud: undefined } }],
    ['it has no iat', { claims: { iat: String(now) } }],
    ['its iat is 999999939, more than 60 s from now', { claims: { iat: now - 61 } }],
    ['its iat is 1000000061, more than 60 s from now', { claims: { iat: now + 61 } }],
    ['it has expired', { claims: { exp: now - 5 } }],
    ['it has expired', { claims: { exp: String(now + 60) } }],
    ['it has expired', { claims: { exp: null } }],
    ['it has no member token_introspection', { claims: { token_introspection: undefined } }],
    ['it has no member token_introspection', { claims: { token_introspection: [] } }],
  ])('is not accepted: %s (%#)', async (problem, changes) => {
    await expect(verify(changes)).rejects.toMatchObject({
      reason: 'invalid_signed_response',
      message: `the signed introspection response is not accepted: ${problem}`,
      dueTo: 'server_or_token',
    })
  })

  const [header, payload, signature] = compose().split('.')

  it.each([
    ['it is not a JWS in the compact serialization', `${header}.${payload}`],
    ['it is not a JWS in the compact serialization', `é.${payload}.${signature}`],
    ['its header is not canonical base64url', `=.${payload}.${signature}`],
    ['its header is not a JSON object', `${base64url('[]')}.${payload}.${signature}`],
    ['its payload is not JSON', `${header}.${base64url('{')}.${signature}`],
    ['its signature is not canonical base64url', `${header}.${payload}.=`],
  ])('is not accepted: %s (%#)', async (problem, text) => {
    await expect(verifySignedResponse(text, rules, now)).rejects.toMatchObject({
      reason: 'invalid_signed_response',
      message: `the signed introspection response is not accepted: ${problem}`,
    })
  })
})

describe('the signature of a response', () => {
  it('is not accepted if no key fits', async () => {
    await expect(verify({}, { findKey: () => undefined })).rejects.toMatchObject({
      reason: 'invalid_signed_response',
      message: expect.stringMatching(/: no key of the issuer fits its header$/),
      dueTo: 'server_or_token',
    })
  })

  const throwing = (error: unknown) => ({
    findKey() {
      throw error
    },
  })

  it('is not accepted if it is not valid', async () => {
    const cause = new InvalidTokenError('bad_signature')
    await expect(verify({}, throwing(cause))).rejects.toMatchObject({
      reason: 'invalid_signed_response',
      message: expect.stringMatching(/: its signature is not valid$/),
      dueTo: 'server_or_token',
      cause,
    })
  })

  it.each<[string, string, unknown, ErrorDetail]>([
    ['the keys are unavailable', 'server', new Error('failed'), { hint: 'check jwksUri' }],
    ['the queue is full', 'own_load', new QueueFullError(), {}],
  ])('cannot be verified if %s', async (_what, dueTo, reason, detail) => {
    const cause = new ServiceUnavailableError('keys', 7, detail, reason)
    await expect(verify({}, throwing(cause))).rejects.toMatchObject({
      reason: 'keys_unavailable',
      message: cause.message,
      hint: detail.hint ?? cause.message,
      retryAfter: 7,
      dueTo,
      cause,
    })
  })

  it('causes no failure of its own if its verification fails unexpectedly', async () => {
    const error = new Error('broken')
    await expect(verify({}, throwing(error))).rejects.toBe(error)
  })
})
