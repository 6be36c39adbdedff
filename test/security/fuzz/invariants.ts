/**
 * The invariants of every result, for any input: an error of the package with an allowed status, headers
 * that a strict parser accepts, and no part of the token.
 */
import { setImmediate as nextTurn } from 'node:timers/promises'
import { type AccessToken, AccessTokenError } from 'oauth-resource-server'
import { parseChallenges } from '../../support/challenge-parser.ts'
import { CANARY } from './material.ts'

/** Resolves to the token or the refusal. Rejects with any other error, which is a defect. */
export async function outcomeOf(
  promise: Promise<AccessToken>,
): Promise<AccessToken | AccessTokenError> {
  try {
    return await promise
  } catch (error) {
    if (error instanceof AccessTokenError) return error
    throw error
  }
}

const challenged = [400, 401, 403]

/** @param sent What the client sent. The response must not contain any part of it. */
export function checkRefusal(
  error: AccessTokenError,
  sent: string,
  statuses: readonly number[],
): void {
  const { status, headers, body, message, stack } = error
  if (!statuses.includes(status)) throw new Error(`status ${status}: ${message}`, { cause: error })
  const challenges = headers['WWW-Authenticate'] ?? []
  if (typeof challenges === 'string') throw new Error('challenges are not a list')
  checkChallenges(status, challenges)
  if (body !== undefined && body.error_description !== message) throw new Error('another message')
  const output = [JSON.stringify([headers, body, message]), stack ?? ''].join()
  if (output.includes(CANARY)) throw new Error(`the response contains a claim: ${output}`)
  checkNothingLeaks(output, sent)
}

export function checkChallenges(status: number, lines: readonly string[]): void {
  if (challenged.includes(status) !== (lines.length === 1)) {
    throw new Error(`${lines.length} challenges with status ${status}`)
  }
  for (const line of lines) {
    const [challenge] = parseChallenges(line)
    const { realm, error } = challenge?.parameters ?? {}
    const codes = ['invalid_request', 'invalid_token', 'insufficient_scope']
    const expected = codes[challenged.indexOf(status)]
    const missing = status === 401 && error === undefined
    if (challenge?.scheme !== 'Bearer' || realm === undefined || !(missing || error === expected)) {
      throw new Error(`a challenge of another kind: ${line}`)
    }
  }
}

/** Requires that an output contains no part of a token: not the first 12 characters of any segment. */
export function checkNothingLeaks(output: string, sent: string): void {
  for (const segment of sent.split(/[., ]/)) {
    if (segment.length >= 12 && output.includes(segment.slice(0, 12))) {
      throw new Error(`the response contains a part of the token: ${output}`)
    }
  }
}

/** Detects unhandled rejections and uncaught exceptions. */
export function watchCrashes(): {
  readonly check: () => Promise<void>
  readonly close: () => void
} {
  const crashes: unknown[] = []
  const note = (error: unknown) => crashes.push(error)
  const kinds = ['unhandledRejection', 'uncaughtException'] as const
  for (const kind of kinds) process.on(kind, note)
  return {
    async check() {
      await nextTurn()
      if (crashes.length > 0) throw new Error('unhandled', { cause: crashes[0] })
    },
    close() {
      for (const kind of kinds) process.off(kind, note)
    },
  }
}

/** The maximum duration of a validation, in milliseconds. */
const limit = 50

/**
 * Starts a stopwatch, which returns the milliseconds that this process has computed since, or a tenth of the
 * time that has passed, if that is more: other processes delay this one.
 */
export function startStopwatch(): () => number {
  const startedAt = performance.now()
  const before = process.cpuUsage()
  return () => {
    const { user, system } = process.cpuUsage(before)
    return Math.max((user + system) / 1_000, (performance.now() - startedAt) / 10)
  }
}

/**
 * Fails if an action takes too long. Only the fastest of a few runs is measured, and only in `npm run
 * fuzz`, because other processes can delay a run.
 *
 * @param action Returns how many milliseconds it took.
 */
export async function expectFast(strict: boolean, action: () => Promise<number>): Promise<void> {
  let fastest = Number.POSITIVE_INFINITY
  for (let attempt = 0; attempt < 5; attempt++) {
    fastest = Math.min(fastest, await action())
    if (!strict || fastest <= limit) return
  }
  throw new Error(`took ${fastest.toFixed()} ms, at the best of 5`)
}
