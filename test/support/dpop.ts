/** DPoP proofs that are valid except for what a test changes. Signing is by hand, as in the fixture. */
import { createHash, randomUUID } from 'node:crypto'
import { calculateJwkThumbprint, type JWK } from 'jose'
import type { HttpRequest } from 'oauth-resource-server'
import { makeKey, signParts, type TestKey } from './fixture.ts'

/** A public JWK without `kid`, `alg` and `use`, as clients put it into proofs. */
export function bareJwk({ jwk }: TestKey): JWK {
  const { kid, alg, use, ...members } = jwk
  return members
}

export const kc1: TestKey = makeKey('ES256', 'kc1')
export const kc2: TestKey = makeKey('ES256', 'kc2')
export const jkt1: string = await calculateJwkThumbprint(kc1.jwk)

/** The issuer of the token, as a validator with one issuer has it. */
export const soleIssuer = {
  issuer: 'https://as.test',
  status: { verified: true },
  verifications: undefined,
}

export const startTime = 1_800_000_000
export const token = 'eyJ.an-access.token'
const method = 'GET'
export const uri = 'https://rs.test/api/p'

export const ath = (accessToken: string): string =>
  createHash('sha256').update(accessToken).digest('base64url')

type Members = Record<string, unknown>

export function proofClaims(changes: Members = {}): Members {
  return {
    jti: randomUUID(),
    htm: method,
    htu: uri,
    iat: startTime,
    ath: ath(token),
    ...changes,
  }
}

export function proofHeader(changes: Members = {}, key: TestKey = kc1): Members {
  return { typ: 'dpop+jwt', alg: key.alg, jwk: bareJwk(key), ...changes }
}

/** A proof. A member that is changed to `undefined` is left out. */
export function makeProof(claims: Members = {}, header: Members = {}, key: TestKey = kc1): string {
  const payload = JSON.stringify(proofClaims(claims))
  return signParts(JSON.stringify(proofHeader(header, key)), payload, key)
}

export function requestWith(proof?: string, rest: Partial<HttpRequest> = {}): HttpRequest {
  return { method, url: '/api/p', headers: proof === undefined ? {} : { dpop: proof }, ...rest }
}
