/**
 * @module One trusted issuer: its rules and its keys, which never mix with those of another.
 *
 * @see {@link https://www.rfc-editor.org/rfc/rfc8725#section-3.8 | RFC 8725, section 3.8}
 */
import { isDeepStrictEqual } from 'node:util'
import { InvalidTokenError, printable } from '../errors.ts'
import type { Observer } from '../events.ts'
import type { FetchLike } from '../internal/fetch-like.ts'
import { isPromised } from '../internal/maybe-promise.ts'
import { createKeysEndpoint } from '../keys/jwks-client.ts'
import type { KeySet } from '../keys/key-set.ts'
import { createStaticKeySource, type KeySource } from '../keys/key-source.ts'
import { createRemoteKeySource, type KeyLifePolicy } from '../keys/remote-keys.ts'
import type { IssuerSettings } from '../options/issuers.ts'
import type { Algorithm, VerificationKey } from '../signature/algorithms.ts'
import { verifySignature } from '../signature/verify.ts'
import { validateClaims } from '../token/claims.ts'
import type { ParsedJwt } from '../token/compact-jws.ts'
import { readTimeClaims, type TimeClaims, validateTime } from '../token/time.ts'
import { validateType } from '../token/token-type.ts'

export interface TrustedIssuer extends IssuerSettings {
  readonly keys: KeySource
}

/** What issuers share: the network, the clock, and who is told. */
export interface IssuerEnvironment {
  readonly keyPolicy: KeyLifePolicy
  readonly fetch: FetchLike
  /** Milliseconds. */
  readonly now: () => number
  readonly observer: Observer
}

/**
 * @param before The same issuer with other rules: its keys are kept where they come from one place.
 * @throws TypeError for a static key set without a usable key.
 */
export function createTrustedIssuer(
  settings: IssuerSettings,
  environment: IssuerEnvironment,
  before?: TrustedIssuer,
): TrustedIssuer {
  const keep = before !== undefined && isDeepStrictEqual(originOf(before), originOf(settings))
  return { ...settings, keys: keep ? before.keys : createKeySource(settings, environment) }
}

function originOf({ issuer, jwksUri, jwks, allowInsecureHttp }: IssuerSettings) {
  return { issuer, jwksUri, jwks, allowInsecureHttp }
}

function createKeySource(settings: IssuerSettings, environment: IssuerEnvironment): KeySource {
  if (settings.jwks !== undefined) {
    return createStaticKeySource(settings.jwks, `jwks of issuer ${printable(settings.issuer)}`)
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
 * @returns What has to be judged again when time has gone by.
 * @throws InvalidTokenError
 */
export function judge(jwt: ParsedJwt, issuer: TrustedIssuer, now: number): TimeClaims {
  const { alg } = jwt.header
  // RFC 8725 §3.1: a list of what is allowed, per issuer; `none` is not even a name in it.
  if (!issuer.algorithms.includes(alg as Algorithm)) {
    throw new InvalidTokenError('wrong_algorithm', {
      name: 'alg',
      expected: issuer.algorithms.join(' '),
      actual: printable(alg),
    })
  }
  validateType(jwt.header, issuer.profile)
  const times = readTimeClaims(jwt.claims)
  validateTime(times, issuer, now)
  validateClaims(jwt.claims, issuer)
  return times
}

/** `undefined`: the issuer has no such key. (A throw would keep V8 from ever compiling these functions.) */
type FoundKey = VerificationKey | undefined

/**
 * Finds the key that the token is signed with; `undefined` where the issuer has none that may be it.
 * That is known at once but for the time in which new keys may be asked for.
 *
 * @param now Seconds since 1970.
 * @throws InvalidTokenError with `bad_signature`; ServiceUnavailableError, at once or by a rejection.
 */
export function findSigningKey(
  jwt: ParsedJwt,
  issuer: TrustedIssuer,
  now: number,
): FoundKey | Promise<FoundKey> {
  const known = issuer.keys.current(now)
  return isPromised(known)
    ? known.then((set) => findIn(set, jwt, issuer))
    : findIn(known, jwt, issuer)
}

function findIn(set: KeySet, jwt: ParsedJwt, issuer: TrustedIssuer): FoundKey | Promise<FoundKey> {
  if (candidatesIn(set, jwt).length > 0) return verifyIn(set, jwt, issuer)
  // RFC 7517 §4.5: the key may be newer than the set.
  const newer = issuer.keys.newerThan(set, (later) => candidatesIn(later, jwt).length > 0)
  return isPromised(newer)
    ? newer.then((later) => verifyAgain(later, jwt))
    : verifyAgain(newer, jwt)
}

function verifyAgain(set: KeySet, jwt: ParsedJwt): FoundKey | Promise<FoundKey> {
  return candidatesIn(set, jwt).length === 0 ? undefined : verifyIn(set, jwt, undefined)
}

function candidatesIn(set: KeySet, { header }: ParsedJwt): readonly VerificationKey[] {
  return set.find(header.alg as Algorithm, header.kid)
}

/** @param issuer Where a newer set may come from; `undefined` where that was tried. */
function verifyIn(
  set: KeySet,
  jwt: ParsedJwt,
  issuer: TrustedIssuer | undefined,
): Promise<FoundKey> {
  const { header, signature } = jwt
  const candidates = candidatesIn(set, jwt)
  const input = jwt.signingInput()

  function tryFrom(position: number): Promise<FoundKey> {
    const key = candidates[position]
    if (key === undefined) return verifyInNewer(set, jwt, issuer)
    return new Promise((resolve) => {
      verifySignature(header.alg as Algorithm, key, input, signature, (valid) =>
        resolve(valid ? key : tryFrom(position + 1)),
      )
    })
  }

  return tryFrom(0)
}

/** A token that names no key may be signed with one that is newer than the set. */
async function verifyInNewer(
  set: KeySet,
  jwt: ParsedJwt,
  issuer: TrustedIssuer | undefined,
): Promise<FoundKey> {
  const mayBeNewer = jwt.header.kid === undefined && issuer !== undefined
  const onlyTheNewest = () => false
  const newer = mayBeNewer ? await issuer.keys.newerThan(set, onlyTheNewest) : set
  if (newer === set) throw new InvalidTokenError('bad_signature')
  return verifyAgain(newer, jwt)
}
