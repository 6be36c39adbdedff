/**
 * @module A set of keys, read from a JWK Set: the usable ones among whatever else is in it.
 *
 * @see {@link https://www.rfc-editor.org/rfc/rfc7517#section-5 | RFC 7517, section 5}
 */
import type { KeyObject } from 'node:crypto'
import type { KeySkipReason } from '../events.ts'
import { copyOwnMembers } from '../internal/own-members.ts'
import { printable } from '../internal/printable.ts'
import type { Algorithm, VerificationKey } from '../signature/algorithms.ts'
import { hasFingerprint, importJwk, isPrivate, maxOperations, mayVerify } from './jwk-import.ts'
import { findFingerprint } from './jwk-numbers.ts'

/** The most JWKs that a set may have. */
const maxKeys = 100
/** The most keys that one token is tried with. */
const maxCandidates = 10
/** The most skipped JWKs that one message lists. */
const maxDescribed = 10

export interface SkippedJwk {
  readonly kid?: string
  readonly reason: KeySkipReason
}

export interface KeySet {
  /** The keys in use, each under a text of everything that decides what it verifies. */
  readonly keys: ReadonlyMap<string, VerificationKey>
  readonly skipped: readonly SkippedJwk[]
  /** The fingerprints of the keys whose private half the JWK Set holds. */
  readonly compromised: ReadonlySet<string>
  readonly has: (key: VerificationKey) => boolean
  /**
   * The keys that may verify a token with this header, in their order, 10 at most. With a `kid` only
   * keys that have it; without one, every key of the right kind.
   */
  readonly find: (algorithm: Algorithm, kid: string | undefined) => readonly VerificationKey[]
  /** The same set without keys of these fingerprints; the very same where it holds none of them. */
  readonly without: (fingerprints: ReadonlySet<string>) => KeySet
}

/**
 * Reads a JWK Set. A key that was in `previous` stays the same object, so that what was verified
 * with it stays verified.
 *
 * @returns `undefined` where the value is no JWK Set, or one of more than 100 keys.
 */
export function readKeySet(value: unknown, previous?: KeySet): KeySet | undefined {
  const list = readList(value)
  if (list === undefined || list.length > maxKeys) return undefined
  const compromised = findCompromised(list)
  const keys = new Map<string, VerificationKey>()
  const imported = new Map<string, KeyObject>()
  const skipped: SkippedJwk[] = []
  for (const jwk of list) {
    const identity = identityOf(jwk)
    const key = isIn(compromised, jwk)
      ? 'private'
      : (previous?.keys.get(identity) ?? keys.get(identity) ?? importJwk(jwk, imported))
    if (typeof key === 'string') {
      const kid = (jwk as { kid?: unknown } | null)?.kid
      skipped.push({ reason: key, ...(typeof kid === 'string' && { kid }) })
    } else {
      keys.set(identity, key)
    }
  }
  return createKeySet(keys, skipped, compromised)
}

/** Describes skipped JWKs for an operator: which, and why. */
export function describeSkipped(skipped: readonly SkippedJwk[]): string {
  if (skipped.length === 0) return 'it is empty'
  const described = skipped
    .slice(0, maxDescribed)
    .map(
      ({ kid, reason }) => `${kid === undefined ? 'a key without kid' : printable(kid)}: ${reason}`,
    )
  const more = skipped.length - described.length
  return described.join(', ') + (more > 0 ? `, and ${more} more` : '')
}

/** One entry with the private half compromises every entry of the same key. */
function findCompromised(list: readonly unknown[]): ReadonlySet<string> {
  const compromised = new Set<string>()
  for (const jwk of list) {
    if (typeof jwk !== 'object' || jwk === null || !isPrivate(jwk)) continue
    const fingerprint = findFingerprint(jwk)
    if (fingerprint !== undefined) compromised.add(fingerprint)
  }
  return compromised
}

function isIn(fingerprints: ReadonlySet<string>, jwk: unknown): boolean {
  return fingerprints.size > 0 && fingerprints.has(findFingerprint(jwk) ?? '')
}

function createKeySet(
  keys: ReadonlyMap<string, VerificationKey>,
  skipped: readonly SkippedJwk[],
  compromised: ReadonlySet<string>,
): KeySet {
  const members = new Set(keys.values())
  const indexes = new Map<Algorithm, Index>()

  function indexOf(algorithm: Algorithm): Index {
    let index = indexes.get(algorithm)
    if (index === undefined) {
      index = createIndex([...members].filter((key) => mayVerify(key, algorithm)))
      indexes.set(algorithm, index)
    }
    return index
  }

  const set: KeySet = {
    keys,
    skipped,
    compromised,
    has: (key) => members.has(key),
    find(algorithm, kid) {
      const { all, byKid } = indexOf(algorithm)
      return kid === undefined ? all : (byKid.get(kid) ?? none)
    },
    without(fingerprints) {
      if (fingerprints.size === 0) return set
      const left = [...keys].filter(([, key]) => !hasFingerprint(key, fingerprints))
      return left.length === keys.size ? set : createKeySet(new Map(left), skipped, compromised)
    },
  }
  return set
}

/** Returns the JWKs of a set, without what every object inherits. */
function readList(value: unknown): readonly unknown[] | undefined {
  if (typeof value !== 'object' || value === null || !Object.hasOwn(value, 'keys')) return undefined
  const { keys } = value as { readonly keys: unknown }
  if (!Array.isArray(keys)) return undefined
  const isObject = (jwk: unknown) => typeof jwk === 'object' && jwk !== null && !Array.isArray(jwk)
  return keys.slice(0, maxKeys + 1).map((jwk) => (isObject(jwk) ? copyOwnMembers(jwk) : jwk))
}

const none: readonly VerificationKey[] = []

/** The keys for one algorithm. Made when it is first asked for: there are few algorithms. */
interface Index {
  readonly all: readonly VerificationKey[]
  readonly byKid: ReadonlyMap<string, readonly VerificationKey[]>
}

function createIndex(fitting: readonly VerificationKey[]): Index {
  const byKid = new Map<string, VerificationKey[]>()
  for (const key of fitting) {
    if (key.kid === undefined) continue
    const sameKid = byKid.get(key.kid) ?? []
    if (sameKid.length < maxCandidates) byKid.set(key.kid, [...sameKid, key])
  }
  return { all: fitting.slice(0, maxCandidates), byKid }
}

/** Everything of a JWK that decides what it verifies: two JWKs that share it are one key. */
function identityOf(jwk: unknown): string {
  if (typeof jwk !== 'object' || jwk === null) return ''
  const { kty, kid, alg, use, key_ops, crv, n, e, x, y } = jwk as Record<string, unknown>
  const operations = Array.isArray(key_ops)
    ? key_ops.slice(0, maxOperations + 1).map(identityOfMember)
    : [typeof key_ops]
  const members = [kty, kid, alg, use, crv, n, e, x, y].map(identityOfMember)
  return [...members, ...operations, isPrivate(jwk)].join()
}

// Not JSON.stringify of anything: a JWK may nest deeper than the stack.
function identityOfMember(value: unknown): string {
  return typeof value === 'string' ? JSON.stringify(value) : typeof value
}
