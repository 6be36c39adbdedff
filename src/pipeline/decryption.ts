/**
 * @module Connects the decryption of tokens with the issuers: whose keys are tried, and which issuers
 * send encrypted tokens only.
 */
import { InvalidTokenError } from '../errors.ts'
import type { TrustedIssuer } from '../issuer/trusted-issuer.ts'
import type { TrustedIssuers } from '../issuer/trusted-issuers.ts'
import type { ResolvedOptions } from '../options/resolve.ts'
import type { Claims } from '../token/claim.ts'
import {
  type DecryptedToken,
  decryptToken,
  isEncrypted,
  readUnverifiedIssuer,
  validateNestedClaims,
} from '../token/jwe.ts'

/** Decrypts a token. Returns `undefined`, without a promise, for a token that is not encrypted. */
export type DecryptToken = (token: string) => Promise<DecryptedToken> | undefined

/** @returns `undefined` where no issuer has decryption keys. */
export function createDecryption(
  settings: ResolvedOptions['issuers'],
  issuers: TrustedIssuers,
): DecryptToken | undefined {
  if (typeof settings === 'function') {
    return (token) => (isEncrypted(token) ? decryptForNamedIssuer(token, issuers) : undefined)
  }
  const keys = settings.flatMap(({ decryptionKeys }) => decryptionKeys ?? [])
  if (keys.length === 0) return undefined
  return (token) => (isEncrypted(token) ? decryptToken(token, keys) : undefined)
}

/**
 * A function finds issuers by name, so the name must be outside the encryption (RFC 7519 §5.3). It only
 * selects the keys: the signed JWT is from the same issuer, or it is refused.
 */
async function decryptForNamedIssuer(
  token: string,
  issuers: TrustedIssuers,
): Promise<DecryptedToken> {
  const iss = readUnverifiedIssuer(token)
  if (iss === undefined) {
    const hint = 'the header of the encrypted token has no iss, by which its issuer could be found'
    throw new InvalidTokenError('encrypted', { hint })
  }
  const { decryptionKeys } = await issuers.find(iss)
  if (decryptionKeys !== undefined) return decryptToken(token, decryptionKeys)
  throw new InvalidTokenError('encrypted', { hint: 'the issuer has no decryptionKeys' })
}

/**
 * Validates that the encryption of a token is the one that its issuer uses.
 *
 * @param decrypted `undefined` for a token that was not encrypted.
 * @throws InvalidTokenError
 */
export function validateEncryption(
  decrypted: DecryptedToken | undefined,
  claims: Claims,
  { decryptionKeys }: TrustedIssuer,
): void {
  if (decrypted !== undefined) {
    validateNestedClaims(decrypted, claims)
  } else if (decryptionKeys !== undefined) {
    // RFC 9068 §4: where encryption was agreed on, a token that is not encrypted should be rejected.
    const hint = 'the issuer has decryptionKeys, so its tokens must be encrypted'
    throw new InvalidTokenError('not_encrypted', { hint })
  }
}
