/**
 * @module Which issuers are trusted: those of a list, or those that a function of the application finds.
 */
import type { ResolvedOptions } from '../options/resolve.ts'
import { createVerificationQueue } from '../signature/verification-queue.ts'
import { createUntrustedIssuerError, readIss } from './iss-claim.ts'
import { createResolvedIssuers } from './resolved-issuers.ts'
import {
  createTrustedIssuer,
  type IssuerEnvironment,
  type TrustedIssuer,
} from './trusted-issuer.ts'

export interface TrustedIssuers {
  /**
   * Finds the issuer that a token names.
   *
   * @throws InvalidTokenError, or rejects with it, for an issuer that is not trusted; rejects with
   * ServiceUnavailableError where the application's function failed.
   */
  readonly find: (iss: unknown) => TrustedIssuer | Promise<TrustedIssuer>
  /** Records that a token of the issuer was verified. */
  readonly recordVerified: (issuer: TrustedIssuer) => void
  /**
   * The issuers whose keys a validator needs to be ready: those of a list, and of those that a function
   * finds the ones with a verified token and an answer that is current.
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
  const known = new Map(
    issuers.map((settings) => [
      settings.issuer,
      createTrustedIssuer(settings, environment, limits),
    ]),
  )
  const names = [...known.keys()]
  return {
    find(iss) {
      // RFC 9068 §4: exactly, code point by code point. Nothing is fetched for any other issuer.
      const issuer = known.get(readIss(iss))
      if (issuer === undefined) throw createUntrustedIssuerError(iss as string, names)
      return issuer
    },
    recordVerified() {},
    inUse: () => known.values(),
  }
}
