/**
 * @module Reads the usable keys of a JWK Set.
 *
 * @see {@link https://www.rfc-editor.org/rfc/rfc7517#section-5 | RFC 7517, section 5}
 */
import type { KeyObject } from 'node:crypto'
import type { KeySkipReason } from '../events.ts'
import { isJsonObject } from '../internal/json-object.ts'
import { copyOwnMembers } from '../internal/own-property.ts'
import { printable } from '../internal/printable.ts'
import { type Algorithm, numberMembers, type VerificationKey } from '../signature/algorithms.ts'
import { importJwk, isCompromisedKey, isPrivate, maxOperations, mayVerify } from './jwk-import.ts'
import { readPublicKeyId } from './jwk-numbers.ts'

/** The maximum number of JWKs in a set. */
const maxKeys = 100
/** The maximum number of keys of one set that are tried for one token. */
const maxCandidates = 10
/** The maximum number of skipped JWKs in one message. */
const maxDescribed = 10

export interface SkippedJwk {
  readonly kid?: string
  readonly reason: KeySkipReason
}

export interface KeySet {
  /** The usable keys by their identity. */
  readonly keys: ReadonlyMap<string, VerificationKey>
  readonly skipped: readonly SkippedJwk[]
  /** The identifiers of the public keys whose private key the JWK Set contains. */
  readonly compromised: ReadonlySet<string>
  readonly has: (key: VerificationKey) => boolean
  /**
   * Finds the keys that may verify a token with this algorithm and `kid`, in the order of the set, 10 at
   * most. If `kid` is `undefined`, the `kid` of a key does not matter.
   */
  readonly findKeys: (algorithm: Algorithm, kid: string | undefined) => readonly VerificationKey[]
  /** Returns the set without these public keys; the same object if it contains none of them. */
  readonly without: (publicKeyIds: ReadonlySet<string>) => KeySet
}

/**
 * Reads a JWK Set. A key that was in `previous` stays the same object, so that cached tokens that were
 * verified with it stay valid.
 *
 * @returns `undefined` if the value is not a JWK Set, or has more than 100 keys.
 */
export function readKeySet(value: unknown, previous?: KeySet): KeySet | undefined {
  const list = readList(value)
  if (list === undefined || list.length > maxKeys) return undefined
  const compromised = findCompromised(list)
  const keys = new Map<string, VerificationKey>()
  const importedByPublicKeyId = new Map<string, KeyObject>()
  const skipped: SkippedJwk[] = []
  for (const jwk of list) {
    const identity = createIdentity(jwk)
    const key = isCompromisedJwk(jwk, compromised)
      ? 'private'
      : (previous?.keys.get(identity) ??
        keys.get(identity) ??
        importJwk(jwk, importedByPublicKeyId))
    if (typeof key === 'string') {
      const kid = (jwk as { kid?: unknown } | null)?.kid
      skipped.push({ reason: key, ...(typeof kid === 'string' && { kid }) })
    } else {
      keys.set(identity, key)
    }
  }
  return createKeySet(keys, skipped, compromised)
}

/** Describes for the operator why a set has no usable key. */
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

/**
 * Finds the identifiers of the public keys whose private key is in the list. Every JWK with such a public
 * key counts as compromised.
 */
function findCompromised(list: readonly unknown[]): ReadonlySet<string> {
  const compromised = new Set<string>()
  for (const jwk of list) {
    if (!isJsonObject(jwk) || !isPrivate(jwk)) continue
    const publicKeyId = readPublicKeyId(jwk)
    if (publicKeyId !== undefined) compromised.add(publicKeyId)
  }
  return compromised
}

function isCompromisedJwk(jwk: unknown, compromised: ReadonlySet<string>): boolean {
  return compromised.size > 0 && compromised.has(readPublicKeyId(jwk) ?? '')
}

function createKeySet(
  keys: ReadonlyMap<string, VerificationKey>,
  skipped: readonly SkippedJwk[],
  compromised: ReadonlySet<string>,
): KeySet {
  const members = new Set(keys.values())
  const indexes = new Map<Algorithm, Index>()

  function getIndex(algorithm: Algorithm): Index {
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
    findKeys(algorithm, kid) {
      const { all, byKid } = getIndex(algorithm)
      return kid === undefined ? all : (byKid.get(kid) ?? none)
    },
    without(publicKeyIds) {
      if (publicKeyIds.size === 0) return set
      const left = [...keys].filter(([, key]) => !isCompromisedKey(key, publicKeyIds))
      return left.length === keys.size ? set : createKeySet(new Map(left), skipped, compromised)
    },
  }
  return set
}

/** Returns the JWKs of a set without inherited members, at most one more than are allowed. */
function readList(value: unknown): readonly unknown[] | undefined {
  if (typeof value !== 'object' || value === null || !Object.hasOwn(value, 'keys')) return undefined
  const { keys } = value as { readonly keys: unknown }
  if (!Array.isArray(keys)) return undefined
  return keys.slice(0, maxKeys + 1).map((jwk) => (isJsonObject(jwk) ? copyOwnMembers(jwk) : jwk))
}

const none: readonly VerificationKey[] = []

/** The keys for one algorithm. Created on the first lookup of that algorithm. */
interface Index {
  readonly all: readonly VerificationKey[]
  readonly byKid: ReadonlyMap<string, readonly VerificationKey[]>
}

function createIndex(fittingKeys: readonly VerificationKey[]): Index {
  const byKid = new Map<string, VerificationKey[]>()
  for (const key of fittingKeys) {
    if (key.kid === undefined) continue
    const sameKid = byKid.get(key.kid) ?? []
    if (sameKid.length < maxCandidates) byKid.set(key.kid, [...sameKid, key])
  }
  return { all: fittingKeys.slice(0, maxCandidates), byKid }
}

/** The members, besides `key_ops` and those of private keys, that affect which signatures a key verifies. */
const identityMembers = ['kty', 'kid', 'alg', 'use', 'crv', ...numberMembers]

/**
 * Returns the identity of a JWK: a text with every member that affects which signatures a key verifies.
 * Two JWKs with the same identity are imported as the same key.
 */
function createIdentity(jwk: unknown): string {
  if (!isJsonObject(jwk)) return ''
  const { key_ops } = jwk
  const operations = Array.isArray(key_ops)
    ? key_ops.slice(0, maxOperations + 1).map(describeMember)
    : [typeof key_ops]
  const values = identityMembers.map((name) => describeMember(jwk[name]))
  return [...values, ...operations, isPrivate(jwk)].join()
}

// Not JSON.stringify of other values, because a JWK may nest deeper than the call stack allows.
function describeMember(value: unknown): string {
  return typeof value === 'string' ? JSON.stringify(value) : typeof value
}
