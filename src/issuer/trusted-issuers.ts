/** @module Finds trusted issuers: in a list, or with a function of the application. */
import type { ResolvedOptions } from '../options/resolve.ts'
import { createUntrustedIssuerError, readIss } from './iss-claim.ts'
import { createResolvedIssuers } from './resolved-issuers.ts'
import {
  createTrustedIssuer,
  type IssuerEnvironment,
  type TrustedIssuer,
} from './trusted-issuer.ts'
import { createVerificationQueue } from './verify-in-turn.ts'

export interface TrustedIssuers {
  /**
   * Finds the issuer that a token names.
   *
   * @throws InvalidTokenError if `iss` is missing or malformed, or the issuer is not trusted;
   * ServiceUnavailableError if the application's function failed, or too many issuers are being looked up.
   * Also by rejecting.
   */
  readonly findIssuer: (iss: unknown) => TrustedIssuer | Promise<TrustedIssuer>
  /** Records that a token of the issuer was verified. */
  readonly recordVerified: (issuer: TrustedIssuer) => void
  /**
   * Returns the issuers whose keys must be available when the validator is ready. With a list: all of them.
   * With a function: those with a verified token and a result that has not expired.
   */
  readonly inUse: () => Iterable<TrustedIssuer>
}

export function createTrustedIssuers(
  issuers: ResolvedOptions['issuers'],
  environment: IssuerEnvironment,
): TrustedIssuers {
  if (typeof issuers === 'function') return createResolvedIssuers(issuers, environment)
  const limits = {
    verifications: issuers.length > 1 ? createVerificationQueue() : undefined,
    unverified: undefined,
  }
  const issuersByName = new Map(
    issuers.map((settings) => [
      settings.issuer,
      createTrustedIssuer(settings, environment, limits),
    ]),
  )
  const names = [...issuersByName.keys()]
  return {
    findIssuer(iss) {
      // RFC 9068 §4: the issuer must match exactly. Nothing is fetched for any other issuer.
      const issuer = issuersByName.get(readIss(iss))
      if (issuer === undefined) throw createUntrustedIssuerError(iss as string, names)
      return issuer
    },
    recordVerified() {},
    inUse: () => issuersByName.values(),
  }
}
