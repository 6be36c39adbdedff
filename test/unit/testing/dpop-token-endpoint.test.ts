import { calculateJwkThumbprint, decodeJwt, exportJWK, generateKeyPair, SignJWT } from 'jose'
import { createTestIssuer, type TestIssuer } from 'oauth-resource-server/testing'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'

let issuer: TestIssuer
const { privateKey, publicKey } = await generateKeyPair('ES256')
const jwk = await exportJWK(publicKey)

beforeAll(async () => {
  issuer = await createTestIssuer()
})
afterAll(() => issuer.close())

function makeProof({ claims = {}, header = {} }: { claims?: object; header?: object } = {}) {
  const url = issuer.tokenEndpoint
  const iat = Math.floor(Date.now() / 1000)
  return new SignJWT({ jti: 'a', htm: 'POST', htu: url, iat, ...claims })
    .setProtectedHeader({ alg: 'ES256', typ: 'dpop+jwt', jwk, ...header })
    .sign(privateKey)
}

interface TokenBody {
  readonly access_token: string
  readonly token_type?: string
  readonly error?: string
}

async function requestToken(...proofs: string[]) {
  const credentials = { client_id: 'test-client', client_secret: 'test-secret' }
  const response = await fetch(issuer.tokenEndpoint, {
    method: 'POST',
    headers: proofs.map((proof): [string, string] => ['DPoP', proof]),
    body: new URLSearchParams({ grant_type: 'client_credentials', ...credentials }),
  })
  return { status: response.status, body: (await response.json()) as TokenBody }
}

describe('the token endpoint with a DPoP proof', () => {
  it('9449-5 binds the token to the key of the proof', async () => {
    const { status, body } = await requestToken(await makeProof())
    expect(status).toBe(200)
    expect(body.token_type).toBe('DPoP')
    expect(decodeJwt(body.access_token).cnf).toEqual({ jkt: await calculateJwkThumbprint(jwk) })
  })

  it('issues a bearer token without a proof', async () => {
    const { body } = await requestToken()
    expect(body.token_type).toBe('Bearer')
    expect(decodeJwt(body.access_token)).not.toHaveProperty('cnf')
  })

  it('accepts a proof whatever its time, because tests move the clock', async () => {
    expect((await requestToken(await makeProof({ claims: { iat: 1 } }))).status).toBe(200)
  })

  it('9449-5.1 lists the algorithms of proofs in the metadata', async () => {
    const response = await fetch(`${issuer.issuer}/.well-known/oauth-authorization-server`)
    expect(await response.json()).toMatchObject({
      dpop_signing_alg_values_supported: expect.arrayContaining(['ES256', 'RS256', 'Ed25519']),
    })
  })

  it.each<[string, Parameters<typeof makeProof>[0]]>([
    ['for another method', { claims: { htm: 'GET' } }],
    ['for another URL', { claims: { htu: 'https://api.example.com/token' } }],
    ['without jti', { claims: { jti: undefined } }],
    ['of another type', { header: { typ: 'JWT' } }],
  ])('9449-5 refuses a proof %s', async (_, changes) => {
    const { status, body } = await requestToken(await makeProof(changes))
    expect([status, body.error]).toEqual([400, 'invalid_dpop_proof'])
  })

  it('9449-5 refuses a proof that another key signed, text that is no proof, and two proofs', async () => {
    const other = await exportJWK((await generateKeyPair('ES256')).publicKey)
    const proof = await makeProof()
    for (const proofs of [[await makeProof({ header: { jwk: other } })], ['x'], [proof, proof]]) {
      const { status, body } = await requestToken(...proofs)
      expect([status, body.error]).toEqual([400, 'invalid_dpop_proof'])
    }
  })
})
