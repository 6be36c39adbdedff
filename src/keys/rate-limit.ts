/**
 * @module Limits how often tokens with an unknown key cause a fetch: 4 times in a burst, and once more
 * every 30 seconds. Any number of invented values of `kid` causes two fetches a minute, and a key
 * rotation is still found.
 */
import { createTokenBucket, type TokenBucket } from '../internal/token-bucket.ts'

const limits = { capacity: 4, perSecond: 1 / 30 }

/** Each lookup takes one unit. */
export type RateLimit = Pick<TokenBucket, 'tryTake'>

/** @param now Seconds. */
export function createRateLimit(now: () => number): RateLimit {
  return createTokenBucket(limits, now)
}
