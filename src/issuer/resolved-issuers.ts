/**
 * @module Finds issuers with a function of the application. Concurrent requests for an issuer share one
 * call. The results are stored, up to a limit. The `iss` that the function receives is not verified.
 */
import { ServiceUnavailableError } from '../errors.ts'
import { toError } from '../internal/callback.ts'
import { isPrintable } from '../internal/printable.ts'
import { findHttpIssuerProblem } from '../internal/secure-url.ts'
import { withTimeout } from '../internal/timeout.ts'
import type { ResolveIssuer } from '../options/issuers.ts'
import { createUntrustedIssuerError, readIss } from './iss-claim.ts'
import { createIssuerStore, type StoredIssuer } from './issuer-store.ts'
import { createRefusedIssuers, isCurrent } from './refused-issuers.ts'
import {
  createTrustedIssuer,
  hasSettings,
  type IssuerEnvironment,
  type TrustedIssuer,
} from './trusted-issuer.ts'
import type { TrustedIssuers } from './trusted-issuers.ts'
import { createUnverifiedLimits } from './unverified-limits.ts'
import { createVerificationQueue } from './verify-in-turn.ts'

/** In characters. A longer `iss` is refused without a call of the function. */
const maxIssLength = 1_000
/** The maximum number of issuers without a verified token that are looked up at a time. */
const maxPending = 100
/** Seconds for which a result is stored: a trusted issuer, an untrusted one, a failure. */
const trustedAge = 600
const untrustedAge = 60
const failureAge = 1
/** Seconds since its lookup for which a trusted issuer stays usable while the function fails. */
const maxTrustedAge = 2 * trustedAge
/** Seconds after which the function is called again while an issuer stays usable despite its failure. */
const retryAge = 60

const undefinedHint =
  'the function given as issuer returned undefined: compare iss character by character, a slash at its end included'

/** Returns the issuer that was looked up, or throws a new error for each request. */
type GetIssuer = () => TrustedIssuer

export function createResolvedIssuers(
  resolve: ResolveIssuer,
  environment: IssuerEnvironment,
): TrustedIssuers {
  const { keyPolicy, now, observer } = environment
  const seconds = () => now() / 1000
  const limits = {
    verifications: createVerificationQueue(),
    unverified: createUnverifiedLimits(now, observer),
  }
  const store = createIssuerStore()
  const refused = createRefusedIssuers()
  const pending = new Map<string, Promise<GetIssuer>>()
  let unverifiedPending = 0

  async function lookUp(iss: string): Promise<GetIssuer> {
    const askedAt = seconds()
    const before = store.get(iss)
    let issuer: TrustedIssuer | undefined
    try {
      const settings = await withTimeout(resolve(iss), keyPolicy.timeout * 1000, createTimeoutError)
      if (settings !== undefined) {
        const isSame = before !== undefined && hasSettings(before.issuer, settings)
        issuer = isSame
          ? before.issuer
          : createTrustedIssuer(settings, environment, limits, before?.issuer)
      }
    } catch (cause) {
      return keepDespiteFailure(iss, before, toError(cause))
    }
    if (issuer === undefined) {
      store.delete(iss)
      return storeRefusal(iss, untrustedAge, () =>
        createUntrustedIssuerError(iss, [], undefinedHint),
      )
    }
    const trusted = issuer
    refused.delete(iss)
    store.set({ issuer, askedAt, expiresAt: askedAt + trustedAge })
    return () => trusted
  }

  function createTimeoutError(): Error {
    return new Error(`no answer within ${keyPolicy.timeout} s`)
  }

  /** Gets the previous result of a function that failed; an error if there is none, or it is too old. */
  function keepDespiteFailure(
    iss: string,
    before: StoredIssuer | undefined,
    cause: Error,
  ): GetIssuer {
    observer.emit({ type: 'callback.failed', cause })
    const time = seconds()
    if (before !== undefined && time >= before.askedAt && time < before.askedAt + maxTrustedAge) {
      const expiresAt = Math.min(time + retryAge, before.askedAt + maxTrustedAge)
      store.set({ ...before, expiresAt })
      return () => before.issuer
    }
    const detail = { hint: 'the function given as issuer failed' }
    return storeRefusal(
      iss,
      failureAge,
      () => new ServiceUnavailableError('issuer_resolver', failureAge, detail, cause),
    )
  }

  function storeRefusal(iss: string, age: number, createError: () => Error): GetIssuer {
    const askedAt = seconds()
    refused.add(iss, { createError, askedAt, expiresAt: askedAt + age })
    return () => {
      throw createError()
    }
  }

  function startLookup(iss: string, isVerified: boolean): Promise<GetIssuer> {
    // Lookups of issuers without a verified token must not delay lookups of the others.
    if (!isVerified && unverifiedPending >= maxPending) {
      observer.emit({ type: 'issuers.rate_limited', limit: 'resolver_calls' })
      throw new ServiceUnavailableError('issuer_resolver', 1, {
        hint: 'too many issuers are being looked up',
      })
    }
    if (!isVerified) unverifiedPending++
    const lookup = lookUp(iss).finally(() => {
      pending.delete(iss)
      if (!isVerified) unverifiedPending--
    })
    pending.set(iss, lookup)
    return lookup
  }

  return {
    findIssuer(claim) {
      const iss = readIss(claim)
      const stored = store.get(iss)
      const time = seconds()
      if (stored !== undefined && isCurrent(stored, time)) return stored.issuer
      const createError = refused.get(iss, time)
      if (createError !== undefined) throw createError()
      const problem = findIssProblem(iss)
      if (problem !== undefined) throw createUntrustedIssuerError(iss, [], problem)
      const isVerified = stored?.issuer.status.verified === true
      const lookup = pending.get(iss) ?? startLookup(iss, isVerified)
      return lookup.then((getIssuer) => getIssuer())
    },
    recordVerified: store.recordVerified,
    inUse() {
      const time = seconds()
      const current = store.verified().filter((stored) => isCurrent(stored, time))
      return current.map(({ issuer }) => issuer)
    },
  }
}

/**
 * Finds the problem of an `iss` that is too long, that the function could take for another issuer, or that is
 * not safe in a log or a label.
 */
function findIssProblem(iss: string): string | undefined {
  if (iss.length > maxIssLength) return `iss is longer than ${maxIssLength} characters`
  if (!isPrintable(iss)) return 'iss has a character that cannot be printed'
  const problem = findHttpIssuerProblem(iss)
  return problem === undefined ? undefined : `iss ${problem}`
}
