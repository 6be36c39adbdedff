/**
 * @module The life of a fetched key set: one fetch at a time, refreshed ahead of its age, served on
 * through an outage, and asked anew, within a budget, when a token names a key that is not in it.
 * Works without timers of its own: requests are what moves it on.
 */
import { printable, ServiceUnavailableError } from '../errors.ts'
import type { Observer } from '../events.ts'
import { FetchFailure } from '../internal/fetch-json.ts'
import { createBackOff } from './back-off.ts'
import { type KeysEndpoint, reasonOf } from './jwks-client.ts'
import type { KeySet } from './key-set.ts'
import type { KeySource } from './key-source.ts'
import { createRefreshBudget } from './rate-limit.ts'

/** How long keys are used, and how long they are waited for. All in seconds. */
export interface KeyLifePolicy {
  readonly maxAge: number
  readonly staleIfError: number
  readonly timeout: number
}

export interface RemoteKeySourceOptions {
  readonly issuer: string
  readonly endpoint: KeysEndpoint
  readonly policy: KeyLifePolicy
  /** Milliseconds. */
  readonly now: () => number
  readonly observer: Observer
}

/** The part of a set's lifetime after which it is refreshed in the background. */
const refreshAhead = 0.75
/** How long a request waits, in seconds, where an older set could serve. */
const patience = 1

interface Held {
  readonly set: KeySet
  readonly fetchedAt: number
  readonly refreshAt: number
  readonly expiresAt: number
  readonly usableUntil: number
}

interface Attempt {
  /** Settles when the attempt has; never rejects. */
  readonly done: Promise<void>
  /** Whether it was begun when the set was past its age already, so that requests wait for it. */
  readonly late: boolean
  /** Whether it was begun for a token that fits no key of the set. */
  readonly forToken: boolean
  /** Resolves once requests should not wait any longer. */
  readonly outOfPatience: Promise<void>
  overdue: boolean
}

