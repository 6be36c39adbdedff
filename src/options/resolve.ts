/**
 * @module Checks the options of a validator and fills in their defaults. Exceptions: the pipeline checks
 * `requirement`, `impliedScopes` and the members of `resource` other than `identifier`; keys/ checks `jwks`.
 */

import type { AccessToken, Requirement } from '../access-token.ts'
import type { ValidatorEvent } from '../events.ts'
import { callbackError, ignoreRejection } from '../internal/callback.ts'
import type { FetchLike } from '../internal/fetch-like.ts'
import { parseUrl } from '../internal/parse-url.ts'
import { allAlgorithms } from '../signature/algorithms.ts'
import { checkFunction, checkList, checkSeconds, day, readOwnOptions } from './checks.ts'
import { type ResolvedDpop, resolveDpop } from './dpop.ts'
import {
  type IssuerDefaults,
  type IssuerSettings,
  type ResolveIssuer,
  readIssuers,
  readRules,
} from './issuers.ts'
import { type ResolvedMtls, resolveMtls } from './mtls.ts'
import { type IdentifiedResource, readResource } from './resource.ts'
import type {
  ImpliedScopes,
  KeyPolicy,
  ResolvedKeyPolicy,
  TokenLocation,
  ValidatorOptions,
} from './types.ts'

/** The options of a validator, checked and complete. */
export interface ResolvedOptions {
  readonly issuers: readonly IssuerSettings[] | ResolveIssuer
  /** Every audience of this API, of the validator and of listed issuers. */
  readonly audiences: readonly string[]
  /** Seconds. */
  readonly clockTolerance: number
  /** Checked and compiled by the pipeline. */
  readonly requirement: Requirement | undefined
  /** Checked and compiled by the pipeline. */
  readonly impliedScopes: ImpliedScopes | undefined
  /** The members other than `identifier` are checked by the pipeline. */
  readonly resource: IdentifiedResource | undefined
  readonly revoked: ((token: AccessToken) => boolean | Promise<boolean>) | undefined
  readonly tokenLocations: readonly TokenLocation[]
  readonly realm: string
  /** `undefined`: DPoP is disabled. */
  readonly dpop: (ResolvedDpop & { readonly publicUrl: string }) | undefined
  /** `undefined`: mutual TLS is disabled. */
  readonly mtls: ResolvedMtls | undefined
  readonly keyPolicy: ResolvedKeyPolicy
  /** 0: no accepted token is cached. */
  readonly maxCachedTokens: number
  readonly fetch: FetchLike
  /** Milliseconds. */
  readonly now: () => number
  readonly onEvent: ((event: ValidatorEvent) => void) | undefined
}

/** Every option of a validator. */
export const optionNames: readonly (keyof ValidatorOptions)[] = [
  'issuer',
  'audience',
  'resource',
  'profile',
  'algorithms',
  'clockTolerance',
  'maxTokenAge',
  'scopeClaim',
  'requirement',
  'impliedScopes',
  'revoked',
  'tokenLocations',
  'realm',
  'publicUrl',
  'dpop',
  'mtls',
  'keys',
  'tokenCache',
  'fetch',
  'now',
  'onEvent',
]

/** The right place of options that are often set in the validator's options by mistake. */
const elsewhere: Readonly<Record<string, string>> = {
  optional: "authenticate's second argument",
  passErrors: "authenticate's second argument",
  jwksUri: 'issuer: { issuer, jwksUri }',
  jwks: 'issuer: { issuer, jwks }',
  allowInsecureHttp: 'issuer: { issuer, allowInsecureHttp }',
  introspection: 'issuer: { issuer, introspection }',
  decryptionKeys: 'issuer: { issuer, decryptionKeys }',
  scopes: 'requirement: { scopes }',
  anyScope: 'requirement: { anyScope }',
  authentication: 'requirement: { authentication }',
  authorizationDetails: 'requirement: { authorizationDetails }',
  check: 'requirement: { check }',
  authorizationServers: 'resource: { identifier, authorizationServers }',
  maxAge: 'keys: { maxAge }',
  staleIfError: 'keys: { staleIfError }',
  timeout: 'keys: { timeout }',
}

