/** Encrypted tokens, made by jose, and the keys that decrypt them. */
import { generateKeyPairSync, randomBytes } from 'node:crypto'
import { CompactEncrypt, type CompactJWEHeaderParameters, type JWK } from 'jose'

/** Makes a private JWK of an elliptic curve, or of X25519. */
export function makeCurveKey(crv: string, changes: JWK = {}): JWK {
  const { privateKey } =
    crv === 'X25519'
      ? generateKeyPairSync('x25519')
      : generateKeyPairSync('ec', { namedCurve: crv })
  return { ...(privateKey.export({ format: 'jwk' }) as JWK), ...changes }
}

export function makeRsaKey(changes: JWK = {}, modulusLength = 2048): JWK {
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength })
  return { ...(privateKey.export({ format: 'jwk' }) as JWK), ...changes }
}

export function makeSecret(bytes: number, changes: JWK): JWK {
  return { kty: 'oct', k: randomBytes(bytes).toString('base64url'), ...changes }
}

/** Encrypts a text to the public half of a key, or with a secret. */
export function encrypt(
  plaintext: string | Uint8Array,
  key: JWK,
  header: Partial<CompactJWEHeaderParameters> = {},
): Promise<string> {
  const { kty, crv, x, y, n, e, k } = key
  const publicKey = Object.fromEntries(
    Object.entries({ kty, crv, x, y, n, e, k }).filter(([, value]) => value !== undefined),
  ) as JWK
  return new CompactEncrypt(Buffer.from(plaintext))
    .setProtectedHeader({ alg: 'RSA-OAEP-256', enc: 'A256GCM', ...header })
    .encrypt(publicKey)
}
