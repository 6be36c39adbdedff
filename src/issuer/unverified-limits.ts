/**
 * @module Limits the requests for all issuers without a verified token together. Otherwise, if the
 * application's function accepts every name, forged tokens could cause any number of requests.
 */
import { ServiceUnavailableError } from '../errors.ts'
import type { IssuersRateLimitedEvent, Observer } from '../events.ts'
import type { JwksClient } from '../keys/jwks-client.ts'
import type { KeySource } from '../keys/key-source.ts'
import type { IssuerStatus } from './trusted-issuer.ts'

/** The maximum number of key sets that are fetched at a time. */
const maxFetches = 50
/** The number of requests in a burst, and how many are added each second. */
const burst = 600
const requestsPerSecond = 10

export interface UnverifiedLimits {
  /**
   * Requires that one more fetch may begin.
   *
   * @throws ServiceUnavailableError if a limit is reached.
   */
  readonly requireCapacity: (issuer: string) => void
  readonly beginFetch: () => void
  readonly endFetch: () => void
  readonly countRequest: () => void
}

/** @param now Milliseconds. */
export function createUnverifiedLimits(now: () => number, observer: Observer): UnverifiedLimits {
  let fetches = 0
  let left = burst
  let countedAt = now()

  function requestsLeft(): number {
    const time = now()
    const elapsed = Math.max(0, time - countedAt) / 1000
    countedAt = time
    left = Math.min(burst, left + elapsed * requestsPerSecond)
    return left
  }

  function exceededLimit(): IssuersRateLimitedEvent['limit'] | undefined {
    if (fetches >= maxFetches) return 'fetches_in_flight'
    return requestsLeft() < 1 ? 'requests_per_minute' : undefined
  }

  return {
    requireCapacity(issuer) {
      const limit = exceededLimit()
      if (limit === undefined) return
      observer.emit({ type: 'issuers.rate_limited', limit })
      const hint = 'too many issuers without a verified token need keys'
      throw new ServiceUnavailableError('keys', 1, { issuer, hint })
    },
    beginFetch() {
      fetches++
    },
    endFetch() {
      fetches--
    },
    countRequest() {
      // A fetch that has begun is not interrupted, so this may become negative.
      left = requestsLeft() - 1
    },
  }
}

export interface LimitedKeySourceOptions {
  readonly issuer: string
  readonly client: JwksClient
  readonly status: IssuerStatus
  readonly limits: UnverifiedLimits
}

/**
 * Creates a key source that fetches within the limits until the issuer has a verified token. Beyond the
 * limits it throws ServiceUnavailableError, which does not count as a failure of the issuer.
 *
 * @param createSource Creates the key source from a client that applies the limits.
 */
export function createLimitedKeySource(
  { issuer, client, status, limits }: LimitedKeySourceOptions,
  createSource: (client: JwksClient) => KeySource,
): KeySource {
  let isFetching = false
  let hasKeys = false

  async function fetchLimited(...request: Parameters<JwksClient['fetchKeys']>) {
    const isLimited = !status.verified
    // Only a background refresh can exceed the limit here: every other fetch was checked before.
    if (isLimited) limits.requireCapacity(issuer)
    if (isLimited) limits.beginFetch()
    isFetching = true
    try {
      const fetched = await client.fetchKeys(...request)
      hasKeys = true
      return fetched
    } finally {
      isFetching = false
      if (isLimited) limits.endFetch()
    }
  }

  function requireCapacity(): void {
    if (!status.verified && !isFetching) limits.requireCapacity(issuer)
  }

  const source = createSource({ ...client, fetchKeys: fetchLimited })
  return {
    current(now, arrival) {
      if (!hasKeys) requireCapacity()
      return source.current(now, arrival)
    },
    refreshForUnknownKey(known, fits, arrival) {
      requireCapacity()
      return source.refreshForUnknownKey(known, fits, arrival)
    },
  }
}
