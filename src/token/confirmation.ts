/**
 * @module Reads the claim `cnf`: which keys a token is bound to. Refuses a token whose binding cannot be
 * verified, because an unverified binding protects nothing.
 *
 * @see {@link https://www.rfc-editor.org/rfc/rfc7800#section-3.1 | RFC 7800, section 3.1}
 */
import { InvalidTokenError } from '../errors.ts'
import { decodeBase64url } from '../internal/base64url.ts'
import { isJsonObject } from '../internal/json-object.ts'
import { getOwn } from '../internal/own-property.ts'
import { printable } from '../internal/printable.ts'
import { type Claims, invalidClaim } from './claim.ts'

/** What a token is bound to; at least one member is set. */
export interface Confirmation {
  /** The thumbprint of the key that signs the DPoP proofs (RFC 9449 §6.1). */
  readonly jkt: string | undefined
  /** The thumbprint of the client certificate (RFC 8705 §3.1). */
  readonly x5tS256: string | undefined
}

/**
 * Reads the claim `cnf`. Ignores unknown confirmation methods if there is a known one.
 *
 * @returns What the token is bound to; `undefined` for a token without the claim.
 * @throws InvalidTokenError with `invalid_claim` if the claim or a thumbprint is malformed, and with
 * `unsupported_binding` if there is no known method.
 */
export function readConfirmation(claims: Claims): Confirmation | undefined {
  if (!Object.hasOwn(claims, 'cnf')) return undefined
  const { cnf } = claims
  if (!isJsonObject(cnf)) {
    throw invalidClaim('cnf', cnf, 'an object')
  }
  const jkt = readThumbprint(cnf as Claims, 'jkt')
  const x5tS256 = readThumbprint(cnf as Claims, 'x5t#S256')
  if (jkt === undefined && x5tS256 === undefined) {
    throw new InvalidTokenError('unsupported_binding', {
      name: 'cnf',
      expected: 'jkt or x5t#S256',
      actual: printable(Object.keys(cnf)),
    })
  }
  return { jkt, x5tS256 }
}

const thumbprintLength = 43

function readThumbprint(cnf: Claims, name: string): string | undefined {
  if (!Object.hasOwn(cnf, name)) return undefined
  const value = getOwn(cnf, name)
  if (
    typeof value !== 'string' ||
    value.length !== thumbprintLength ||
    decodeBase64url(value) === undefined
  ) {
    throw invalidClaim(`cnf.${name}`, value, 'a SHA-256 thumbprint: 43 characters of base64url')
  }
  return value
}
