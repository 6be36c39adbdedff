/**
 * The fixture of the requirement tests: one issuer with a key of each type, and access tokens that are
 * valid except for the changes of a test. Tokens are signed here, so that malformed ones can be created.
 */
import { generateKeyPairSync, type KeyObject, randomUUID, sign } from 'node:crypto'
import type { JSONWebKeySet, JWK } from 'jose'
import { createValidator, type ValidatorOptions } from 'oauth-resource-server'

export const ISS = 'https://as.test'
export const AUD = 'https://rs.test/api'

export interface TestKey {
  readonly alg: string
  readonly privateKey: KeyObject
  /** The public JWK, with kid, alg and use. */
  readonly jwk: JWK
}

export function makeKey(alg: string, kid: string, modulusLength = 2048): TestKey {
  const curves: Record<string, string> = { ES256: 'P-256', ES384: 'P-384', ES512: 'P-521' }
  const pair =
    alg === 'EdDSA' || alg === 'Ed25519'
      ? generateKeyPairSync('ed25519')
      : alg in curves
        ? generateKeyPairSync('ec', { namedCurve: curves[alg] as string })
        : generateKeyPairSync('rsa', { modulusLength })
  const jwk = { ...(pair.publicKey.export({ format: 'jwk' }) as JWK), kid, alg, use: 'sig' }
  return { alg, privateKey: pair.privateKey, jwk }
}

export const rsa1: TestKey = makeKey('RS256', 'rsa1')
export const ps1: TestKey = makeKey('PS256', 'ps1')
export const ec1: TestKey = makeKey('ES256', 'ec1')
export const ec3: TestKey = makeKey('ES384', 'ec3')
export const ec5: TestKey = makeKey('ES512', 'ec5')
export const ed1: TestKey = makeKey('EdDSA', 'ed1')

export const jwks: JSONWebKeySet = { keys: [rsa1, ps1, ec1, ec3, ec5, ed1].map(({ jwk }) => jwk) }

/** Creates a signature in the form of JWS. */
export function signBytes(alg: string, key: KeyObject, input: Buffer): Buffer {
  const hash = alg === 'EdDSA' || alg === 'Ed25519' ? null : `sha${alg.slice(2)}`
  const padding = alg.startsWith('PS') ? { padding: 6, saltLength: Number(alg.slice(2)) / 8 } : {}
  return sign(hash, input, { key, dsaEncoding: 'ieee-p1363', ...padding })
}

export const base64url = (part: string | Buffer): string => Buffer.from(part).toString('base64url')

/** Signs a header and a payload unchanged. They need not be JSON. */
export function signParts(
  header: string | Buffer,
  payload: string | Buffer,
  { alg, privateKey }: { alg: string; privateKey: KeyObject } = rsa1,
): string {
  const input = `${base64url(header)}.${base64url(payload)}`
  return `${input}.${base64url(signBytes(alg, privateKey, Buffer.from(input)))}`
}

export const seconds = (): number => Math.floor(Date.now() / 1000)

/** The claims of a valid token with changes. A claim that is `undefined` is left out. */
export function claimsT0(changes: Record<string, unknown> = {}): Record<string, unknown> {
  return {
    iss: ISS,
    sub: 'user-1',
    aud: AUD,
    client_id: 'client-1',
    iat: seconds(),
    exp: seconds() + 300,
    jti: randomUUID(),
    scope: 'read:a',
    ...changes,
  }
}

/** A valid token with changes to claims and header, signed with `key`. */
export function t0(
  claims: Record<string, unknown> = {},
  header: Record<string, unknown> = {},
  key: TestKey = rsa1,
): string {
  const joseHeader = { alg: key.alg, typ: 'at+jwt', kid: key.jwk.kid, ...header }
  return signParts(JSON.stringify(joseHeader), JSON.stringify(claimsT0(claims)), key)
}

/** The options of the fixture: profile rfc9068, configured keys, and the changes of a test. */
export function fixtureOptions(changes: Partial<ValidatorOptions> = {}): ValidatorOptions {
  return { issuer: { issuer: ISS, jwks }, audience: AUD, profile: 'rfc9068', ...changes }
}

export const fixtureValidator = (changes: Partial<ValidatorOptions> = {}) =>
  createValidator(fixtureOptions(changes))
