/**
 * @module The one place that checks options and fills in their defaults. What leaves here is complete
 * and right; nothing after it checks an option again.
 */

import type { TokenLocation } from '../credentials/presented-token.ts'
import { printable } from '../errors.ts'
import type { ValidatorEvent } from '../events.ts'
import type { FetchLike } from '../internal/fetch-like.ts'
import { doubtUrl } from '../internal/secure-url.ts'
import type { IssuerSettings } from '../issuer/trusted-issuer.ts'
import type { KeyLifePolicy } from '../keys/remote-keys.ts'
import { type CompiledRequirement, compileRequirement } from '../requirement/requirement.ts'
import { isRealm } from '../response/challenge.ts'
import { allAlgorithms, isAlgorithm } from '../signature/algorithms.ts'
import type { ScopeClaim } from '../token/scope.ts'
import {
  checkBoolean,
  checkFunction,
  checkList,
  checkNames,
  checkSeconds,
  isFilledString,
} from './checks.ts'
import type { IssuerOptions, KeyPolicy, ValidatorOptions } from './types.ts'

/** The options, checked and complete. */
export interface Settings {
  readonly issuers:
    | readonly IssuerSettings[]
    | ((iss: string) => Promise<IssuerSettings | undefined>)
  readonly requirement: CompiledRequirement | undefined
  readonly tokenLocations: readonly TokenLocation[]
  readonly realm: string
  readonly keyPolicy: KeyLifePolicy
  /** 0: nothing is cached. */
  readonly maxRemembered: number
  readonly fetch: FetchLike
  readonly now: () => number
  readonly onEvent: ((event: ValidatorEvent) => void) | undefined
}

type IssuerDefaults = Omit<IssuerSettings, 'issuer' | 'jwksUri' | 'jwks' | 'allowInsecureHttp'>

const issuerOptionNames = [
  'issuer',
  'jwksUri',
  'jwks',
  'audience',
  'profile',
  'algorithms',
  'scopeClaim',
  'maxTokenAge',
  'allowInsecureHttp',
]

/** Every option of a validator. */
export const optionNames: readonly string[] = [
  'issuer',
  'audience',
  'profile',
  'algorithms',
  'clockTolerance',
  'maxTokenAge',
  'scopeClaim',
  'requirement',
  'tokenLocations',
  'realm',
  'keys',
  'tokenCache',
  'fetch',
  'now',
  'onEvent',
]

/** Where options belong that are often put beside `issuer`. */
const elsewhere: Readonly<Record<string, string>> = {
  optional: "authenticate's second argument",
  passErrors: "authenticate's second argument",
  jwksUri: 'issuer: { issuer, jwksUri }',
  jwks: 'issuer: { issuer, jwks }',
  allowInsecureHttp: 'issuer: { issuer, allowInsecureHttp }',
  scopes: 'requirement: { scopes }',
  anyScope: 'requirement: { anyScope }',
  check: 'requirement: { check }',
  maxAge: 'keys: { maxAge }',
  staleIfError: 'keys: { staleIfError }',
  timeout: 'keys: { timeout }',
}

/** @throws TypeError that names the first wrong option and what it takes. */
export function readOptions(options: ValidatorOptions): Settings {
  checkNames(options, optionNames, 'createValidator', elsewhere)
  const rules = readRules(options, '')
  if (rules.audience === undefined) {
    throw new TypeError('audience is missing: it takes a string, a list of strings, or false')
  }
  const defaults: IssuerDefaults = {
    audience: rules.audience,
    profile: rules.profile ?? 'jwt',
    algorithms: rules.algorithms ?? allAlgorithms,
    clockTolerance:
      checkSeconds(options.clockTolerance, 'clockTolerance', { min: 0, max: 300 }) ?? 5,
    maxTokenAge: rules.maxTokenAge,
    scopeClaim: rules.scopeClaim,
  }
  for (const name of ['fetch', 'now', 'onEvent'] as const) checkFunction(options[name], name)
  const { requirement } = options
  return {
    issuers: readIssuers(options.issuer, defaults),
    requirement:
      requirement === undefined ? undefined : compileRequirement(requirement, 'requirement'),
    tokenLocations: readLocations(options.tokenLocations),
    realm: readRealm(options.realm, defaults.audience),
    keyPolicy: readKeyPolicy(options.keys),
    maxRemembered: readMaxRemembered(options.tokenCache),
    fetch: options.fetch ?? ((...request) => fetch(...request)),
    now: options.now === undefined ? () => Date.now() : checkedClock(options.now),
    onEvent: options.onEvent,
  }
}

/** A clock that is out of order refuses everything, loudly: no comparison with NaN may decide. */
function checkedClock(now: () => number): () => number {
  return () => {
    const time: unknown = now()
    if (typeof time === 'number' && Number.isFinite(time)) return time
    throw new TypeError('now must return the time in milliseconds')
  }
}

/** What a validator and one of its issuers may both set. */
// The largest durations are such that milliseconds, where seconds are meant, are refused.
const day = 86_400

