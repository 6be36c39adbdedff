/** Forged tokens of a tenant with keys that are expensive to verify with. */
import { randomBytes } from 'node:crypto'
import {
  createValidator,
  type IssuerOptions,
  type ServiceUnavailableError,
  type Validator,
} from 'oauth-resource-server'
import { describe, expect, it } from 'vitest'
import { AUD, base64url, claimsT0, jwks, rsa1, signParts, t0 } from '../support/fixture.ts'

const expensive = 'https://expensive.test'
const other = 'https://other.test'

/** A random public key of 8192 bits without `kid`. Its private key is unknown. */
function makeLargeKey() {
  const n = randomBytes(1_024)
  n[0] = 0xff
  n[1_023] = (n[1_023] as number) | 1
  return { kty: 'RSA', n: base64url(n), e: 'AQAB' }
}

const largeKeys = Array.from({ length: 10 }, makeLargeKey)
const plainKey = { ...rsa1.jwk, kid: undefined, alg: undefined }

const forged = () => {
  const parts = [{ alg: 'RS256', typ: 'at+jwt' }, claimsT0({ iss: expensive })]
  const signature = randomBytes(1_024)
  signature[0] = 0
  return [...parts.map((part) => base64url(JSON.stringify(part))), base64url(signature)].join('.')
}

const withoutKid = (iss: string) =>
  signParts(JSON.stringify({ alg: 'RS256', typ: 'at+jwt' }), JSON.stringify(claimsT0({ iss })))

const tenants: IssuerOptions[] = [
  { issuer: expensive, jwks: { keys: largeKeys } },
  { issuer: other, jwks },
]

/** Sends forged tokens and one valid token of another tenant at the same time. */
async function race(validator: Validator, count: number) {
  let settled = 0
  const outcomes = Array.from({ length: count }, () =>
    validator.validate(forged()).catch((error: ServiceUnavailableError) => {
      settled++
      return error
    }),
  )
  const { issuer } = await validator.validate(t0({ iss: other }))
  expect(issuer).toBe(other)
  const before = settled
  return { before, errors: (await Promise.all(outcomes)) as ServiceUnavailableError[] }
}

describe('expensive keys of one issuer', () => {
  it.each([
    [3, true],
    [4, false],
  ])(
    'a token without kid is tried with a limited number: %i of 8192 bits and one more',
    async (count, accepted) => {
      const keys = [...largeKeys.slice(0, count), plainKey] as never
      const { validate } = createValidator({
        issuer: { issuer: other, jwks: { keys } },
        audience: AUD,
      })
      const outcome = validate(withoutKid(other))
      if (accepted) await expect(outcome).resolves.toMatchObject({ issuer: other })
      else await expect(outcome).rejects.toMatchObject({ reason: 'bad_signature' })
    },
  )

  it('do not delay a token of another issuer by more than the verifications in progress', async () => {
    const { before, errors } = await race(createValidator({ issuer: tenants, audience: AUD }), 500)
    expect(before).toBeLessThan(20)
    for (const error of errors) expect(error).toMatchObject({ reason: 'bad_signature' })
  })

  it('do not delay a token of another issuer that a function found, for any number of names', async () => {
    const validator = createValidator({
      issuer: (issuer) =>
        issuer === other ? tenants[1] : { issuer, jwks: { keys: largeKeys } as never },
      audience: AUD,
    })
    await validator.validate(t0({ iss: other }))
    const { before } = await race(validator, 90)
    expect(before).toBeLessThan(20)
  })

  it('leave 1,000 of its tokens waiting, and answer further ones with 503, but not tokens of others', async () => {
    const validator = createValidator({ issuer: tenants, audience: AUD })
    const { before, errors } = await race(validator, 1_100)
    const refused = errors.filter((error) => error.status === 503)
    expect(refused.length).toBeGreaterThan(50)
    expect(before - refused.length).toBeLessThan(20)
    expect(refused[0]).toMatchObject({
      service: 'keys',
      retryAfter: 1,
      headers: { 'Retry-After': '1' },
      detail: { issuer: expensive },
    })
  })

  it('a validator with one issuer answers no token with 503', async () => {
    const { validate } = createValidator({ issuer: tenants[0] as IssuerOptions, audience: AUD })
    const statuses = Array.from({ length: 1_100 }, () =>
      validate(forged()).catch(({ status }) => status),
    )
    expect(new Set(await Promise.all(statuses))).toEqual(new Set([401]))
  })
})
