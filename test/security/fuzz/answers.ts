/**
 * The invariants of every answer, however hostile the input: an error of the package with a status
 * that fits, headers that a strict reader can read, and no octet of the token in any of it.
 */
import { setImmediate as nextTurn } from 'node:timers/promises'
import { type AccessToken, AccessTokenError } from 'oauth-resource-server'
import { parseChallenges } from '../../support/challenge-parser.ts'
import { CANARY } from './material.ts'

/** Waits for a verdict. Whatever is thrown that is no verdict is thrown on: a crash. */
export async function verdictOf(
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

/** @param sent What the client sent, of which nothing may come back. */
export function checkRefusal(
  error: AccessTokenError,
  sent: string,
  statuses: readonly number[],
): void {
  const { status, headers, body, message, stack } = error
  if (!statuses.includes(status)) throw new Error(`status ${status}: ${message}`, { cause: error })
  const challenges = headers['WWW-Authenticate'] ?? []
  if (typeof challenges === 'string') throw new Error('challenges are no list')
  checkChallenges(status, challenges)
  if (body !== undefined && body.error_description !== message) throw new Error('another message')
  const said = [JSON.stringify([headers, body, message]), stack ?? ''].join()
  if (said.includes(CANARY)) throw new Error(`a claim came back: ${said}`)
  checkSilence(said, sent)
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

/** No part of a token: the first 12 characters of a segment stand for all of it. */
export function checkSilence(said: string, sent: string): void {
  for (const segment of sent.split(/[., ]/)) {
    if (segment.length >= 12 && said.includes(segment.slice(0, 12))) {
      throw new Error(`a part of the token came back: ${said}`)
    }
  }
}

/** Sees what is thrown where nobody waits for it. */
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

/** Milliseconds that a verdict may take. */
const limit = 50

/**
 * Fails for what takes too long. Only the fastest of a few runs counts, and only in `npm run fuzz`:
 * the others, and all in a test suite, may have had to wait for the machine.
 *
 * @param action Returns how many milliseconds it took.
 */
export async function expectPrompt(strict: boolean, action: () => Promise<number>): Promise<void> {
  let fastest = Number.POSITIVE_INFINITY
  for (let attempt = 0; attempt < 5; attempt++) {
    fastest = Math.min(fastest, await action())
    if (!strict || fastest <= limit) return
  }
  throw new Error(`took ${fastest.toFixed()} ms, at the best of 5`)
}
