/**
 * @module Verifies the DPoP proof of a request to the token endpoint. Does not compare its `iat` with the
 * clock, which a test may have moved, and does not record its use. Imports nothing of the validator.
 *
 * @see {@link https://www.rfc-editor.org/rfc/rfc9449#section-5 | RFC 9449, section 5}
 */
import type { IncomingMessage } from 'node:http'
import { calculateJwkThumbprint, EmbeddedJWK, type JWK, jwtVerify } from 'jose'
import { signingAlgorithms } from './keys.ts'
import type { TokenError } from './token-request.ts'

/**
 * Returns the thumbprint of the key that signed the proof; `undefined` for a request without a proof.
 *
 * @param url The URL of the token endpoint.
 */
export async function readDpopProof(
  { method, headersDistinct }: IncomingMessage,
  url: string,
): Promise<string | undefined | TokenError> {
  const [proof, ...others] = headersDistinct.dpop ?? []
  if (proof === undefined) return undefined
  if (others.length > 0) return invalidProof('The request has more than one DPoP proof')
  try {
    const { payload, protectedHeader } = await jwtVerify(proof, EmbeddedJWK, {
      typ: 'dpop+jwt',
      algorithms: [...signingAlgorithms],
      requiredClaims: ['jti', 'htm', 'htu', 'iat'],
    })
    if (payload.htm !== method || payload.htu !== url) {
      return invalidProof('The DPoP proof is for another request')
    }
    return await calculateJwkThumbprint(protectedHeader.jwk as JWK)
  } catch {
    return invalidProof('The DPoP proof is not valid')
  }
}

function invalidProof(description: string): TokenError {
  return { error: 'invalid_dpop_proof', description }
}
