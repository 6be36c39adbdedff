/**
 * @module Calls the application's function `revoked`, on every request. Requests with the same token share
 * a call that is in progress. No result is kept.
 */
import type { AccessToken } from '../access-token.ts'
import { InvalidTokenError, ServiceUnavailableError } from '../errors.ts'
import type { Observer } from '../events.ts'
import { callbackError } from '../internal/callback.ts'
import { isThenable } from '../internal/maybe-promise.ts'
import { withTimeout } from '../internal/timeout.ts'
import type { ResolvedOptions } from '../options/resolve.ts'
import { digestOf } from './token-cache.ts'

/**
 * Checks that a token was not revoked. Returns without a promise where the function does.
 *
 * @throws InvalidTokenError with `revoked`, or ServiceUnavailableError, at once or by rejecting.
 */
export type CheckRevocation = (token: AccessToken) => Promise<void> | undefined

/** What the function returned, or why it failed. Every request gets an error of its own from it. */
type Outcome = { readonly isRevoked: boolean } | { readonly failure: Error }

/** @returns `undefined` where the application does not check revocation. */
export function createRevocationCheck(
  { revoked, keyPolicy }: ResolvedOptions,
  observer: Observer,
): CheckRevocation | undefined {
  if (revoked === undefined) return undefined
  const { timeout } = keyPolicy
  const pending = new Map<string, Promise<Outcome>>()

  function call(token: AccessToken): Outcome | Promise<Outcome> {
    try {
      const result: unknown = revoked?.(token)
      return isThenable(result) ? waitFor(result) : validate(result)
    } catch (error) {
      return fail(callbackError('revoked', error))
    }
  }

  async function waitFor(result: PromiseLike<unknown>): Promise<Outcome> {
    const settled = Promise.resolve(result).then(validate, (error) =>
      fail(callbackError('revoked', error)),
    )
    const createTimeoutError = () =>
      new Error(`the callback revoked did not settle within ${timeout} s`)
    return withTimeout(settled, timeout * 1000, createTimeoutError).catch(fail)
  }

  function validate(result: unknown): Outcome {
    if (typeof result === 'boolean') return { isRevoked: result }
    return fail(new TypeError('revoked must return true or false'))
  }

  function fail(failure: Error): Outcome {
    observer.emit({ type: 'callback.failed', cause: failure })
    return { failure }
  }

  return (token) => {
    // No digest is needed without calls in progress, where the function returns a boolean.
    const shared = pending.size === 0 ? undefined : pending.get(digestOf(token.token))
    if (shared !== undefined) return shared.then(settle)
    const outcome = call(token)
    if (!('then' in outcome)) return settle(outcome)
    const key = digestOf(token.token)
    pending.set(key, outcome)
    return outcome.then((known) => {
      pending.delete(key)
      return settle(known)
    })
  }
}

function settle(outcome: Outcome): undefined {
  if ('failure' in outcome) {
    const hint = 'the function given as revoked failed'
    throw new ServiceUnavailableError('revocation', 1, { hint }, outcome.failure)
  }
  if (outcome.isRevoked) throw new InvalidTokenError('revoked')
}
