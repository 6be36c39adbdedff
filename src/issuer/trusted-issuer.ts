/**
 * @module One trusted issuer: its rules and its keys, which are never used for another issuer.
 *
 * @see {@link https://www.rfc-editor.org/rfc/rfc8725#section-3.8 | RFC 8725, section 3.8}
 */
import { isDeepStrictEqual } from 'node:util'
import type { Observer } from '../events/observer.ts'
import type { FairQueue } from '../internal/fair-queue.ts'
import type { FetchLike } from '../internal/fetch-like.ts'
import { printable } from '../internal/printable.ts'
import { createJwksClient } from '../keys/jwks-client.ts'
import { createStaticKeySource, type KeySource } from '../keys/key-source.ts'
import { createRemoteKeySource, releaseNothing } from '../keys/remote-keys.ts'
import type { IssuerSettings } from '../options/issuers.ts'
import type { ResolvedKeyPolicy } from '../options/types.ts'
import { discover } from './discovery.ts'
import type { UnverifiedLimits } from './unverified-limits.ts'

/** The state of an issuer. Kept when the application's function returns other options for the issuer. */
interface IssuerStatus {
  /** Whether a token was verified since the issuer was stored. A listed issuer always counts as verified. */
  verified: boolean
}

export interface TrustedIssuer extends IssuerSettings {
  readonly keys: KeySource
  readonly status: IssuerStatus
  /** The identifier as logs and errors show it. */
  readonly printableName: string
  /** The queue of signature verifications; `undefined` if only one issuer is listed. */
  readonly verifications: FairQueue | undefined
}

/** What the issuers of a validator share. */
export interface IssuerEnvironment {
  readonly keyPolicy: ResolvedKeyPolicy
  readonly fetch: FetchLike
  /** Milliseconds. */
  readonly now: () => number
  readonly observer: Observer
}

/** The limits that the issuers of a validator share. */
export interface SharedLimits {
  /** `undefined` if only one issuer is listed. */
  readonly verifications: FairQueue | undefined
  /** `undefined` if the issuers are listed. */
  readonly unverified: UnverifiedLimits | undefined
}

/**
 * @param before The same issuer with its previous settings. Its status is kept. Its keys are kept if they
 * are still from the same source.
 * @throws TypeError for a static key set that is not a JWK Set, or has no usable key.
 */
export function createTrustedIssuer(
  settings: IssuerSettings,
  environment: IssuerEnvironment,
  limits: SharedLimits,
  before?: TrustedIssuer,
): TrustedIssuer {
  const status = before?.status ?? { verified: limits.unverified === undefined }
  const keepKeys =
    before !== undefined && isDeepStrictEqual(getKeyOrigin(before), getKeyOrigin(settings))
  return {
    ...settings,
    keys: keepKeys ? before.keys : createKeySource(settings, environment, status, limits),
    status,
    printableName: printable(settings.issuer),
    verifications: limits.verifications,
  }
}

/** Returns whether an issuer has these settings. */
export function hasSettings(issuer: TrustedIssuer, settings: IssuerSettings): boolean {
  const { keys, status, printableName, verifications, ...current } = issuer
  return isDeepStrictEqual(current, settings)
}

function getKeyOrigin({ issuer, jwksUri, jwks, allowInsecureHttp }: IssuerSettings) {
  return { issuer, jwksUri, jwks, allowInsecureHttp }
}

function createKeySource(
  settings: IssuerSettings,
  { keyPolicy: policy, observer, now, fetch }: IssuerEnvironment,
  status: IssuerStatus,
  { unverified }: SharedLimits,
): KeySource {
  const { issuer, jwksUri, jwks, allowInsecureHttp } = settings
  if (jwks !== undefined) return createStaticKeySource(jwks, `jwks of issuer ${printable(issuer)}`)
  // The limits do not apply while the issuer counts as verified.
  const limits = () => (status.verified ? undefined : unverified)
  const client = createJwksClient({
    issuer,
    jwksUri,
    discover: (get) => discover(issuer, allowInsecureHttp, get),
    maxAge: policy.maxAge,
    fetch: (...request) => {
      limits()?.countRequest()
      return fetch(...request)
    },
    now,
    observer,
  })
  const reserveFetch = () => limits()?.reserveFetch(issuer) ?? releaseNothing
  return createRemoteKeySource({ issuer, client, policy, now, observer, reserveFetch })
}
