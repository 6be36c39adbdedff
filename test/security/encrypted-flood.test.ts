/** A flood of encrypted tokens that no key decrypts: anyone can send them. */
import { generateKeyPairSync, randomBytes } from 'node:crypto'
import { createValidator } from 'oauth-resource-server'
import { createTestIssuer } from 'oauth-resource-server/testing'
import { describe, expect, it, onTestFinished } from 'vitest'
import { makeCurveKey } from '../support/encryption.ts'
import { base64url } from '../support/fixture.ts'

/** Makes a JWE with a key on a curve for ECDH-ES, and random octets. */
function createForger(crv: string) {
  const { publicKey } = generateKeyPairSync('ec', { namedCurve: crv })
  const epk = publicKey.export({ format: 'jwk' })
  const header = base64url(JSON.stringify({ alg: 'ECDH-ES', enc: 'A256GCM', epk }))
  const random = (bytes: number) => randomBytes(bytes).toString('base64url')
  return () => `${header}..${random(12)}.${random(32)}.${random(16)}`
}

async function createApi(crv: string) {
  const issuer = await createTestIssuer()
  const other = await createTestIssuer()
  onTestFinished(async () => {
    await Promise.all([issuer.close(), other.close()])
  })
  const decryptionKeys = { keys: [makeCurveKey(crv)] }
  const { validate } = createValidator({
    issuer: [{ issuer: issuer.issuer, decryptionKeys }, other.issuer],
    audience: issuer.audience,
  })
  const verdict = (token: string) =>
    validate(token).then(
      () => 'OK',
      (error) => error.reason ?? `${error.service} ${error.status}`,
    )
  return { verdict, other }
}

describe('a flood of encrypted tokens', () => {
  it('is answered with 503 beyond the tokens that may wait', async () => {
    const { verdict } = await createApi('P-256')
    const forge = createForger('P-256')
    const verdicts = await Promise.all(Array.from({ length: 150 }, () => verdict(forge())))
    expect(verdicts.slice(0, 102)).toEqual(Array(102).fill('decryption_failed'))
    expect(verdicts.slice(102)).toEqual(Array(48).fill('keys 503'))
    expect(await verdict(forge())).toBe('decryption_failed')
  })

  it('does not make tokens of other issuers wait for all of it', async () => {
    const { verdict, other } = await createApi('P-521')
    const forge = createForger('P-521')
    const token = await other.token()
    expect(await verdict(await other.token())).toBe('OK')
    let refused = 0
    const flood = Array.from({ length: 100 }, async () => {
      await verdict(forge())
      refused++
    })
    expect(await verdict(token)).toBe('OK')
    expect(refused).toBeLessThan(50)
    await Promise.all(flood)
  })
})
