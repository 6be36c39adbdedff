/**
 * @module One trusted issuer: its rules and its keys, which never mix with those of another.
 *
 * @see {@link https://www.rfc-editor.org/rfc/rfc8725#section-3.8 | RFC 8725, section 3.8}
 */
import { isDeepStrictEqual } from 'node:util'
import type { Observer } from '../events.ts'
import type { FetchLike } from '../internal/fetch-like.ts'
import { printable } from '../internal/printable.ts'
import { createJwksClient } from '../keys/jwks-client.ts'
import { createStaticKeySource, type KeySource } from '../keys/key-source.ts'
import { createRemoteKeySource } from '../keys/remote-keys.ts'
import type { IssuerSettings } from '../options/issuers.ts'
import type { ResolvedKeyPolicy } from '../options/types.ts'
import type { VerificationQueue } from '../signature/verification-queue.ts'
import { discover } from './discovery.ts'
import { createLimitedKeySource, type UnverifiedLimits } from './unverified-limits.ts'

/** What is known of an issuer beyond its options. Kept when a function returns other options for it. */
export interface IssuerStatus {
  /** Whether a token of the issuer was verified. A listed issuer counts as verified from the start. */
  verified: boolean
}

export interface TrustedIssuer extends IssuerSettings {
  readonly keys: KeySource
  readonly status: IssuerStatus
  /** `undefined` for a validator with one issuer, which shares the thread pool with no other. */
  readonly verifications: VerificationQueue | undefined
}

/** What the issuers of a validator share. */
export interface IssuerEnvironment {
  readonly keyPolicy: ResolvedKeyPolicy
  readonly fetch: FetchLike
  /** Milliseconds. */
  readonly now: () => number
  readonly observer: Observer
}

/** What the issuers of a validator with several of them share besides. */
export interface SharedLimits {
  readonly verifications: VerificationQueue | undefined
  /** `undefined` where issuers are listed. */
  readonly unverified: UnverifiedLimits | undefined
}

/**
 * @param before The same issuer with other rules: its status is kept, and its keys where they come from
 * the same place.
 * @throws TypeError for a static key set without a usable key.
 */
export function createTrustedIssuer(
  settings: IssuerSettings,
  environment: IssuerEnvironment,
  limits: SharedLimits,
  before?: TrustedIssuer,
): TrustedIssuer {
  const status = before?.status ?? { verified: limits.unverified === undefined }
  const keep = before !== undefined && isDeepStrictEqual(originOf(before), originOf(settings))
  return {
    ...settings,
    keys: keep ? before.keys : createKeySource(settings, environment, status, limits),
    status,
    verifications: limits.verifications,
  }
}

/** Whether an issuer has these settings. */
export function hasSettings(issuer: TrustedIssuer, settings: IssuerSettings): boolean {
  const { keys, status, verifications, ...own } = issuer
  return isDeepStrictEqual(own, settings)
}

function originOf({ issuer, jwksUri, jwks, allowInsecureHttp }: IssuerSettings) {
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
  const isLimited = () => unverified !== undefined && !status.verified
  const client = createJwksClient({
    issuer,
    jwksUri,
    discover: (get) => discover(issuer, allowInsecureHttp, get),
    maxAge: policy.maxAge,
    fetch: (...request) => {
      if (isLimited()) unverified?.countRequest()
      return fetch(...request)
    },
    now,
    observer,
  })
  const shared = { issuer, policy, now, observer }
  if (unverified === undefined) return createRemoteKeySource({ ...shared, client })
  return createLimitedKeySource({ client, issuer, status, limits: unverified }, (limited) =>
    createRemoteKeySource({ ...shared, client: limited }),
  )
}
