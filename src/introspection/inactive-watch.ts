/**
 * @module Detects that an issuer has reported every token as inactive for a long time. The cause is
 * more often a wrong configuration than a series of invalid tokens.
 */

/**
 * Minimum streak to report. `responses`: more than one client's expired tokens cause. `seconds`: longer than
 * a deployment in which a new issuer is asked about old tokens.
 */
const initialThreshold = { responses: 20, seconds: 600 }
/** Where a token was active before, the configuration is right. A few invented strings must not suffice. */
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
  let threshold = initialThreshold
  return {
    record(active, now) {
      if (active) {
        responses = 0
        reported = false
        threshold = afterActive
        return undefined
      }
      if (responses === 0 || now < startedAt) startedAt = now
      responses++
      const seconds = now - startedAt
      if (reported || responses < threshold.responses || seconds < threshold.seconds)
        return undefined
      reported = true
      return { responses, seconds }
    },
  }
}
