/**
 * @module Creates valid tokens, with the changes that the caller makes. Writes the JWS itself, because
 * jose refuses some of the headers that a test needs. Imports no HTTP.
 */
import { randomUUID } from 'node:crypto'
import type { TestClock } from './clock.ts'
import { isSigningAlgorithm, type KeyRing, type SigningKey, signingAlgorithms } from './keys.ts'

/** The `client_id` and `sub` of a token by default. */
export const defaultClientId = 'test-client'

/** The two JSON objects of a token, before they are encoded. */
export interface Draft {
  readonly header: object
  readonly claims: object
}

export interface TokenFactory {
  readonly audience: string
  readonly expiresIn: number
  /** The keys that the issuer publishes. */
  readonly keys: KeyRing
  /** Returns the time of the issuer's clock, in whole seconds. */
  seconds(): number
  /** Returns the header and claims that {@link TokenFactory.token} signs with this key. */
  draft(key: SigningKey, claims: object, header: object): Draft
  /** Creates a token, signed with a key of `signers` (default: `keys`). */
  token(claims?: object, header?: object, signers?: KeyRing): Promise<string>
}

export interface TokenFactoryOptions {
  readonly issuer: string
  readonly audience: string
  readonly expiresIn: number
  readonly keys: KeyRing
  readonly clock: TestClock
}

export function createTokenFactory({ issuer, clock, ...rest }: TokenFactoryOptions): TokenFactory {
  const { audience, expiresIn, keys } = rest
  const seconds = () => Math.floor(clock.now() / 1000)

  function draft(key: SigningKey, claims: object, header: object): Draft {
    const iat = seconds()
    return {
      header: { alg: key.jwk.alg, typ: 'at+jwt', kid: key.kid, ...header },
      // RFC 9068 §2.2: the seven required claims.
      claims: {
        iss: issuer,
        sub: defaultClientId,
        aud: audience,
        client_id: defaultClientId,
        iat,
        exp: iat + expiresIn,
        jti: randomUUID(),
        ...claims,
      },
    }
  }

  async function token(claims: object = {}, header: object = {}, signers = keys): Promise<string> {
    if (typeof claims !== 'object' || typeof header !== 'object') {
      throw new TypeError('token takes objects: claims, and header parameters')
    }
    const key = await selectSigningKey(signers, header)
    const signingInput = encodeDraft(draft(key, claims, header))
    // RFC 7515, appendix A.5: the signature of an unsecured JWS is the empty string.
    const signature = readAlgorithm(header) === 'none' ? '' : await key.sign(signingInput)
    return `${signingInput}.${signature}`
  }

  return { ...rest, seconds, draft, token }
}

/**
 * Selects the key for a header: that of its `alg`, or that of the default algorithm if `alg` is absent or
 * `none`. Rejects with a `TypeError` for an algorithm that a test issuer does not support.
 */
export async function selectSigningKey(keys: KeyRing, header: object): Promise<SigningKey> {
  const algorithm = readAlgorithm(header)
  if (algorithm === undefined || algorithm === 'none') return keys.current()
  if (isSigningAlgorithm(algorithm)) return keys.current(algorithm)
  throw new TypeError(
    `Unsupported header parameter alg: ${JSON.stringify(algorithm)}; a test issuer signs with ${signingAlgorithms.join(', ')} or none`,
  )
}

/** Returns the first two parts of the compact serialization. Members that are `undefined` are left out. */
export function encodeDraft({ header, claims }: Draft): string {
  return `${encode(header)}.${encode(claims)}`
}

export function encode(part: object): string {
  return Buffer.from(JSON.stringify(part)).toString('base64url')
}

function readAlgorithm(header: { alg?: unknown }): unknown {
  return header.alg
}
