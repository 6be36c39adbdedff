import { once } from 'node:events'
import { request as httpRequest, type IncomingMessage } from 'node:http'
import { json } from 'node:stream/consumers'
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
  readonly error_description?: string
}

// Sends each proof in a line of its own, which fetch would join.
async function requestToken(...proofs: string[]) {
  const credentials = { client_id: 'test-client', client_secret: 'test-secret' }
  const sent = httpRequest(issuer.tokenEndpoint, {
    method: 'POST',
    headers: { 'Content-Type': 'application/x-www-form-urlencoded', DPoP: proofs },
  })
  sent.end(`${new URLSearchParams({ grant_type: 'client_credentials', ...credentials })}`)
  const [response] = (await once(sent, 'response')) as [IncomingMessage]
  return { status: response.statusCode, body: (await json(response)) as TokenBody }
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

  const notValid = 'The DPoP proof is not valid'
  const anotherRequest = 'The DPoP proof is for another request'

  it.each<[string, Parameters<typeof makeProof>[0], string]>([
    ['for another method', { claims: { htm: 'GET' } }, anotherRequest],
    ['for another URL', { claims: { htu: 'https://api.example.com/token' } }, anotherRequest],
    ['without jti', { claims: { jti: undefined } }, notValid],
    ['of another type', { header: { typ: 'JWT' } }, notValid],
  ])('9449-5 refuses a proof %s', async (_, changes, error_description) => {
    const { status, body } = await requestToken(await makeProof(changes))
    expect(status).toBe(400)
    expect(body).toEqual({ error: 'invalid_dpop_proof', error_description })
  })

  it('9449-5 refuses a proof that another key signed, text that is no proof, and two proofs', async () => {
    const other = await exportJWK((await generateKeyPair('ES256')).publicKey)
    const proof = await makeProof()
    const cases: [proofs: string[], description: string][] = [
      [[await makeProof({ header: { jwk: other } })], notValid],
      [['x'], notValid],
      [[proof, proof], 'The request has more than one DPoP proof'],
    ]
    for (const [proofs, error_description] of cases) {
      const { status, body } = await requestToken(...proofs)
      expect(status).toBe(400)
      expect(body).toEqual({ error: 'invalid_dpop_proof', error_description })
    }
  })
})
