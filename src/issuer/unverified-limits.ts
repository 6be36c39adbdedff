/**
 * @module Limits what issuers without a verified token may fetch, all of them together. A function that
 * admits too much would otherwise let unsigned tokens cause any number of requests.
 */
import { ServiceUnavailableError } from '../errors.ts'
import type { IssuersRateLimitedEvent, Observer } from '../events.ts'
import type { JwksClient } from '../keys/jwks-client.ts'
import type { KeySource } from '../keys/key-source.ts'
import type { IssuerStatus } from './trusted-issuer.ts'

/** Key sets that are fetched at a time. */
const maxFetches = 50
/** Requests in a burst, and requests that are added to it each second. */
const burst = 600
const requestsPerSecond = 10

export interface UnverifiedLimits {
  /**
   * Asks whether one more fetch may begin.
   *
   * @throws ServiceUnavailableError where there are too many.
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
 * Makes a key source that fetches within the limits until the issuer has a verified token. A token that
 * exceeds them is answered with 503 and does not count as a failure of the issuer.
 *
 * @param createSource Makes the key source that is limited, from a client that counts its fetches.
 */
export function createLimitedKeySource(
  { issuer, client, status, limits }: LimitedKeySourceOptions,
  createSource: (client: JwksClient) => KeySource,
): KeySource {
  let isFetching = false
  let hasKeys = false

  async function fetchLimited(...request: Parameters<JwksClient['fetchKeys']>) {
    const isLimited = !status.verified
    // Only a refresh of keys that serve meanwhile can be over the limit here.
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
