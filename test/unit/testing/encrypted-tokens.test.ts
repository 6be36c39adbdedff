import { decodeProtectedHeader } from 'jose'
import { createTestIssuer } from 'oauth-resource-server/testing'
import { afterAll, expect, it } from 'vitest'
import { readDecryptionKeys } from '../../../src/options/decryption-keys.ts'
import { createTokenEncrypter } from '../../../src/testing/encrypted-tokens.ts'
import { decryptToken, validateNestedClaims } from '../../../src/token/jwe.ts'
import { parseCompactJws } from '../../../src/token/jws.ts'

const issuer = await createTestIssuer()
afterAll(() => issuer.close())
const { encryptedToken, decryptionKeys } = createTokenEncrypter((claims) => issuer.token(claims))
const keys = readDecryptionKeys(decryptionKeys, issuer.issuer, 'decryptionKeys') ?? []

it('encrypts a token with the claims of the test, which the private key decrypts', async () => {
  const token = await encryptedToken({ scope: 'read:reports' })
  const decrypted = await decryptToken(token, keys)
  const { claims, header } = parseCompactJws(decrypted.token)
  expect(claims).toMatchObject({ iss: issuer.issuer, scope: 'read:reports' })
  expect(header.typ).toBe('at+jwt')
  expect(() => validateNestedClaims(decrypted, claims)).not.toThrow()
})

it('names the key in the header, and applies the changes that the test passes', async () => {
  const [{ kid, use } = {}] = decryptionKeys.keys
  expect(use).toBe('enc')
  expect(decodeProtectedHeader(await encryptedToken())).toMatchObject({
    alg: 'ECDH-ES+A256KW',
    enc: 'A256GCM',
    typ: 'at+jwt',
    cty: 'JWT',
    kid,
  })
  const header = decodeProtectedHeader(
    await encryptedToken({}, { alg: 'ECDH-ES', enc: 'A128CBC-HS256', kid: undefined }),
  )
  expect(header).toMatchObject({ alg: 'ECDH-ES', enc: 'A128CBC-HS256' })
  expect(header).not.toHaveProperty('kid')
})

it('has a key of its own for each issuer', () => {
  const other = createTokenEncrypter(async () => '')
  expect(other.decryptionKeys.keys[0]?.kid).not.toBe(decryptionKeys.keys[0]?.kid)
})
