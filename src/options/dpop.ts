/**
 * @module The option `dpop`: its types, its checks and its defaults.
 *
 * @see {@link https://www.rfc-editor.org/rfc/rfc9449 | RFC 9449}
 */
import { type Algorithm, allAlgorithms, isAlgorithm } from '../signature/algorithms.ts'
import { checkBoolean, checkList, checkSeconds, readOwnOptions } from './checks.ts'

/** Records which DPoP proofs were used, until they are too old to be accepted. */
export interface ReplayStore {
  /**
   * Records the use of a proof. Returns or resolves to true for the first use and to false for any other;
   * two uses at the same time must not both be the first. If the function throws, rejects or has no boolean
   * result within a second, the response is 503.
   *
   * @param key 43 characters of base64url, unique for each combination of a client's key and a `jti`.
   * @param seconds How long to record `key`. May be fractional.
   * @param jkt The thumbprint of the client's key, to which the token is bound. A store may use it to
   * limit how much one client can store.
   */
  claim(key: string, seconds: number, jkt?: string): boolean | Promise<boolean>
  /** True if other processes cannot see what this store has recorded. */
  readonly local?: boolean | undefined
}

/** The nonces of DPoP proofs (RFC 9449 §9), which limit how far in advance a proof can be created. */
export interface DpopNonceOptions {
  /**
   * At least 32 random bytes, the same in every process that serves this API. In a list, the first secret
   * creates new nonces, and nonces of every secret are accepted. To rotate, add the new secret at the end,
   * then move it to the front, then remove the old one.
   */
  readonly secret: Uint8Array | readonly Uint8Array[]
  /**
   * For how many seconds a nonce is accepted: 1 to 86,400. A response to a proof whose nonce is in the last
   * third of that time offers the next nonce.
   * @defaultValue 300
   */
  readonly lifetime?: number | undefined
}

/** How tokens that are bound to a key by DPoP are accepted. */
export interface DpopOptions {
  /**
   * True: Bearer tokens are refused.
   * @defaultValue false
   */
  readonly required?: boolean | undefined
  /**
   * The signature algorithms of proofs.
   * @defaultValue every {@link Algorithm}
   */
  readonly algorithms?: readonly Algorithm[] | undefined
  /**
   * The maximum age of a proof in seconds: 1 to 3,600. A proof is accepted until `iat` + `maxAge` +
   * `clockTolerance`. Its `iat` may be in the future by 10 s, or by `clockTolerance` if that is more.
   * @defaultValue 60
   */
  readonly maxAge?: number | undefined
  /**
   * Requires nonces.
   * @defaultValue false
   */
  readonly nonce?: false | DpopNonceOptions | undefined
  /**
   * Where used proofs are recorded. `'external'`: nowhere, because something in front of this API refuses
   * proofs that are used twice.
   * @defaultValue the memory of this process, limited in total and for each client
   */
  readonly replayStore?: ReplayStore | 'external' | undefined
}

/** The option `dpop` with its defaults. */
export interface ResolvedDpop {
  readonly required: boolean
  readonly algorithms: readonly Algorithm[]
  /** Seconds. */
  readonly maxAge: number
  readonly nonce: { readonly secrets: readonly Uint8Array[]; readonly lifetime: number } | undefined
  /** `undefined`: in memory. */
  readonly replayStore: ReplayStore | 'external' | undefined
}

const names = ['required', 'algorithms', 'maxAge', 'nonce', 'replayStore'] as const
const nonceNames = ['secret', 'lifetime'] as const
const minSecretLength = 32

/**
 * Resolves the option `dpop`. Returns `undefined` if DPoP is disabled.
 *
 * @throws TypeError that names the option.
 */
export function resolveDpop(value: unknown): ResolvedDpop | undefined {
  if (value === undefined || value === false) return undefined
  if (value === true) return resolveDpop({})
  const { required, algorithms, maxAge, nonce, replayStore } = readOwnOptions<DpopOptions>(
    value,
    names,
    'dpop',
  )
  const takes = `a list of ${allAlgorithms.join(', ')}`
  return {
    required: checkBoolean(required, 'dpop.required'),
    algorithms: checkList(algorithms, 'dpop.algorithms', takes, isAlgorithm) ?? allAlgorithms,
    maxAge: checkSeconds(maxAge, 'dpop.maxAge', { min: 1, max: 3_600 }) ?? 60,
    nonce: resolveNonce(nonce),
    replayStore: resolveReplayStore(replayStore),
  }
}

function resolveNonce(value: unknown): ResolvedDpop['nonce'] {
  if (value === undefined || value === false) return undefined
  const { secret, lifetime } = readOwnOptions<DpopNonceOptions>(value, nonceNames, 'dpop.nonce')
  const secrets: readonly unknown[] = Array.isArray(secret) ? secret : [secret]
  if (secrets.length === 0 || !secrets.every(isSecret)) {
    throw new TypeError(
      `dpop.nonce.secret must be a Uint8Array of at least ${minSecretLength} random bytes, or a list of them`,
    )
  }
  return {
    // Copies, because the application may change its arrays later.
    secrets: secrets.map((bytes) => Uint8Array.from(bytes)),
    lifetime: checkSeconds(lifetime, 'dpop.nonce.lifetime', { min: 1, max: 86_400 }) ?? 300,
  }
}

function isSecret(value: unknown): value is Uint8Array {
  return value instanceof Uint8Array && value.length >= minSecretLength
}

function resolveReplayStore(value: unknown): ResolvedDpop['replayStore'] {
  if (value === undefined || value === 'external') return value
  if (typeof (value as Partial<ReplayStore> | null)?.claim !== 'function') {
    throw new TypeError("dpop.replayStore must be 'external' or an object with a function claim")
  }
  return value as ReplayStore
}
