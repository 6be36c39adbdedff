/**
 * @module Validates the claim `aud`.
 *
 * @see {@link https://www.rfc-editor.org/rfc/rfc7519#section-4.1.3 | RFC 7519, section 4.1.3}
 */
import { InvalidTokenError } from '../errors.ts'
import { getOwn } from '../internal/own-property.ts'
import { printable, slashHint } from '../internal/printable.ts'
import type { Profile } from '../options/types.ts'
import { type Claims, invalidClaim, missingClaim } from './claim.ts'

export interface AudienceRules {
  /** If `false`, any audience is accepted; with the profile `jwt`, a token without `aud` too. */
  readonly audience: readonly string[] | false
  readonly profile: Profile
}

/** @throws InvalidTokenError */
export function validateAudience(claims: Claims, { audience, profile }: AudienceRules): void {
  const aud = getOwn(claims, 'aud')
  if (aud === undefined) {
    if (audience === false && profile === 'jwt') return
    throw missingClaim('aud')
  }
  if (typeof aud === 'string' && audience !== false && audience.includes(aud)) return
  // RFC 7519 §4.1.3: a string or an array of strings.
  const values = typeof aud === 'string' ? [aud] : aud
  if (!Array.isArray(values) || !values.every((value) => typeof value === 'string')) {
    throw invalidClaim('aud', aud, 'a string or an array of strings')
  }
  if (audience === false || values.some((value) => audience.includes(value))) return
  const hint = findSlashHint(audience, values)
  throw new InvalidTokenError('wrong_audience', {
    name: 'aud',
    expected: printable(audience),
    actual: printable(values),
    ...(hint !== undefined && { hint }),
  })
}

// Compares only the first values, because an unverified token may have thousands.
const maxCompared = 5

function findSlashHint(audience: readonly string[], values: readonly string[]): string | undefined {
  for (const value of values.slice(0, maxCompared)) {
    for (const expected of audience.slice(0, maxCompared)) {
      const hint = slashHint(expected, value)
      if (hint !== undefined) return hint
    }
  }
  return undefined
}
