/**
 * @module Limits how often tokens with an unknown key cause a fetch: 4 times in a burst, and once more
 * every 30 seconds. So tokens with invented values of `kid` cause at most two fetches a minute after the
 * burst, and a key rotation is still found.
 */
import { createTokenBucket, type TokenBucket } from '../internal/token-bucket.ts'

const limits = { capacity: 4, perSecond: 1 / 30 }

/** Each fetch for a token with an unknown key takes one unit. */
export type RateLimit = Pick<TokenBucket, 'tryTake'>

/** @param now Returns the time in seconds. */
export function createRateLimit(now: () => number): RateLimit {
  return createTokenBucket(limits, now)
}
