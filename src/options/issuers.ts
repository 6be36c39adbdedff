/**
 * @module Checks the options of issuers, which are listed or returned by a function. Takes what they do not
 * set from the options of the validator.
 */
import { ignoreRejection } from '../internal/callback.ts'
import { isPrintable, printable } from '../internal/printable.ts'
import { findFetchedIssuerProblem, findFetchedUrlProblem } from '../internal/secure-url.ts'
import { type Algorithm, allAlgorithms, isAlgorithm } from '../signature/algorithms.ts'
import {
  checkBoolean,
  checkList,
  checkSeconds,
  day,
  isFilledString,
  readOwnOptions,
} from './checks.ts'
import { type DecryptionKey, readDecryptionKeys } from './decryption-keys.ts'
import {
  checkTokenPrefixes,
  type ResolvedIntrospection,
  resolveIntrospection,
} from './introspection.ts'
import type { IssuerOptions, Profile, ScopeClaim, ValidatorOptions } from './types.ts'

/** The options of one issuer, checked and complete. */
export interface IssuerSettings {
  readonly issuer: string
  /** `false`: any `aud` is accepted; with the profile `jwt`, `aud` may also be missing. */
  readonly audience: readonly string[] | false
  readonly profile: Profile
  /** Seconds. */
  readonly clockTolerance: number
  /** Seconds since `iat`; `undefined`: no limit. */
  readonly maxTokenAge: number | undefined
  readonly algorithms: readonly Algorithm[]
  readonly scopeClaim: ScopeClaim | undefined
  readonly jwksUri: string | undefined
  /** If it is set, no keys are fetched. */
  readonly jwks: unknown
  readonly allowInsecureHttp: boolean
  /** `undefined`: opaque tokens of this issuer are refused. */
  readonly introspection: ResolvedIntrospection | undefined
  /** If it is set, every JWT of this issuer must be encrypted. */
  readonly decryptionKeys: readonly DecryptionKey[] | undefined
}

/** The settings of the validator that apply to an issuer whose own options do not set them. */
export type IssuerDefaults = Omit<
  IssuerSettings,
  'issuer' | 'jwksUri' | 'jwks' | 'allowInsecureHttp' | 'introspection' | 'decryptionKeys'
>

/** Finds the settings of an issuer. Resolves to `undefined` if the issuer is not trusted. */
export type ResolveIssuer = (iss: string) => Promise<IssuerSettings | undefined>

const issuerOptionNames: readonly (keyof IssuerOptions)[] = [
  'issuer',
  'jwksUri',
  'jwks',
  'audience',
  'profile',
  'algorithms',
  'scopeClaim',
  'maxTokenAge',
  'allowInsecureHttp',
  'introspection',
  'decryptionKeys',
]

/** The options that both a validator and each of its issuers may set. */
interface Rules {
  readonly audience: IssuerSettings['audience'] | undefined
  readonly profile: IssuerSettings['profile'] | undefined
  readonly algorithms: IssuerSettings['algorithms'] | undefined
  readonly scopeClaim: IssuerSettings['scopeClaim']
  readonly maxTokenAge: IssuerSettings['maxTokenAge']
}

/**
 * Reads the options that both a validator and each of its issuers may set.
 *
 * @param options The copy that `readOwnOptions` returned.
 * @param prefix What precedes the name of an option in messages.
 */
export function readRules(
  options: Partial<ValidatorOptions | IssuerOptions>,
  prefix: string,
): Rules {
  const { audience, profile, scopeClaim } = options
  const takes = 'identifiers that are not empty, or false'
  const audiences: readonly string[] | false | undefined =
    audience === false ? audience : checkList(audience, `${prefix}audience`, takes, isFilledString)
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
    scopeClaim: scopeClaim as ScopeClaim | undefined,
    maxTokenAge,
  }
}