function readRules(options: ValidatorOptions | IssuerOptions, prefix: string) {
  const { audience, profile, scopeClaim } = options
  const audiences: readonly string[] | false | undefined =
    audience === false
      ? audience
      : checkList(
          audience,
          `${prefix}audience`,
          'identifiers that are not empty, or false',
          isFilledString,
        )
  if (profile !== undefined && profile !== 'jwt' && profile !== 'rfc9068') {
    throw new TypeError(`${prefix}profile must be 'jwt' or 'rfc9068'`)
  }
  const algorithms = checkList(
    options.algorithms,
    `${prefix}algorithms`,
    `a list of ${allAlgorithms.join(', ')}`,
    isAlgorithm,
  )
  if (scopeClaim !== undefined && !isFilledString(scopeClaim) && typeof scopeClaim !== 'function') {
    throw new TypeError(`${prefix}scopeClaim must be the name of a claim or a function`)
  }
  const maxTokenAge = checkSeconds(options.maxTokenAge, `${prefix}maxTokenAge`, {
    min: 1,
    max: 31 * day,
  })
  return {
    audience: audiences,
    profile,
    algorithms,
    scopeClaim: scopeClaim as ScopeClaim,
    maxTokenAge,
  }
}

function readIssuers(
  issuer: ValidatorOptions['issuer'],
  defaults: IssuerDefaults,
): Settings['issuers'] {
  if (typeof issuer === 'function') {
    return async (iss) => {
      const options = await issuer(iss)
      if (options === undefined) return undefined
      const settings = readIssuer(options, defaults)
      if (settings.issuer === iss) return settings
      throw new TypeError(
        'issuer, as a function, must answer with options of the issuer it is asked for',
      )
    }
  }
  const list: readonly unknown[] = Array.isArray(issuer) ? issuer : [issuer]
  if (issuer === undefined || list.length === 0) {
    throw new TypeError(
      'issuer is missing: it takes a URL, issuer options, a list of these, or a function',
    )
  }
  const issuers = list.map((item) => readIssuer(item, defaults))
  for (const [index, { issuer: name }] of issuers.entries()) {
    if (issuers.findIndex((other) => other.issuer === name) !== index) {
      throw new TypeError(`issuer ${printable(name)} is listed twice`)
    }
  }
  return issuers
}

function readIssuer(item: unknown, defaults: IssuerDefaults): IssuerSettings {
  const options = (typeof item === 'string' ? { issuer: item } : item) as IssuerOptions
  checkNames(options, issuerOptionNames, 'issuer')
  const { issuer, jwksUri, jwks } = options
  const allowInsecureHttp = checkBoolean(options.allowInsecureHttp, 'issuer.allowInsecureHttp')
  // RFC 8414 §2: an https URL without query and fragment.
  const doubt = doubtUrl(issuer, allowInsecureHttp) ?? (issuer.includes('?') && 'has a query')
  if (doubt) throw new TypeError(`issuer ${JSON.stringify(printable(issuer))} ${doubt}`)
  // From a resolver, the identifier is that of a token, which is not verified yet.
  const name = printable(issuer)
  if (jwks !== undefined && jwksUri !== undefined) {
    throw new TypeError(`issuer ${name} has both jwks and jwksUri: set one of them`)
  }
  const keysDoubt = jwksUri === undefined ? undefined : doubtUrl(jwksUri, allowInsecureHttp)
  if (keysDoubt) throw new TypeError(`jwksUri of issuer ${name} ${keysDoubt}`)
  const own = readRules(options, `issuer ${name}: `)
  return {
    ...defaults,
    ...Object.fromEntries(Object.entries(own).filter(([, value]) => value !== undefined)),
    issuer,
    jwksUri,
    // A copy, as everything that is checked here: keys that are taken out later must not hide in it.
    jwks: copyOf(jwks, name),
    allowInsecureHttp,
  }
}

function copyOf(jwks: unknown, issuer: string): unknown {
  try {
    return structuredClone(jwks)
  } catch (cause) {
    throw new TypeError(`jwks of issuer ${issuer} must be a JWK Set, as JSON has it`, { cause })
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
  // RFC 6750 §3: at least one parameter must stand in a challenge, so there is always a realm.
  if (realm === undefined)
    return audience ? (audience[0] as string).replace(/[^\x20-\x7e]/g, '?') : 'api'
  if (typeof realm === 'string' && isRealm(realm)) return realm
  throw new TypeError('realm must be a string of printable ASCII characters')
}

function readKeyPolicy(keys: KeyPolicy = {}): KeyLifePolicy {
  checkNames(keys, ['maxAge', 'staleIfError', 'timeout'], 'keys')
  return {
    maxAge: checkSeconds(keys.maxAge, 'keys.maxAge', { min: 1, max: day }) ?? 600,
    staleIfError:
      checkSeconds(keys.staleIfError, 'keys.staleIfError', { min: 0, max: 365 * day }) ?? day,
    timeout: checkSeconds(keys.timeout, 'keys.timeout', { min: 0.001, max: 300 }) ?? 5,
  }
}

function readMaxRemembered(tokenCache: ValidatorOptions['tokenCache'] = {}): number {
  if (tokenCache === false) return 0
  checkNames(tokenCache, ['maxEntries'], 'tokenCache')
  const { maxEntries = 10_000 } = tokenCache
  if (!Number.isInteger(maxEntries) || maxEntries < 1 || maxEntries > 1_000_000) {
    throw new TypeError('tokenCache.maxEntries must be a whole number between 1 and 1000000')
  }
  return maxEntries
}
