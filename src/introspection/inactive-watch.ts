/**
 * @module Notices that an issuer has called every token inactive for long, which more often is a wrong
 * configuration than a series of wrong tokens.
 */

/**
 * How long a streak is reported. Enough responses that expired tokens of one client do not cause it, and
 * longer than a deployment, in which old tokens meet a new issuer.
 */
const fromTheStart = { responses: 20, seconds: 600 }
/** Where a token was active before, the configuration was right: few made-up strings must not cause it. */
const afterActive = { responses: 100, seconds: 3_600 }

interface InactiveStreak {
  /** Responses since the last one with an active token. */
  readonly responses: number
  readonly seconds: number
}

export interface InactiveWatch {
  /**
   * Records a response.
   *
   * @param now Seconds.
   * @returns The streak, once, when it is long enough.
   */
  readonly record: (active: boolean, now: number) => InactiveStreak | undefined
}

export function createInactiveWatch(): InactiveWatch {
  let responses = 0
  let startedAt = 0
  let reported = false
  let least = fromTheStart
  return {
    record(active, now) {
      if (active) {
        responses = 0
        reported = false
        least = afterActive
        return undefined
      }
      if (responses === 0 || now < startedAt) startedAt = now
      responses++
      const seconds = now - startedAt
      if (reported || responses < least.responses || seconds < least.seconds) return undefined
      reported = true
      return { responses, seconds }
    },
  }
}
