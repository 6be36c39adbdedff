/**
 * @module Calls the application's function `revoked` for every token that passed the earlier steps. Concurrent
 * requests with the same token may share a call that returned a promise. A request uses only a call that began
 * after the request reached this step, because an earlier call may have read an older state. So it waits for at
 * most two calls: one that it cannot use, and the next. No result is kept.
 */
import type { AccessToken } from '../access-token.ts'
import { InvalidTokenError, ServiceUnavailableError } from '../errors.ts'
import type { Observer } from '../events/observer.ts'
import { callbackError } from '../internal/callback.ts'
import { isPromise, isThenable } from '../internal/maybe-promise.ts'
import { withTimeout } from '../internal/timeout.ts'
import { currentOrder, nextOrder } from '../keys/arrival.ts'
import type { ResolvedOptions } from '../options/resolve.ts'
import { digestToken } from './token-cache.ts'

/**
 * Checks that a token was not revoked. Returns no promise if the application's function returns none.
 *
 * @throws InvalidTokenError with `revoked`, or ServiceUnavailableError, synchronously or by rejecting.
 */
export type CheckRevocation = (token: AccessToken) => Promise<void> | undefined

/** What the function returned, or why it failed. Each request creates its own error from it. */
type Outcome = { readonly isRevoked: boolean } | { readonly failure: Error }

interface RunningCall {
  readonly key: string
  readonly outcome: Promise<Outcome>
  /** `nextOrder()` when the call began. */
  readonly order: number
}

/** @returns `undefined` where the application does not check revocation. */
export function createRevocationCheck(
  { revoked, keyPolicy }: ResolvedOptions,
  observer: Observer,
): CheckRevocation | undefined {
  if (revoked === undefined) return undefined
  const { timeout } = keyPolicy
  const running = new Map<string, RunningCall>()

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

  function begin(token: AccessToken): Outcome | Promise<Outcome> {
    const order = nextOrder()
    const result = call(token)
    if (!isPromise(result)) return result
    const key = digestToken(token.token)
    const outcome = result.then((settled) => {
      running.delete(key)
      return settled
    })
    running.set(key, { key, outcome, order })
    return outcome
  }

  /** Waits for a call in progress. If it began too early, uses the next one, or makes it. */
  async function share(first: RunningCall, token: AccessToken): Promise<undefined> {
    const order = currentOrder()
    let shared: RunningCall | undefined = first
    while (shared !== undefined) {
      const outcome = await shared.outcome
      if (shared.order > order) return requireNotRevoked(outcome)
      shared = running.get(first.key)
    }
    return requireNotRevoked(await begin(token))
  }

  return (token) => {
    // Without a call in progress there is none to share, and no digest is needed: a function that returns a
    // boolean never needs one.
    const shared = running.size > 0 ? running.get(digestToken(token.token)) : undefined
    if (shared !== undefined) return share(shared, token)
    const outcome = begin(token)
    return isPromise(outcome) ? outcome.then(requireNotRevoked) : requireNotRevoked(outcome)
  }
}

function requireNotRevoked(outcome: Outcome): undefined {
  if ('failure' in outcome) {
    const hint = 'the function given as revoked failed'
    throw new ServiceUnavailableError('revocation', 1, { hint }, outcome.failure)
  }
  if (outcome.isRevoked) throw new InvalidTokenError('revoked')
}
