/**
 * @module One trusted issuer: its rules and its keys, which never mix with those of another.
 *
 * @see {@link https://www.rfc-editor.org/rfc/rfc8725#section-3.8 | RFC 8725, section 3.8}
 */
import type { Algorithm, VerificationKey } from './algorithms.ts'
import { isAlgorithm } from './algorithms.ts'
import { InvalidTokenError, printable } from './errors.ts'
import type { Observer } from './events.ts'
import type { KeySet } from './keys/key-set.ts'
import { createStaticKeySource, type KeySource } from './keys/key-source.ts'
import { createKeysEndpoint } from './keys/keys-endpoint.ts'
import { createRemoteKeySource, type KeyLifePolicy } from './keys/remote-key-source.ts'
import {
  type ClaimRules,
  checkClaims,
  checkTime,
  checkType,
  type TimeRules,
} from './token/claims.ts'
import type { CompactJwt } from './token/compact.ts'
import type { ScopeClaim } from './token/scope.ts'
import { verifySignature } from './token/signature.ts'

/** The rules for one issuer, checked and complete. */
export interface IssuerSettings extends ClaimRules, TimeRules {
  readonly algorithms: readonly Algorithm[]
  readonly scopeClaim: ScopeClaim | undefined
  readonly jwksUri: string | undefined
  /** Set: no network at all. */
  readonly jwks: unknown
  readonly allowInsecureHttp: boolean
}

export interface TrustedIssuer extends IssuerSettings {
  readonly keys: KeySource
}

/** What issuers share: the network, the clock, and who is told. */
export interface IssuerEnvironment {
  readonly keyPolicy: KeyLifePolicy
  readonly fetch: typeof fetch
  /** Milliseconds. */
  readonly now: () => number
  readonly observer: Observer
}

/** @throws TypeError for a static key set without a usable key. */
export function createTrustedIssuer(
  settings: IssuerSettings,
  environment: IssuerEnvironment,
): TrustedIssuer {
  return { ...settings, keys: createKeySource(settings, environment) }
}

function createKeySource(settings: IssuerSettings, environment: IssuerEnvironment): KeySource {
  if (settings.jwks !== undefined) {
    return createStaticKeySource(settings.jwks, `jwks of issuer ${settings.issuer}`)
  }
  const { keyPolicy: policy, observer, now } = environment
  const { issuer, jwksUri, allowInsecureHttp } = settings
  const endpoint = createKeysEndpoint({
    issuer,
    jwksUri,
    allowInsecureHttp,
    maxAge: policy.maxAge,
    fetch: environment.fetch,
    now,
    observer,
  })
  return createRemoteKeySource({ issuer, endpoint, policy, now, observer })
}

/**
 * Everything that can be judged without a key.
 *
 * @param now Seconds since 1970.
 * @throws InvalidTokenError
 */
export function judge(jwt: CompactJwt, issuer: TrustedIssuer, now: number): void {
  const { alg } = jwt.header
  // RFC 8725 §3.1: a list of what is allowed, per issuer; `none` is not even a name in it.
  if (!issuer.algorithms.includes(alg as Algorithm)) {
    throw new InvalidTokenError('wrong_algorithm', {
      name: 'alg',
      expected: issuer.algorithms.join(' '),
      actual: printable(alg),
    })
  }
  checkType(jwt.header, issuer.profile)
  checkTime(jwt.claims, issuer, now)
  checkClaims(jwt.claims, issuer)
}

/**
 * Finds the key that the token is signed with.
 *
 * @throws InvalidTokenError with `unknown_key` or `bad_signature`; KeysUnavailableError.
 */
export async function findSigningKey(
  jwt: CompactJwt,
  issuer: TrustedIssuer,
): Promise<VerificationKey> {
  const known = await issuer.keys.current()
  const key = await verifyingKey(jwt, known)
  if (key !== undefined) return key
  const { alg, kid } = jwt.header
  const named = kid !== undefined && known.find(alg as Algorithm, kid).length > 0
  if (!named) {
    // RFC 7517 §4.5: the key may be newer than the set.
    const newer = await issuer.keys.newerThan(known)
    const found = newer === known ? undefined : await verifyingKey(jwt, newer)
    if (found !== undefined) return found
    if (kid !== undefined && newer.find(alg as Algorithm, kid).length === 0) {
      throw new InvalidTokenError('unknown_key')
    }
  }
  throw new InvalidTokenError('bad_signature')
}

async function verifyingKey(jwt: CompactJwt, set: KeySet): Promise<VerificationKey | undefined> {
  const { alg, kid } = jwt.header
  if (!isAlgorithm(alg)) return undefined
  const candidates = set.find(alg, kid)
  if (candidates.length === 0) return undefined
  const input = jwt.signingInput()
  const signature = jwt.signature()
  for (const key of candidates) {
    if (await verifySignature(alg, key, input, signature)) return key
  }
  return undefined
}
