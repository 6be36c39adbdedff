/**
 * @module Selects the keys with which the decryption of a token is attempted. Excludes keys that cannot
 * succeed, by the header of the token and the length of its encrypted key.
 */
import { InvalidTokenError } from '../errors.ts'
import type { JsonObject } from '../internal/json-object.ts'
import { limitCost } from '../internal/limit-cost.ts'
import { getOwn } from '../internal/own-property.ts'
import { printable } from '../internal/printable.ts'
import type { DecryptionKey } from '../options/decryption-keys.ts'

/**
 * The maximum sum of {@link DecryptionKey.cost} for one token: 4 keys, or 2 of RSA 4096, P-384 or P-521, or
 * one larger RSA key. Any client can send a token that no key decrypts.
 */
const maxCost = 4

/**
 * Selects the keys that a token may be encrypted to, each once and up to `maxCost`: those with the `kid` of the
 * header first, then those without a `kid`. If the header has no `kid`, all keys with its `alg` are candidates.
 *
 * @throws InvalidTokenError with `decryption_failed` if no key has the `alg`, or if all keys with the `alg`
 * have another `kid`.
 */
export function selectKeys(
  header: JsonObject,
  token: string,
  keys: readonly DecryptionKey[],
): readonly DecryptionKey[] {
  const alg = getOwn(header, 'alg')
  const kid = getOwn(header, 'kid')
  const fitting = keys.filter(({ algorithms }) => algorithms.includes(alg as never))
  if (fitting.length === 0) {
    const expected = [...new Set(keys.flatMap(({ algorithms }) => algorithms))].join(' ')
    throw decryptionFailed({ name: 'alg', expected, actual: printable(alg) })
  }
  const candidates =
    kid === undefined
      ? fitting
      : [
          ...fitting.filter((key) => key.kid === kid),
          ...fitting.filter((key) => key.kid === undefined),
        ]
  if (candidates.length === 0) {
    const hint = 'no decryption key has this kid and fits the algorithm'
    throw decryptionFailed({ hint, ...kidDetail(header) })
  }
  const encryptedKeyBytes = encryptedKeyLength(token)
  const possible = candidates.filter((key) => fitsToken(key, header, encryptedKeyBytes))
  const unique = new Map(possible.map((key) => [key.fingerprint, key]))
  return limitCost([...unique.values()], maxCost, ({ cost }) => cost)
}

/** Returns whether the token can be encrypted to a key, by its curve, modulus length or cipher. */
function fitsToken(
  { curve, modulusBytes, cipher }: DecryptionKey,
  header: JsonObject,
  encryptedKeyBytes: number,
): boolean {
  // RFC 7518 §4.6.1.1: the ephemeral key is on the curve of the recipient's key.
  if (curve !== undefined) {
    const epk = getOwn(header, 'epk')
    return typeof epk === 'object' && epk !== null && getOwn(epk as JsonObject, 'crv') === curve
  }
  // RFC 8017 §7.1.2: the ciphertext is as long as the modulus.
  if (modulusBytes !== undefined) return encryptedKeyBytes === modulusBytes
  return cipher === undefined || getOwn(header, 'enc') === cipher
}

/** Returns the length in octets of the encrypted key, which is the second part. */
function encryptedKeyLength(token: string): number {
  const start = token.indexOf('.') + 1
  return Math.floor(((token.indexOf('.', start) - start) * 3) / 4)
}

export function kidDetail(header: JsonObject): { readonly kid?: string } {
  const kid = getOwn(header, 'kid')
  return kid === undefined ? {} : { kid: printable(kid) }
}

export function decryptionFailed(
  detail: ConstructorParameters<typeof InvalidTokenError>[1],
): InvalidTokenError {
  return new InvalidTokenError('decryption_failed', detail)
}
