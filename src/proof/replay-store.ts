/**
 * @module The default store of used DPoP proofs: the memory of this process. Remembers each used
 * proof at least until it has expired. A full store refuses new proofs and evicts none.
 *
 * @see {@link https://www.rfc-editor.org/rfc/rfc9449#section-11.1 | RFC 9449, section 11.1}
 */
import type { ReplayStore } from '../options/dpop.ts'

export interface MemoryReplayStoreOptions {
  /**
   * The largest `seconds` that `claim` gets. A key may be remembered for an eighth of this longer than its own
   * `seconds`.
   */
  readonly window: number
  /** Milliseconds. */
  readonly now: () => number
  /** @defaultValue 500000 */
  readonly maxEntries?: number
}

/** A {@link ReplayStore} whose `claim` returns no promise. */
export interface MemoryReplayStore extends ReplayStore {
  claim(key: string, seconds: number, jkt?: string): boolean
  readonly local: true
}

/**
 * Enough for 6,000 proofs a second of many clients with the default window, or for 3,000 of one client. Above
 * that, proofs are refused with 503 until older ones are forgotten.
 * An entry takes 100 octets, or 200 if each client has only one: at most 100 MB in all.
 */
const defaultMaxEntries = 500_000

/** The number of buckets that the window is divided into. Keys are dropped one bucket at a time. */
const bucketsPerWindow = 8

/** The keys that expire at about the same time. */
interface Bucket {
  readonly keys: Set<string>
  /** How many of the keys each client claimed. */
  readonly counts: Map<string, number>
}

/**
 * Creates a store in memory. Its `claim` throws if the store is full, and if the client has as many entries
 * as are still free. So one client can fill half of the store, and n clients together n/(n+1) of it. The rest
 * stays free for other clients.
 */
export function createMemoryReplayStore(options: MemoryReplayStoreOptions): MemoryReplayStore {
  const { now, maxEntries = defaultMaxEntries } = options
  const bucketSeconds = options.window / bucketsPerWindow
  /** The buckets by their number: the time at which their keys expire, divided by `bucketSeconds`. */
  const buckets = new Map<number, Bucket>()
  let size = 0

  /** Drops whole buckets: the cost does not depend on how many keys they contain. */
  function dropExpired(currentNumber: number): void {
    for (const [number, { keys }] of buckets) {
      if (number >= currentNumber) continue
      buckets.delete(number)
      size -= keys.size
    }
  }

  function countClaims(jkt: string): number {
    let count = 0
    for (const { counts } of buckets.values()) count += counts.get(jkt) ?? 0
    return count
  }

  function getBucket(number: number): Bucket {
    const bucket = buckets.get(number) ?? { keys: new Set(), counts: new Map() }
    buckets.set(number, bucket)
    return bucket
  }

  return {
    local: true,
    claim(key, seconds, jkt = '') {
      const time = now() / 1000
      dropExpired(Math.floor(time / bucketSeconds))
      for (const { keys } of buckets.values()) if (keys.has(key)) return false
      if (countClaims(jkt) >= maxEntries - size) {
        throw new Error(
          'The replay store in memory is full, or this client has reached its share: use an external store such as Redis',
        )
      }
      const { keys, counts } = getBucket(Math.floor((time + seconds) / bucketSeconds))
      keys.add(key)
      counts.set(jkt, (counts.get(jkt) ?? 0) + 1)
      size++
      return true
    },
  }
}
