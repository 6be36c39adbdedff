/**
 * @module Notices that an issuer has called every token inactive for long, which more often is a wrong
 * configuration than a series of wrong tokens.
 */

/** Enough responses that expired tokens of one client do not cause it. */
const minResponses = 20
/** Seconds. Longer than a deployment, in which old tokens meet a new issuer. */
const minSeconds = 600

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
  return {
    record(active, now) {
      if (active) {
        responses = 0
        reported = false
        return undefined
      }
      if (responses === 0 || now < startedAt) startedAt = now
      responses++
      const seconds = now - startedAt
      if (reported || responses < minResponses || seconds < minSeconds) return undefined
      reported = true
      return { responses, seconds }
    },
  }
}
