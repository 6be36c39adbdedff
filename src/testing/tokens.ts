/**
 * Mints good tokens, and whatever the caller changes about them. Writes the JWS itself: jose
 * rightly refuses some of the headers that a test needs. Knows nothing of HTTP.
 *
 * @module
 */
import { randomUUID } from 'node:crypto'
import type { TestClock } from './clock.ts'
import { isSigningAlgorithm, type KeyRing, type SigningKey, signingAlgorithms } from './keys.ts'

/** The client that a token is for unless the test says otherwise. */
export const defaultClientId = 'test-client'

/** The two JSON objects of a token, before they are encoded. */
export interface Draft {
  readonly header: object
  readonly claims: object
}

export interface Minter {
  readonly audience: string
  readonly expiresIn: number
  /** The keys that the issuer publishes. */
  readonly keys: KeyRing
  /** Returns the time of the issuer's clock in whole seconds. */
  seconds(): number
  /** Returns what {@link Minter.token} would sign with this key. */
  draft(key: SigningKey, claims: object, header: object): Draft
  /** Mints a token; the signature is from `signers` where that is given. */
  token(claims?: object, header?: object, signers?: KeyRing): Promise<string>
}

export interface MinterOptions {
  readonly issuer: string
  readonly audience: string
  readonly expiresIn: number
  readonly keys: KeyRing
  readonly clock: TestClock
}

export function createMinter({ issuer, clock, ...rest }: MinterOptions): Minter {
  const { audience, expiresIn, keys } = rest
  const seconds = () => Math.floor(clock.now() / 1000)

  function draft(key: SigningKey, claims: object, header: object): Draft {
    const iat = seconds()
    return {
      header: { alg: key.jwk.alg, typ: 'at+jwt', kid: key.kid, ...header },
      // RFC 9068 §2.2: the seven claims that every access token has
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
    const key = await signingKey(signers, header)
    const signingInput = encodeDraft(draft(key, claims, header))
    // RFC 7515, appendix A.5: an unsecured JWS has the empty string for its signature
    const signature = algorithmOf(header) === 'none' ? '' : await key.sign(signingInput)
    return `${signingInput}.${signature}`
  }

  return { ...rest, seconds, draft, token }
}

/**
 * Resolves to the key that signs under this header: the ring's own key where the header names no
 * algorithm or none. Rejects with a `TypeError` for an algorithm that a test issuer does not have.
 */
export async function signingKey(keys: KeyRing, header: object): Promise<SigningKey> {
  const algorithm = algorithmOf(header)
  if (algorithm === undefined || algorithm === 'none') return keys.current()
  if (isSigningAlgorithm(algorithm)) return keys.current(algorithm)
  throw new TypeError(
    `Unsupported header parameter alg: ${JSON.stringify(algorithm)}; a test issuer signs with ${signingAlgorithms.join(', ')} or none`,
  )
}

/** Returns the first two parts of the compact form. Members that are `undefined` are left out. */
export function encodeDraft({ header, claims }: Draft): string {
  return `${encode(header)}.${encode(claims)}`
}

export function encode(part: object): string {
  return Buffer.from(JSON.stringify(part)).toString('base64url')
}

function algorithmOf(header: { alg?: unknown }): unknown {
  return header.alg
}
