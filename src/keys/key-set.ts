/**
 * @module A set of keys, read from a JWK Set: the good ones among whatever else is in it.
 *
 * @see {@link https://www.rfc-editor.org/rfc/rfc7517#section-5 | RFC 7517, section 5}
 */
import type { KeyObject } from 'node:crypto'
import type { KeySkipReason } from '../events.ts'
import { copyOwnMembers } from '../internal/own-members.ts'
import type { Algorithm, VerificationKey } from '../signature/algorithms.ts'
import { importJwk, isPrivate, maxOperations, mayVerify } from './jwk-import.ts'

/** The most JWKs that a set may have. */
const maxKeys = 100
/** The most keys that one token is tried with. */
const maxCandidates = 10

export interface KeySet {
  /** The keys in use, each under a text that says all there is to it. */
  readonly keys: ReadonlyMap<string, VerificationKey>
  readonly skipped: readonly { readonly kid?: string; readonly reason: KeySkipReason }[]
  readonly has: (key: VerificationKey) => boolean
  /**
   * The keys that may verify a token with this header, in their order, 10 at most. With a `kid` only
   * keys that bear it; without one, every key of the right kind.
   */
  readonly find: (algorithm: Algorithm, kid: string | undefined) => readonly VerificationKey[]
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
  const keys = new Map<string, VerificationKey>()
  const made = new Map<string, KeyObject>()
  const skipped: { kid?: string; reason: KeySkipReason }[] = []
  for (const jwk of list) {
    const identity = identityOf(jwk)
    const key = previous?.keys.get(identity) ?? keys.get(identity) ?? importJwk(jwk, made)
    if (typeof key === 'string') {
      const kid = (jwk as { kid?: unknown } | null)?.kid
      skipped.push({ reason: key, ...(typeof kid === 'string' && { kid }) })
    } else {
      keys.set(identity, key)
    }
  }
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

  return {
    keys,
    skipped,
    has: (key) => members.has(key),
    find(algorithm, kid) {
      const { all, byKid } = indexOf(algorithm)
      return kid === undefined ? all : (byKid.get(kid) ?? none)
    },
  }
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
    const bearers = byKid.get(key.kid) ?? []
    if (bearers.length < maxCandidates) byKid.set(key.kid, [...bearers, key])
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