export function createRemoteKeySource(options: RemoteKeySourceOptions): KeySource {
  const { issuer, endpoint, policy, observer } = options
  const seconds = () => options.now() / 1000
  const backOff = createBackOff(seconds)
  const budget = createRefreshBudget(seconds)
  let held: Held | undefined
  let attempt: Attempt | undefined
  let failure: unknown

  function current(time = seconds()): KeySet | Promise<KeySet> {
    // A set from the future means that the clock was set back: its age is not known, so it is old.
    if (held !== undefined && time < held.fetchedAt) held = agedSet(held, time)
    if (held === undefined || !(time < held.usableUntil)) return whenFetched()
    const due = time >= held.refreshAt
    const fresh = time < held.expiresAt
    if (due && attempt === undefined && backOff.wait() === 0) attempt = begin(!fresh)
    // In steady use an attempt is under way before the set is too old, and nobody waits for it.
    const wait = !fresh && attempt?.late === true && !attempt.overdue && !backOff.failing()
    if (!wait) return held.set
    return Promise.race([attempt?.done, attempt?.outOfPatience]).then(usable)
  }

  function agedSet({ set }: Held, time: number): Held {
    const usableUntil = time + policy.staleIfError
    return { set, fetchedAt: time, refreshAt: time, expiresAt: time, usableUntil }
  }

  async function whenFetched(): Promise<KeySet> {
    if (attempt === undefined && backOff.wait() === 0) attempt = begin(true)
    await attempt?.done
    return usable()
  }

  /** @param within Seconds that may be waited. */
  function newerThan(
    known: KeySet,
    fits: (set: KeySet) => boolean,
    within: number = policy.timeout,
  ): KeySet | Promise<KeySet> {
    if (attempt !== undefined && !attempt.forToken) {
      // It was begun for another reason, and may have been answered before the key was there.
      const since = performance.now()
      return attempt.done.then(() => {
        const set = answered()
        const left = within - (performance.now() - since) / 1000
        // Not where little time is left: an attempt that is cut short would count as a failure.
        return fits(set) || left < policy.timeout / 2 ? set : newerThan(set, fits, left)
      })
    }
    if (attempt === undefined && held?.set === known) {
      if (backOff.wait() > 0) throw unavailable()
      if (!budget.take()) {
        observer.emit({ type: 'keys.rate_limited', issuer })
        if (backOff.failing()) throw unavailable()
        return known
      }
      attempt = begin(false, within)
    }
    return attempt === undefined ? answered() : attempt.done.then(answered)
  }

  /** Without an answer nobody knows whether a key exists: that is no fault of the token. */
  function answered(): KeySet {
    if (backOff.failing()) throw unavailable()
    return usable()
  }

  function usable(): KeySet {
    if (held === undefined || !(seconds() < held.usableUntil)) throw unavailable()
    return held.set
  }

  function unavailable(): ServiceUnavailableError {
    const hint = failure instanceof FetchFailure ? failure.message : undefined
    return new ServiceUnavailableError(
      'keys',
      retryAfter(),
      { issuer: printable(issuer), ...(hint !== undefined && { hint }) },
      failure,
    )
  }

  function retryAfter(): number {
    return Math.max(1, Math.ceil(backOff.wait()))
  }

  /**
   * Begins an attempt. The first thing that it does is asynchronous, so the caller can store it.
   *
   * @param within Seconds that a token waits for it; without, it is not begun for one.
   */
  function begin(late: boolean, within?: number): Attempt {
    const startedAt = performance.now()
    const controller = new AbortController()
    const deadline = setTimeout(() => controller.abort(), (within ?? policy.timeout) * 1000)
    let patienceTimer: NodeJS.Timeout | undefined
    const outOfPatience = new Promise<void>((resolve) => {
      if (!late) return
      patienceTimer = setTimeout(() => {
        begun.overdue = true
        resolve()
      }, patience * 1000)
    })
    const end = () => {
      clearTimeout(deadline)
      clearTimeout(patienceTimer)
      attempt = undefined
    }
    // Whatever is thrown here (by the application's clock, say) the next request meets by itself.
    const done = run(controller.signal, startedAt).then(end, end)
    const begun: Attempt = {
      done,
      late,
      forToken: within !== undefined,
      outOfPatience,
      overdue: false,
    }
    return begun
  }

  async function run(signal: AbortSignal, startedAt: number): Promise<void> {
    const previous = held?.set
    try {
      const { set, lifetime } = await endpoint.fetch(signal, previous)
      const fetchedAt = seconds()
      const expiresAt = fetchedAt + lifetime
      held = {
        set,
        fetchedAt,
        refreshAt: fetchedAt + lifetime * refreshAhead,
        expiresAt,
        usableUntil: expiresAt + policy.staleIfError,
      }
      backOff.succeeded()
      failure = undefined
      tellOf(set, previous, startedAt)
    } catch (error) {
      failure = error
      backOff.failed(error instanceof FetchFailure ? error.retryAfter : undefined)
      const time = seconds()
      observer.emit({
        type: 'keys.failed',
        issuer,
        reason: reasonOf(error),
        cause: error,
        serving:
          held === undefined || !(time < held.usableUntil)
            ? 'nothing'
            : time < held.expiresAt
              ? 'fresh'
              : 'stale',
        retryAfter: retryAfter(),
        durationMs: performance.now() - startedAt,
      })
    }
  }

  function tellOf(set: KeySet, previous: KeySet | undefined, startedAt: number): void {
    const before = [...(previous?.keys.keys() ?? [])]
    const removed = before.filter((identity) => !set.keys.has(identity)).length
    observer.emit({
      type: 'keys.refreshed',
      issuer,
      keys: set.keys.size,
      skipped: set.skipped.length,
      added: set.keys.size - (before.length - removed),
      removed,
      durationMs: performance.now() - startedAt,
    })
    // Once for each new set, not once for each refresh.
    if (JSON.stringify(previous?.skipped) === JSON.stringify(set.skipped)) return
    for (const { kid, reason } of set.skipped) {
      observer.emit({
        type: 'keys.skipped',
        issuer,
        kid: kid === undefined ? undefined : printable(kid),
        reason,
      })
    }
  }

  return { current, newerThan }
}
