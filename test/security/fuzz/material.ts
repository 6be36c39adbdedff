/**
 * The parts of inputs: keys, a fixed time, valid claims that contain canaries, and signatures. These are
 * cached, because RSA creates only about a thousand per second.
 */
import { createHash, createHmac, sign } from 'node:crypto'
import type { JWK } from 'jose'
import type { Algorithm } from 'oauth-resource-server'
import {
  AUD,
  ec1,
  ec3,
  ec5,
  ed1,
  ISS,
  makeKey,
  ps1,
  rsa1,
  signBytes,
  type TestKey,
} from '../../support/fixture.ts'

export { AUD, ISS, type TestKey }

/** The time of every test, in seconds since 1970. */
export const NOW = 1_800_000_000

/** Part of every string in a token. No response may contain it. */
export const CANARY = 'c4n4ry'

const ed2 = makeKey('Ed25519', 'ed2')
/** A key that is not in the key set, unless a mutation adds it. */
export const foreignKey: TestKey = makeKey('ES256', 'ec1')

/** The keys of the issuer, those with fast signatures first. */
export const keys: readonly TestKey[] = [ec1, ed1, rsa1, ed2, ps1, ec3, ec5]

/** Keys that sign nothing. */
export const decoys: Readonly<Record<string, readonly JWK[]>> = Object.fromEntries(
  ['ES256', 'EdDSA'].map((alg) => {
    const jwks = Array.from({ length: 12 }, () => makeKey(alg, '').jwk)
    return [jwks[0]?.crv, jwks]
  }),
)

const publicJwks = keys.map(({ jwk }) => jwk)
/** Key sets with all members, without alg and use, and without alg and kid. */
export const keySets = {
  described: { keys: publicJwks },
  bare: { keys: publicJwks.map(({ alg, use, ...jwk }) => jwk) },
  nameless: { keys: publicJwks.map(({ alg, kid, ...jwk }) => jwk) },
} as const satisfies Record<string, { readonly keys: readonly JWK[] }>

export const goodClaims = {
  iss: ISS,
  aud: AUD,
  exp: NOW + 300,
  iat: NOW - 10,
  nbf: NOW - 10,
  sub: `${CANARY}-user`,
  client_id: `${CANARY}-client`,
  jti: `${CANARY}-id`,
  scope: `read ${CANARY}`,
}

export const algorithmsOf: Readonly<Record<string, readonly Algorithm[]>> = {
  RSA: ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512'],
  'P-256': ['ES256'],
  'P-384': ['ES384'],
  'P-521': ['ES512'],
  Ed25519: ['EdDSA', 'Ed25519'],
}

/** The algorithms that a key can sign with. */
export const fitting = ({ jwk }: TestKey): readonly string[] =>
  algorithmsOf[jwk.crv ?? 'RSA'] as readonly Algorithm[]

const made = new Map<string, Buffer>()

export function signatureOf(alg: string, key: TestKey, input: string): Buffer {
  const name = `${alg} ${key.jwk.kid} ${key === foreignKey} ${input}`
  const known = made.get(name)
  if (known !== undefined) return known
  const signature = signBytes(alg, key.privateKey, Buffer.from(input, 'latin1'))
  if (made.size > 5_000) made.clear()
  made.set(name, signature)
  return signature
}

/** Signatures that an attacker may send. */
export const forgeries: Readonly<
  Record<string, (signature: Buffer, key: TestKey, input: string, n: number) => Buffer>
> = {
  'one bit flipped': (signature, _key, _input, n) => {
    const copy = Buffer.from(signature)
    const at = n % Math.max(1, copy.length)
    if (copy.length > 0) copy[at] = (copy[at] as number) ^ (1 << (n % 8))
    return copy
  },
  'one octet less': (signature) => signature.subarray(0, -1),
  'one octet more': (signature) => Buffer.concat([signature, Buffer.alloc(1)]),
  'a zero in front': (signature) => Buffer.concat([Buffer.alloc(1), signature]),
  nothing: () => Buffer.alloc(0),
  zeros: (signature) => Buffer.alloc(signature.length),
  ones: (signature) => Buffer.alloc(signature.length, 0xff),
  'halves exchanged': (signature) =>
    Buffer.concat([
      signature.subarray(signature.length / 2),
      signature.subarray(0, signature.length / 2),
    ]),
  'of another key': (_signature, key, input) =>
    signatureOf(foreignKey.alg, key.alg === 'ES256' ? foreignKey : ec1, input),
  'of another algorithm': (_signature, key, input, n) => {
    const all = fitting(key)
    return signatureOf(all[n % all.length] as string, key, input)
  },
  'of another text': (_signature, key, input) => signatureOf(key.alg, key, `${input} `),
  'in DER': (signature, key, input) =>
    key.jwk.kty === 'EC'
      ? sign(`sha${key.alg.slice(2)}`, Buffer.from(input), key.privateKey)
      : signature,
  'the other root': (signature, key) =>
    key.alg === 'ES256' && signature.length === 64 ? otherRoot(signature) : signature,
  'with the public key as secret': (_signature, key, input) =>
    createHmac('sha256', JSON.stringify(key.jwk)).update(input).digest(),
  'for the exponent 1': (signature, key, input) =>
    key.jwk.kty === 'RSA' ? paddedDigest(input) : signature,
}

/** ECDSA's second valid signature: s becomes n - s. */
function otherRoot(signature: Buffer): Buffer {
  const order = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n
  const s = order - BigInt(`0x${signature.subarray(32).toString('hex')}`)
  if (s < 0n) return signature
  return Buffer.concat([
    signature.subarray(0, 32),
    Buffer.from(s.toString(16).padStart(64, '0'), 'hex'),
  ])
}

/** EMSA-PKCS1-v1_5 of 2048 bits: with e = 1 the padded message is its own signature. */
function paddedDigest(input: string): Buffer {
  const digest = createHash('sha256').update(input).digest()
  const prefix = Buffer.from('003031300d060960864801650304020105000420', 'hex')
  const fill = Buffer.alloc(256 - 2 - prefix.length - digest.length, 0xff)
  return Buffer.concat([Buffer.from([0, 1]), fill, prefix, digest])
}
