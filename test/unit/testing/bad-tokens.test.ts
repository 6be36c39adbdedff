import { createHmac, createPublicKey } from 'node:crypto'
import { decodeJwt, decodeProtectedHeader } from 'jose'
import { type BadTokenName, badTokenNames } from 'oauth-resource-server/testing'
import { describe, expect, it } from 'vitest'
import {
  epoch,
  issuer,
  publishedKeys,
  publishedKids,
  startIssuerInEachTest,
  verify,
} from '../../support/issuer-in-each-test.ts'

startIssuerInEachTest()

describe('bad tokens', () => {
  const refusals: Record<BadTokenName, object | RegExp | undefined> = {
    expired: { code: 'ERR_JWT_EXPIRED' },
    notYetValid: { code: 'ERR_JWT_CLAIM_VALIDATION_FAILED', claim: 'nbf' },
    wrongAudience: { code: 'ERR_JWT_CLAIM_VALIDATION_FAILED', claim: 'aud' },
    wrongIssuer: { code: 'ERR_JWT_CLAIM_VALIDATION_FAILED', claim: 'iss' },
    tampered: { code: 'ERR_JWS_SIGNATURE_VERIFICATION_FAILED' },
    wrongSignature: { code: 'ERR_JWS_SIGNATURE_VERIFICATION_FAILED' },
    algNone: { code: 'ERR_JOSE_NOT_SUPPORTED' },
    hmacConfusion: { code: 'ERR_JOSE_NOT_SUPPORTED' },
    unknownKey: { code: 'ERR_JWKS_NO_MATCHING_KEY' },
    foreignKey: { code: 'ERR_JWS_SIGNATURE_VERIFICATION_FAILED' },
    idToken: { code: 'ERR_JWT_CLAIM_VALIDATION_FAILED', claim: 'typ' },
    withoutExpiry: { code: 'ERR_JWT_CLAIM_VALIDATION_FAILED', claim: 'exp' },
    malformed: { name: 'JWSInvalid' },
    // Only a resource server that looks at scopes and bindings refuses these.
    withoutScope: undefined,
    certificateBound: undefined,
    dpopBound: undefined,
  }

  it('are all in the list of names', () => {
    expect([...badTokenNames].sort()).toEqual(Object.keys(refusals).sort())
    expect(Object.keys(issuer.tokens)).toEqual(badTokenNames)
  })

  it.each(badTokenNames)('%s has its defect, and only that', async (name) => {
    const refusal = refusals[name]
    const verification = verify(await issuer.tokens[name]())
    if (refusal) await expect(verification).rejects.toMatchObject(refusal)
    else await verification
  })

  it.each(badTokenNames)('%s keeps its defect whatever the test changes', async (name) => {
    const claims = {
      exp: epoch + 9,
      nbf: 1,
      aud: issuer.audience,
      iss: issuer.issuer,
      cnf: 1,
      scope: 'a',
    }
    const kid = (await publishedKids())[0]
    const token = await issuer.tokens[name](
      { ...claims, x: 1 },
      { typ: 'at+jwt', kid, alg: 'ES256' },
    )
    const refusal = refusals[name]
    if (refusal) await expect(verify(token)).rejects.toMatchObject(refusal)
    if (name !== 'malformed') expect(decodeJwt(token)).toMatchObject({ x: 1 })
  })

  it('are right in every other respect', async () => {
    const { tokens } = issuer
    const changes = { jti: 'a', extra: 1 }
    const valid = {
      iss: issuer.issuer,
      sub: 'test-client',
      aud: 'https://api.example.com',
      client_id: 'test-client',
      iat: epoch,
      exp: epoch + 300,
      ...changes,
    }
    const hour = 3600
    const claimsOf = async (name: BadTokenName) => decodeJwt(await tokens[name](changes))
    expect(await claimsOf('expired')).toEqual({
      ...valid,
      iat: epoch - hour - 300,
      exp: epoch - hour,
    })
    expect(await claimsOf('notYetValid')).toEqual({
      ...valid,
      nbf: epoch + hour,
      exp: epoch + hour + 300,
    })
    expect(await claimsOf('wrongAudience')).toEqual({
      ...valid,
      aud: 'https://api.example.com/other',
    })
    expect(await claimsOf('wrongIssuer')).toEqual({
      ...valid,
      iss: 'https://other-issuer.example.com',
    })
    const tampered = await claimsOf('tampered')
    expect(tampered).toEqual({ ...valid, sub: 'somebody-else', jti: expect.any(String) })
    expect(tampered.jti).not.toBe('a')
    const { exp: _, ...withoutExpiry } = valid
    expect(await claimsOf('withoutExpiry')).toEqual(withoutExpiry)
    for (const name of ['algNone', 'foreignKey', 'hmacConfusion', 'unknownKey'] as const) {
      expect(await claimsOf(name)).toEqual(valid)
    }
    expect(decodeProtectedHeader(await tokens.idToken()).typ).toBe('JWT')
    expect(await tokens.malformed()).toBe('not.a.jwt')
  })

  it('wrongSignature differs from a valid token in one bit', async () => {
    const parts = [{ jti: 'a' }, { alg: 'Ed25519' }] as const
    const [good = [], bad = []] = [
      await issuer.token(...parts),
      await issuer.tokens.wrongSignature(...parts),
    ].map((token) => token.split('.'))
    expect(bad.slice(0, 2)).toEqual(good.slice(0, 2))
    const [expected, actual] = [good, bad].map((all) => Buffer.from(all[2] ?? '', 'base64url'))
    expected?.writeUInt8(expected.readUInt8(8) ^ 1, 8)
    expect(actual).toEqual(expected)
  })

  it('hmacConfusion has the HMAC of the public key in PEM', async () => {
    const [jwk = {}] = await publishedKeys()
    const pem = createPublicKey({ key: jwk, format: 'jwk' }).export({ type: 'spki', format: 'pem' })
    const [header, payload, signature] = (await issuer.tokens.hmacConfusion()).split('.')
    const hmac = createHmac('sha256', pem).update(`${header}.${payload}`)
    expect(signature).toBe(hmac.digest('base64url'))
  })

  it('have the defect that only their claims show', async () => {
    const { certificateBound, dpopBound, idToken, withoutScope } = issuer.tokens
    const thumbprint = expect.stringMatching(/^[\w-]{43}$/)
    expect(decodeJwt(await certificateBound()).cnf).toEqual({ 'x5t#S256': thumbprint })
    expect(decodeJwt(await dpopBound()).cnf).toEqual({ jkt: thumbprint })
    expect(decodeJwt(await withoutScope({ scope: 'a' }))).not.toHaveProperty('scope')
    const claims = decodeJwt(await idToken())
    expect(claims).toMatchObject({
      aud: 'test-client',
      auth_time: epoch,
      nonce: expect.any(String),
    })
    expect(claims).not.toHaveProperty('client_id')
  })

  it('algNone ends in a dot, like any token with that algorithm', async () => {
    const { algNone, wrongSignature } = issuer.tokens
    const unsecured = [
      algNone(),
      issuer.token({}, { alg: 'none' }),
      wrongSignature({}, { alg: 'none' }),
    ]
    for (const token of await Promise.all(unsecured)) expect(token).toMatch(/^[\w-]+\.[\w-]+\.$/)
  })

  it('foreignKey and unknownKey use the algorithm of the test', async () => {
    const good = decodeProtectedHeader(await issuer.token({}, { alg: 'EdDSA' }))
    const foreign = await issuer.tokens.foreignKey({}, { alg: 'EdDSA' })
    expect(decodeProtectedHeader(foreign)).toEqual(good)
    await expect(verify(foreign)).rejects.toMatchObject(refusals.foreignKey as object)
    const kids = [1, 2].map(async () => decodeProtectedHeader(await issuer.tokens.unknownKey()).kid)
    expect(new Set(await Promise.all(kids)).size).toBe(2)
    expect(await publishedKids()).toHaveLength(2)
  })
})