/** @throws TypeError that names the first wrong option and what it takes. */
export function resolveOptions(value: ValidatorOptions): ResolvedOptions {
  const options = readOwnOptions<ValidatorOptions>(value, optionNames, 'createValidator', elsewhere)
  const rules = readRules(options, '')
  const resource = readResource(options.resource)
  const audience = rules.audience ?? (resource && Object.freeze([resource.identifier]))
  if (audience === undefined) {
    throw new TypeError(
      'audience is missing: it takes a string, a list of strings, or false, and defaults to resource',
    )
  }
  const defaults: IssuerDefaults = {
    audience,
    profile: rules.profile ?? 'jwt',
    algorithms: rules.algorithms ?? allAlgorithms,
    clockTolerance:
      checkSeconds(options.clockTolerance, 'clockTolerance', { min: 0, max: 300 }) ?? 5,
    maxTokenAge: rules.maxTokenAge,
    scopeClaim: rules.scopeClaim,
  }
  for (const name of ['revoked', 'fetch', 'now', 'onEvent'] as const)
    checkFunction(options[name], name)
  const issuers = readIssuers(options.issuer, defaults, resource?.identifier)
  return {
    issuers,
    audiences: collectAudiences([defaults, ...(typeof issuers === 'function' ? [] : issuers)]),
    clockTolerance: defaults.clockTolerance,
    requirement: options.requirement,
    impliedScopes: options.impliedScopes,
    resource,
    revoked: options.revoked,
    tokenLocations: readLocations(options.tokenLocations),
    realm: readRealm(options.realm, defaults.audience),
    dpop: readDpop(options.dpop, options.publicUrl, resource),
    mtls: resolveMtls(options.mtls),
    keyPolicy: readKeyPolicy(options.keys),
    maxCachedTokens: readMaxCachedTokens(options.tokenCache),
    fetch: options.fetch ?? ((...request) => fetch(...request)),
    now: options.now === undefined ? () => Date.now() : checkedClock(options.now),
    onEvent: options.onEvent,
  }
}

function collectAudiences(rules: readonly IssuerDefaults[]): readonly string[] {
  return [...new Set(rules.flatMap(({ audience }) => audience || []))]
}

/**
 * Wraps a clock. The new clock throws unless the time is a finite number: a comparison with NaN must not decide
 * about a token.
 */
function checkedClock(now: () => number): () => number {
  return () => {
    const time = readClock(now)
    if (typeof time === 'number' && Number.isFinite(time)) return time
    ignoreRejection(time)
    throw new TypeError('now must return the time in milliseconds')
  }
}

function readClock(now: () => unknown): unknown {
  try {
    return now()
  } catch (error) {
    throw callbackError('now', error)
  }
}

function readLocations(locations: ValidatorOptions['tokenLocations']): readonly TokenLocation[] {
  const isLocation = (item: unknown): item is TokenLocation =>
    item === 'header' || item === 'body' || item === 'query'
  const takes = "a list of 'header', 'body' and 'query'"
  const list = checkList(locations, 'tokenLocations', takes, isLocation) ?? ['header']
  return [...new Set(list)]
}

function readRealm(realm: unknown, audience: readonly string[] | false): string {
  // RFC 6750 §3: a challenge must have at least one parameter, so it always has a realm.
  if (realm === undefined)
    return audience ? (audience[0] as string).replace(/[^\x20-\x7e]/g, '?') : 'api'
  if (typeof realm === 'string' && isRealm(realm)) return realm
  throw new TypeError('realm must be a string of printable ASCII characters')
}

function readDpop(
  value: unknown,
  publicUrl: unknown,
  resource: IdentifiedResource | undefined,
): ResolvedOptions['dpop'] {
  const url = checkPublicUrl(publicUrl) ?? (resource && new URL(resource.identifier).origin)
  const dpop = resolveDpop(value)
  if (dpop === undefined) return undefined
  if (url === undefined) {
    throw new TypeError(
      'publicUrl is missing: dpop compares proofs with the base URL that clients use; it defaults to the origin of resource',
    )
  }
  return { ...dpop, publicUrl: url }
}

/** Checks the URL that the URI in a DPoP proof is compared with. */
function checkPublicUrl(value: unknown): string | undefined {
  if (value === undefined) return undefined
  if (typeof value === 'string' && /^https?:\/\/[^\s?#@\\]+$/i.test(value) && parseUrl(value)) {
    return value
  }
  throw new TypeError(
    'publicUrl must be an http or https URL without credentials, query and fragment',
  )
}

function readKeyPolicy(value: KeyPolicy = {}): ResolvedKeyPolicy {
  const keys = readOwnOptions<KeyPolicy>(value, ['maxAge', 'staleIfError', 'timeout'], 'keys')
  return {
    maxAge: checkSeconds(keys.maxAge, 'keys.maxAge', { min: 1, max: day }) ?? 600,
    staleIfError:
      checkSeconds(keys.staleIfError, 'keys.staleIfError', { min: 0, max: 365 * day }) ?? day,
    timeout: checkSeconds(keys.timeout, 'keys.timeout', { min: 0.001, max: 300 }) ?? 5,
  }
}

function readMaxCachedTokens(value: ValidatorOptions['tokenCache'] = {}): number {
  if (value === false) return 0
  const { maxEntries = 10_000 } = readOwnOptions<typeof value>(value, ['maxEntries'], 'tokenCache')
  if (!Number.isInteger(maxEntries) || maxEntries < 1 || maxEntries > 1_000_000) {
    throw new TypeError('tokenCache.maxEntries must be a whole number between 1 and 1000000')
  }
  return maxEntries
}

/** Returns whether a text can be a realm: printable ASCII, and not empty. */
export function isRealm(text: string): boolean {
  return /^[\x20-\x7e]+$/.test(text)
}
