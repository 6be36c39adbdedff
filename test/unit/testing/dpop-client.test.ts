import { decodeJwt, decodeProtectedHeader } from 'jose'
import { createTestIssuer } from 'oauth-resource-server/testing'
import { describe, expect, it } from 'vitest'
import { type ResolvedDpop, resolveDpop } from '../../../src/options/dpop.ts'
import { createDpopVerifier } from '../../../src/proof/dpop-verifier.ts'
import { createDpopClient } from '../../../src/testing/dpop-client.ts'
import { readConfirmation } from '../../../src/token/confirmation.ts'
import { soleIssuer, startTime } from '../../support/dpop.ts'
import { t0 } from '../../support/fixture.ts'

const url = 'https://rs.test/api/p?q=1#f'

const createClient = () => {
  return createDpopClient({ token: async (claims) => t0({ ...claims }), seconds: () => startTime })
}

function verify(token: string, proof: string, method = 'GET') {
  const { jkt = '' } = readConfirmation(decodeJwt(token)) ?? {}
  const options = resolveDpop(true) as ResolvedDpop
  const now = () => startTime * 1000
  const { verify } = createDpopVerifier({ ...options, clockTolerance: 0, now })
  const request = { method, headers: { dpop: proof } }
  return verify({ request, targetUri: 'https://rs.test/api/p', token, jkt, issuer: soleIssuer })
}

describe('a DPoP client of the test kit', () => {
  it('makes proofs that are accepted with its tokens', async () => {
    const client = createClient()
    const token = await client.token({ scope: 'read:x' })
    expect(decodeJwt(token).scope).toBe('read:x')
    await verify(token, await client.proof({ url }))
    await verify(token, await client.proof({ url: new URL(url), method: 'POST', token }), 'POST')
  })

  it('is for the last token unless another one is given', async () => {
    const client = createClient()
    const first = await client.token()
    const last = await client.token()
    await verify(last, await client.proof({ url }))
    await verify(first, await client.proof({ url, token: first }))
    const wrong = verify(first, await client.proof({ url }))
    await expect(wrong).rejects.toMatchObject({ reason: 'wrong_token' })
  })

  it('has a key of its own', async () => {
    const token = await createClient().token()
    const proof = await createClient().proof({ url, token })
    await expect(verify(token, proof)).rejects.toMatchObject({ reason: 'binding_mismatch' })
  })

  it('makes the proofs that a test needs changed', async () => {
    const client = createClient()
    await client.token()
    const change = { nonce: 'n', claims: { iat: 1, jti: undefined }, header: { typ: 'JWT' } }
    const proof = await client.proof({ url, ...change })
    expect(decodeJwt(proof)).toMatchObject({ nonce: 'n', iat: 1, htu: 'https://rs.test/api/p' })
    expect(decodeJwt(proof)).not.toHaveProperty('jti')
    expect(decodeProtectedHeader(proof)).toMatchObject({ typ: 'JWT', alg: 'ES256' })
  })

  it('belongs to a test issuer, whose clock its proofs follow', async () => {
    await using issuer = await createTestIssuer({ now: () => startTime * 1000 })
    const client = issuer.dpopClient()
    const token = await client.token({ scope: 'read:x' })
    expect(decodeJwt(token)).toMatchObject({ iss: issuer.issuer, scope: 'read:x' })
    await verify(token, await client.proof({ url }))
    issuer.clock.advance(3_600)
    expect(decodeJwt(await client.proof({ url })).iat).toBe(startTime + 3_600)
  })

  it('throws without an absolute URL and without a token', async () => {
    await expect(createClient().proof({ url, token: undefined })).rejects.toThrow(
      new TypeError('proof takes a token: token() has created none yet'),
    )
    await expect(createClient().proof({ url: '/p', token: 'x' })).rejects.toThrow(/absolute url/)
  })
})
