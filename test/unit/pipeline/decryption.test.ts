import { generateKeyPairSync, randomBytes } from 'node:crypto'
import type { IssuerOptions, IssuerResolver } from 'oauth-resource-server'
import { describe, expect, it } from 'vitest'
import type { TrustedIssuer } from '../../../src/issuer/trusted-issuer.ts'
import { resolveOptions } from '../../../src/options/resolve.ts'
import { validateEncryption } from '../../../src/pipeline/decryption.ts'
import { createPipeline } from '../../../src/pipeline/pipeline.ts'
import { createApi } from '../../support/checked-validator.ts'
import { encrypt, makeCurveKey, makeRsaKey } from '../../support/encryption.ts'
import { failureOf } from '../../support/failure-of.ts'
import { base64url, fixtureOptions, ISS, jwks, signParts, t0 } from '../../support/fixture.ts'

const rsa = makeRsaKey()
const decryptionKeys = { keys: [rsa] }
const trusted = { issuer: ISS, jwks, decryptionKeys }
const plain = { issuer: 'https://plain.test', jwks }

const decryptOf = (issuer: IssuerOptions | IssuerResolver) =>
  createPipeline(resolveOptions(fixtureOptions({ issuer }))).decrypt

describe('the decryption of a validator', () => {
  it('exists if an issuer has decryption keys, or a function finds the issuers', () => {
    expect(decryptOf(plain)).toBeUndefined()
    expect(decryptOf(trusted)).toBeTypeOf('function')
    expect(decryptOf(() => undefined)).toBeTypeOf('function')
  })

  it('creates no promise for a token that is not encrypted', () => {
    expect(decryptOf(trusted)?.(t0())).toBeUndefined()
    expect(decryptOf(() => trusted)?.(t0())).toBeUndefined()
  })

  it('finds the keys of listed issuers, without a name in the header', async () => {
    const api = createApi({ issuer: [plain, trusted] })
    expect((await api.accepts(await encrypt(t0({ sub: 'a' }), rsa))).subject).toBe('a')
    await api.refuses(await encrypt(t0({ iss: plain.issuer }), rsa), 'wrong_issuer')
    await api.accepts(t0({ iss: plain.issuer }))
  })
})

describe('an encrypted token, where a function finds the issuers', () => {
  const createDynamicApi = () =>
    createApi({ issuer: (iss) => [trusted, plain].find(({ issuer }) => issuer === iss) })

  it('is decrypted with the keys of the issuer that its header names', async () => {
    const token = await encrypt(t0({ sub: 'a' }), rsa, { iss: ISS })
    expect((await createDynamicApi().accepts(token)).subject).toBe('a')
  })

  it.each([
    {
      iss: undefined,
      hint: 'the header of the encrypted token has no iss, by which its issuer could be found',
    },
    { iss: plain.issuer, hint: 'the issuer has no decryptionKeys' },
  ])('is refused if its header names $iss: $hint', async ({ iss, hint }) => {
    const token = await encrypt(t0(), rsa, iss === undefined ? {} : { iss })
    const { detail } = await createDynamicApi().refuses(token, 'encrypted')
    expect(detail).toEqual({ hint })
  })
})

it('an encrypted token and a JWT with the same first part do not share a header', async () => {
  const outer = { alg: 'RSA-OAEP-256', enc: 'A256GCM' }
  const api = createApi({ issuer: trusted })
  expect((await api.accepts(await encrypt(t0(), rsa, outer))).header?.alg).toBe('RS256')
  const [, payload = ''] = t0().split('.')
  const claims = Buffer.from(payload, 'base64url')
  await api.refuses(signParts(JSON.stringify(outer), claims), 'wrong_algorithm')
})

describe('the queue of decryptions', () => {
  /** A token for ECDH-ES that no key decrypts. */
  const { publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const epk = publicKey.export({ format: 'jwk' })
  const header = base64url(JSON.stringify({ alg: 'ECDH-ES', enc: 'A256GCM', epk }))
  const random = (bytes: number) => randomBytes(bytes).toString('base64url')
  const forge = () => `${header}..${random(12)}.${random(32)}.${random(16)}`

  it('has 2 in progress and 100 waiting; further tokens are answered with 503', async () => {
    const { validator } = createApi({
      issuer: { ...trusted, decryptionKeys: { keys: [makeCurveKey('P-256')] } },
    })
    const failure = () => validator.validate(forge()).catch((error) => error)
    const failures = await Promise.all(Array.from({ length: 104 }, failure))
    expect(failures.slice(0, 102).map(({ reason }) => reason)).toEqual(
      Array(102).fill('decryption_failed'),
    )
    for (const error of failures.slice(102)) {
      expect(error).toMatchObject({
        service: 'keys',
        retryAfter: 1,
        detail: { hint: 'too many encrypted tokens wait to be decrypted' },
        cause: { message: 'too many tasks of this owner are waiting' },
      })
    }
    expect(await failure()).toMatchObject({ reason: 'decryption_failed' })
  })
})

describe('validateEncryption', () => {
  const encrypting = { decryptionKeys: [] } as unknown as TrustedIssuer
  const other = { decryptionKeys: undefined } as TrustedIssuer
  const decrypted = { token: '', header: {}, issuers: [ISS] }

  it('refuses a token that is not encrypted if its issuer has decryptionKeys', () => {
    expect(failureOf(() => validateEncryption(undefined, { iss: ISS }, encrypting))).toEqual({
      reason: 'not_encrypted',
      hint: 'the issuer has decryptionKeys, so its tokens must be encrypted',
    })
    expect(failureOf(() => validateEncryption(undefined, { iss: ISS }, other))).toBeUndefined()
  })

  it('refuses a token from an issuer that the decryption key does not belong to', () => {
    expect(failureOf(() => validateEncryption(decrypted, { iss: ISS }, encrypting))).toBeUndefined()
    expect(
      failureOf(() => validateEncryption(decrypted, { iss: plain.issuer }, encrypting)),
    ).toMatchObject({ reason: 'wrong_issuer' })
  })
})
