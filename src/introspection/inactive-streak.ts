/**
 * @module Detects that an issuer has reported every token as inactive for a long time. The cause is
 * more often a wrong configuration than a series of invalid tokens.
 */

/**
 * The shortest streak that is reported: 20 responses, because the expired tokens of one client cause fewer; and
 * 600 s, because after the API was moved to another issuer, clients send tokens of the previous one for less than
 * that.
 */
const initialThreshold = { responses: 20, seconds: 600 }
/**
 * Longer once a token was active: the configuration was right then, and a few invented strings must not
 * cause a report.
 */
const thresholdAfterActive = { responses: 100, seconds: 3_600 }

/** A series of responses without an active token. */
interface InactiveStreak {
  readonly responses: number
  /** Between the first response and the last. */
  readonly seconds: number
}

export interface InactiveStreakDetector {
  /**
   * Records a response.
   *
   * @param now Seconds.
   * @returns The streak when it becomes long enough, once for each streak; otherwise `undefined`.
   */
  readonly record: (active: boolean, now: number) => InactiveStreak | undefined
}

export function createInactiveStreakDetector(): InactiveStreakDetector {
  let responses = 0
  let startedAt = 0
  let reported = false
  let threshold = initialThreshold
  return {
    record(active, now) {
      if (active) {
        responses = 0
        reported = false
        threshold = thresholdAfterActive
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
