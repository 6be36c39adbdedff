/**
 * @module A client with a DPoP key: gets tokens that are bound to the key and creates the proofs for
 * requests.
 */

import { createHash, generateKeyPairSync, randomUUID } from 'node:crypto'
import { calculateJwkThumbprint, type JWK, SignJWT } from 'jose'
import { parseUrl } from '../internal/parse-url.ts'

/** The request that a proof is for. */
export interface DpopProofRequest {
  /** @defaultValue `'GET'` */
  readonly method?: string | undefined
  /** The absolute URL as the client sees it. The proof contains it without query and fragment. */
  readonly url: string | URL
  /**
   * The access token of the request.
   *
   * @defaultValue the last one that {@link DpopClient.token} returned
   */
  readonly token?: string | undefined
  /** The value of the last `DPoP-Nonce`. */
  readonly nonce?: string | undefined
  /** Merged into the claims; a member set to `undefined` is left out. */
  readonly claims?: object | undefined
  /** Merged into the header; a member set to `undefined` is left out. */
  readonly header?: object | undefined
}

/** A client with a key of its own. Its functions need no `this`. */
export interface DpopClient {
  /** Creates a token as the issuer's `token` does, bound to the key of this client by `cnf.jkt`. */
  token(claims?: object): Promise<string>
  /**
   * Creates a new proof, for the header field `DPoP`. The request also needs `Authorization: DPoP` and
   * the token.
   *
   * @throws TypeError without an absolute URL, or without a token
   * @see {@link https://www.rfc-editor.org/rfc/rfc9449#section-4.2 | RFC 9449, section 4.2}
   */
  proof(request: DpopProofRequest): Promise<string>
}

export interface DpopClientOptions {
  /** Creates a token with these claims. */
  readonly token: (claims: object) => Promise<string>
  /** Returns the time in whole seconds. */
  readonly seconds: () => number
}

/** Creates a client with a new key, for ES256. */
export function createDpopClient(options: DpopClientOptions): DpopClient {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const jwk = publicKey.export({ format: 'jwk' }) as JWK
  let lastToken: string | undefined

  return {
    async token(claims = {}) {
      const jkt = await calculateJwkThumbprint(jwk)
      lastToken = await options.token({ cnf: { jkt }, ...claims })
      return lastToken
    },
    async proof({ method = 'GET', url, token = lastToken, nonce, claims, header }) {
      const target = parseUrl(String(url))
      if (target === undefined) {
        throw new TypeError(`proof takes an absolute url, not ${String(url)}`)
      }
      if (token === undefined)
        throw new TypeError('proof takes a token: token() has created none yet')
      const { origin, pathname } = target
      const payload = {
        jti: randomUUID(),
        htm: method,
        htu: origin + pathname,
        iat: options.seconds(),
        ath: createHash('sha256').update(token).digest('base64url'),
        nonce,
        ...claims,
      }
      return new SignJWT(payload)
        .setProtectedHeader({ alg: 'ES256', typ: 'dpop+jwt', jwk, ...header })
        .sign(privateKey)
    },
  }
}