/** Reads the option `issuer`. For a function, returns a function that reads each of its results. */
export function readIssuers(
  issuer: ValidatorOptions['issuer'] | undefined,
  defaults: IssuerDefaults,
  resource: string | undefined,
): readonly IssuerSettings[] | ResolveIssuer {
  if (typeof issuer === 'function') {
    return async (iss) => {
      const options = await issuer(iss)
      if (options === undefined) return undefined
      if (typeof options !== 'object') {
        throw new TypeError('issuer, as a function, must return issuer options or undefined')
      }
      // A member that is a promise, as in `jwks: fetchJwks()`, causes a TypeError below.
      for (const member of Object.values(options)) ignoreRejection(member)
      const settings = readIssuer(options, defaults, resource)
      if (settings.issuer === iss) return settings
      throw new TypeError(
        'issuer, as a function, must return options of the issuer that it was called with',
      )
    }
  }
  const list: readonly unknown[] = Array.isArray(issuer) ? issuer : [issuer]
  if (issuer === undefined || list.length === 0) {
    throw new TypeError(
      'issuer is missing: it takes a URL, issuer options, a list of these, or a function',
    )
  }
  const issuers = list.map((item) => readIssuer(item, defaults, resource))
  for (const [index, { issuer: name }] of issuers.entries()) {
    if (issuers.findIndex((other) => other.issuer === name) !== index) {
      throw new TypeError(`issuer ${printable(name)} is listed twice`)
    }
  }
  checkTokenPrefixes(issuers)
  return issuers
}

function readIssuer(
  item: unknown,
  defaults: IssuerDefaults,
  resource: string | undefined,
): IssuerSettings {
  const options = readOwnOptions<IssuerOptions>(
    typeof item === 'string' ? { issuer: item } : item,
    issuerOptionNames,
    'issuer',
  )
  const { jwksUri, jwks } = options
  const allowInsecureHttp = checkBoolean(options.allowInsecureHttp, 'issuer.allowInsecureHttp')
  const issuer = readIdentifier(options, allowInsecureHttp)
  // Printable, because a function may return text from an unverified token.
  const label = printable(issuer)
  if (jwks !== undefined && jwksUri !== undefined) {
    throw new TypeError(`issuer ${label} has both jwks and jwksUri: set one of them`)
  }
  const problem =
    jwksUri === undefined ? undefined : findFetchedUrlProblem(jwksUri, allowInsecureHttp)
  if (problem !== undefined) throw new TypeError(`jwksUri of issuer ${label} ${problem}`)
  const rules = readRules(options, `issuer ${label}: `)
  const introspection = resolveIntrospection(options.introspection, {
    issuer,
    allowInsecureHttp,
    resource,
  })
  return {
    audience: rules.audience ?? defaults.audience,
    profile: rules.profile ?? defaults.profile,
    algorithms: rules.algorithms ?? defaults.algorithms,
    clockTolerance: defaults.clockTolerance,
    maxTokenAge: rules.maxTokenAge ?? defaults.maxTokenAge,
    scopeClaim: rules.scopeClaim ?? defaults.scopeClaim,
    issuer,
    jwksUri,
    // A copy. If a function later returns the same object with other keys, `createTrustedIssuer` could not
    // detect the change by comparison, and would keep the old keys.
    jwks: cloneJwks(jwks, label),
    allowInsecureHttp,
    introspection,
    decryptionKeys: readDecryptionKeys(
      options.decryptionKeys,
      issuer,
      `decryptionKeys of issuer ${label}`,
    ),
  }
}

/** An issuer must be a URL if its metadata is fetched for keys, else a StringOrURI (RFC 7519 §2). */
function readIdentifier(
  { issuer, jwks, jwksUri }: Partial<IssuerOptions>,
  allowInsecureHttp: boolean,
): string {
  const isFetched = jwks === undefined && jwksUri === undefined
  const problem = isFetched
    ? findFetchedIssuerProblem(issuer, allowInsecureHttp)
    : findStringOrUriProblem(issuer)
  if (problem === undefined) return issuer as string
  const text = typeof issuer === 'string' ? JSON.stringify(printable(issuer)) : printable(issuer)
  throw new TypeError(`issuer ${text} ${problem}`)
}

function findStringOrUriProblem(issuer: unknown): string | undefined {
  if (!isFilledString(issuer)) return 'is not a string that is not empty'
  return isPrintable(issuer) ? undefined : 'has a character that cannot be printed'
}

function cloneJwks(jwks: unknown, issuer: string): unknown {
  try {
    return structuredClone(jwks)
  } catch (cause) {
    throw new TypeError(`jwks of issuer ${issuer} must be a JWK Set, as JSON has it`, { cause })
  }
}
