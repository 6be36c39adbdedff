/** Encrypted tokens in the cache, of several issuers, and of issuers that a function finds. */
import { createValidator, type IssuerOptions, type ValidatorEvent } from 'oauth-resource-server'
import { createTestIssuer } from 'oauth-resource-server/testing'
import { describe, expect, it } from 'vitest'
import { encrypt, makeRsaKey } from '../support/encryption.ts'
import { AUD, fixtureOptions, ISS, jwks, signParts, t0 } from '../support/fixture.ts'

const rsa = makeRsaKey({ kid: 'enc' })
const trusted = { issuer: ISS, jwks, decryptionKeys: { keys: [rsa] } }

function createApi(issuer: unknown = trusted) {
  const events: ValidatorEvent[] = []
  const { validate } = createValidator({
    ...fixtureOptions(),
    issuer: issuer as IssuerOptions,
    onEvent: (event) => events.push(event),
  })
  return {
    validate,
    cached: () => events.map((event) => event.type === 'token.accepted' && event.cached),
    outcomeFor: (token: string) =>
      validate(token).then(
        () => 'OK',
        (error) => error.reason,
      ),
  }
}

describe('the cache of encrypted tokens', () => {
  it('has a result of its own for each token, though RSA tokens have the same header', async () => {
    const { validate, cached } = createApi()
    const [first, second] = await Promise.all(
      ['a', 'b'].map((sub) => encrypt(t0({ sub }), rsa, { kid: 'enc' })),
    )
    expect(first?.split('.')[0]).toBe(second?.split('.')[0])
    for (const token of [first, second, first, second]) {
      const { subject, header } = await validate(token as string)
      expect(subject).toBe(token === first ? 'a' : 'b')
      expect(header?.alg).toBe('RS256')
    }
    expect(cached()).toEqual([false, false, true, true])
  })

  it('does not take the header of a JWE for that of a JWT', async () => {
    const { outcomeFor } = createApi()
    const outer = { alg: 'RSA-OAEP-256', enc: 'A256GCM' }
    expect(await outcomeFor(await encrypt(t0(), rsa, outer))).toBe('OK')
    const [, payload = ''] = t0().split('.')
    const claims = Buffer.from(payload, 'base64url').toString()
    expect(await outcomeFor(signParts(JSON.stringify(outer), claims))).toBe('wrong_algorithm')
  })

  it('does not take the header of a JWT for that of a JWE', async () => {
    const { outcomeFor } = createApi([
      { ...trusted, decryptionKeys: undefined },
      { ...trusted, issuer: 'x' },
    ])
    const token = t0()
    expect(await outcomeFor(token)).toBe('OK')
    const [header] = token.split('.')
    expect(await outcomeFor(`${header}.AAAA.AAAA.AAAA.AAAA`)).toBe('malformed')
  })
})

describe('the decryption keys of several issuers', () => {
  const other = { issuer: 'https://other.test', jwks, decryptionKeys: { keys: [makeRsaKey()] } }
  const plain = { issuer: 'https://plain.test', jwks }

  it('decrypt only tokens of their own issuer', async () => {
    const { outcomeFor } = createApi([trusted, other, plain])
    expect(await outcomeFor(await encrypt(t0(), rsa))).toBe('OK')
    const own = other.decryptionKeys.keys[0] as typeof rsa
    expect(await outcomeFor(await encrypt(t0({ iss: other.issuer }), own))).toBe('OK')
    expect(await outcomeFor(await encrypt(t0({ iss: other.issuer }), rsa))).toBe('wrong_issuer')
    expect(await outcomeFor(await encrypt(t0({ iss: plain.issuer }), rsa))).toBe('wrong_issuer')
    expect(await outcomeFor(t0({ iss: plain.issuer }))).toBe('OK')
    expect(await outcomeFor(t0())).toBe('not_encrypted')
  })

  it('are found by the outer iss where a function finds the issuers', async () => {
    const asked: string[] = []
    const known = new Map<string, IssuerOptions>([trusted, other, plain].map((i) => [i.issuer, i]))
    const { outcomeFor } = createApi((iss: string) => {
      asked.push(iss)
      return known.get(iss)
    })
    expect(await outcomeFor(await encrypt(t0(), rsa))).toBe('encrypted')
    expect(asked).toEqual([])
    expect(await outcomeFor(await encrypt(t0(), rsa, { iss: ISS }))).toBe('OK')
    expect(await outcomeFor(await encrypt(t0(), rsa, { iss: other.issuer }))).toBe(
      'decryption_failed',
    )
    expect(await outcomeFor(await encrypt(t0(), rsa, { iss: plain.issuer }))).toBe('encrypted')
    expect(await outcomeFor(await encrypt(t0(), rsa, { iss: 'https://x.test' }))).toBe(
      'wrong_issuer',
    )
    expect(await outcomeFor(await encrypt(t0({ iss: other.issuer }), rsa, { iss: ISS }))).toBe(
      'wrong_issuer',
    )
    expect(asked).toEqual([ISS, other.issuer, plain.issuer, 'https://x.test'])
    expect(await outcomeFor(t0())).toBe('not_encrypted')
  })

  it('may be rotated: the token names its key', async () => {
    const next = makeRsaKey({ kid: 'next' })
    const { outcomeFor } = createApi({ ...trusted, decryptionKeys: { keys: [next, rsa] } })
    expect(await outcomeFor(await encrypt(t0(), rsa, { kid: 'enc' }))).toBe('OK')
    expect(await outcomeFor(await encrypt(t0(), next, { kid: 'next' }))).toBe('OK')
    expect(await outcomeFor(await encrypt(t0(), rsa, { kid: 'gone' }))).toBe('decryption_failed')
  })

  it('are those of the test kit', async () => {
    await using issuer = await createTestIssuer({ audience: AUD })
    const { decryptionKeys } = issuer
    const { outcomeFor, validate } = createApi({ issuer: issuer.issuer, decryptionKeys })
    const token = await issuer.encryptedToken({ scope: 'read' })
    expect((await validate(token)).scopes).toEqual(['read'])
    expect(await outcomeFor(await issuer.token())).toBe('not_encrypted')
  })
})
