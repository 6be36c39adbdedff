/**
 * @module Introspects the tokens of one issuer: cached results, one request for identical concurrent
 * tokens, a limit on unknown tokens, back-off in an outage. Failures are never cached and never become
 * a refusal of the token.
 *
 * @see {@link https://www.rfc-editor.org/rfc/rfc7662 | RFC 7662}
 */
import { InvalidTokenError, ServiceUnavailableError } from '../errors.ts'
import type { Observer } from '../events/observer.ts'
import type { IntrospectionLimit } from '../events.ts'
import type { JsonObject } from '../internal/json-object.ts'
import { printable } from '../internal/printable.ts'
import type { ResolvedClientAuthentication } from '../options/introspection.ts'
import { IntrospectionFailure } from './failure.ts'
import { createInactiveWatch } from './inactive-watch.ts'
import {
  createCacheKey,
  type IntrospectionCache,
  type IntrospectionResult,
} from './introspection-cache.ts'
import type { FetchedResponse, IntrospectionClient } from './introspection-client.ts'
import { createOutages, type IntrospectionAttempt, type Pause } from './outages.ts'
import { createIntrospectionRateLimit } from './rate-limit.ts'

/** What is cached of an accepted token. */
export interface Expiring {
  /** Seconds since 1970. */
  readonly expiresAt: number
}

export interface IntrospectorOptions<V extends Expiring, J> {
  readonly issuer: string
  /** What the results of this introspector are cached under, besides the token. */
  readonly cacheScope: string
  readonly authentication: ResolvedClientAuthentication
  readonly client: IntrospectionClient
  /** May be shared by several issuers. */
  readonly cache: IntrospectionCache<V>
  /** Seconds. */
  readonly maxAge: number
  /** Seconds. */
  readonly inactiveMaxAge: number
  /**
   * Validates the members of a response for an active token.
   *
   * @param now Seconds since 1970.
   * @param jwt What {@link Introspector.introspect} got.
   * @throws InvalidTokenError
   */
  readonly accept: (claims: JsonObject, now: number, jwt: J | undefined) => V
  /** Milliseconds. */
  readonly now: () => number
  readonly observer: Observer
}

export interface Introspector<V, J> {
  /**
   * Introspects a token. Returns without a promise where the result is cached.
   *
   * @param jwt The verification of a JWT whose signature was verified here: those cannot be invented, so
   * they are not limited.
   * @throws InvalidTokenError or ServiceUnavailableError, at once or by a rejection. Each call gets an
   * error of its own.
   */
  readonly introspect: (token: string, jwt?: J) => V | Promise<V>
  /**
   * Finds the endpoint, if it is not known. Makes no introspection.
   *
   * @throws ServiceUnavailableError
   */
  readonly ready: () => Promise<void>
}

interface RunningRequest<V> {
  readonly outcome: Promise<Outcome<V>>
  /** Seconds since 1970. */
  readonly startedAt: number
}

type Outcome<V> = IntrospectionResult<V> | Pause

/** Takes the place of a token where the endpoint is looked up without one. */
const noToken = ''

export function createIntrospector<V extends Expiring, J>(
  options: IntrospectorOptions<V, J>,
): Introspector<V, J> {
  const { issuer, cacheScope, authentication, client, cache, observer } = options
  const { method, clientId } = authentication
  const seconds = () => options.now() / 1000
  const outages = createOutages(seconds)
  const rateLimit = createIntrospectionRateLimit(seconds)
  const watch = createInactiveWatch()
  const running = new Map<string, RunningRequest<V>>()

  function introspect(token: string, jwt?: J): V | Promise<V> {
    const key = createCacheKey(cacheScope, token)
    const cached = cache.get(key, seconds())
    if (cached !== undefined) return settle(cached)
    const shared = running.get(key)
    return shared === undefined
      ? begin(token, key, jwt).then(settle)
      : share(shared, token, key, jwt)
  }

  /**
   * Waits for a request that is not older than a cached result may be. An older one may have been made
   * before a revocation.
   */
  async function share(first: RunningRequest<V>, token: string, key: string, jwt: J | undefined) {
    const earliest = seconds() - options.maxAge
    let shared: RunningRequest<V> | undefined = first
    while (shared !== undefined) {
      const outcome = await shared.outcome
      if (shared.startedAt >= earliest) return settle(outcome)
      shared = running.get(key)
    }
    return settle(await begin(token, key, jwt))
  }

  /** @throws ServiceUnavailableError where no request may be made now. */
  function begin(token: string, key: string, jwt: J | undefined): Promise<Outcome<V>> {
    const isGenuine = jwt !== undefined || cache.wasAccepted(key)
    const pause = outages.findPause(key, isGenuine)
    if (pause !== undefined) throw unavailable(pause)
    const limit = isGenuine ? undefined : rateLimit.begin()
    if (limit !== undefined) throw rateLimited(limit)
    const attempt = outages.begin(key, isGenuine)
    let isAccepted = false
    const run = async () => {
      const outcome = await request(token, key, attempt, jwt)
      isAccepted = 'value' in outcome
      return outcome
    }
    const startedAt = seconds()
    const outcome = run().finally(() => {
      running.delete(key)
      attempt.end()
      if (!isGenuine) rateLimit.end(isAccepted)
    })
    running.set(key, { outcome, startedAt })
    return outcome
  }

  function rateLimited(limit: IntrospectionLimit): ServiceUnavailableError {
    if (rateLimit.isReportDue()) {
      observer.emit({ type: 'introspection.rate_limited', issuer, limit })
    }
    const hint = 'too many tokens that were not accepted before'
    return new ServiceUnavailableError('introspection', 1, { issuer, hint })
  }

  async function request(
    token: string,
    key: string,
    attempt: IntrospectionAttempt,
    jwt: J | undefined,
  ): Promise<Outcome<V>> {
    const startedAt = performance.now()
    // The result is as old as the request, so that a revocation takes effect within maxAge.
    const requestedAt = seconds()
    let fetched: FetchedResponse
    try {
      fetched = await client.introspect(token)
    } catch (error) {
      if (!(error instanceof IntrospectionFailure)) throw error
      const pause = { failure: error, seconds: attempt.fail(error) }
      emitFailure(pause, startedAt)
      return pause
    }
    attempt.succeed()
    recordActivity(fetched.response.active)
    const result = evaluate(fetched, jwt)
    const until =
      'value' in result
        ? Math.min(requestedAt + options.maxAge, result.value.expiresAt)
        : requestedAt + options.inactiveMaxAge
    cache.set(key, result, { from: requestedAt, until }, fetched.size)
    return result
  }

  async function ready(): Promise<void> {
    if (client.isEndpointKnown()) return
    const pause = outages.findPause(noToken, true)
    if (pause !== undefined) throw unavailable(pause)
    const startedAt = performance.now()
    const attempt = outages.begin(noToken, true)
    try {
      await client.findEndpoint()
    } catch (error) {
      if (!(error instanceof IntrospectionFailure)) throw error
      const failed = { failure: error, seconds: attempt.fail(error) }
      emitFailure(failed, startedAt)
      throw unavailable(failed)
    } finally {
      attempt.end()
    }
  }

  function evaluate({ response }: FetchedResponse, jwt: J | undefined): IntrospectionResult<V> {
    if (!response.active) return { refusal: { reason: 'inactive', detail: { issuer } } }
    try {
      return { value: options.accept(response.claims, seconds(), jwt) }
    } catch (error) {
      if (!(error instanceof InvalidTokenError)) throw error
      return { refusal: { reason: error.reason, detail: { issuer, ...error.detail } } }
    }
  }

  function settle(outcome: Outcome<V>): V {
    if ('value' in outcome) return outcome.value
    if ('failure' in outcome) throw unavailable(outcome)
    throw new InvalidTokenError(outcome.refusal.reason, outcome.refusal.detail)
  }

  function unavailable({ failure, seconds: pause }: Pause): ServiceUnavailableError {
    const retryAfter = Math.max(1, Math.ceil(pause))
    const detail = { issuer, hint: failure.hint }
    return new ServiceUnavailableError('introspection', retryAfter, detail, failure)
  }

  function emitFailure({ failure, seconds: pause }: Pause, startedAt: number): void {
    observer.emit({
      type: 'introspection.failed',
      issuer,
      reason: failure.reason,
      method,
      clientId: clientId === undefined ? undefined : printable(clientId),
      hint: failure.hint,
      cause: failure,
      retryAfter: Math.ceil(pause),
      durationMs: performance.now() - startedAt,
    })
  }

  function recordActivity(active: boolean): void {
    const streak = watch.record(active, seconds())
    if (streak === undefined) return
    observer.emit({
      type: 'introspection.only_inactive',
      issuer,
      clientId: clientId === undefined ? undefined : printable(clientId),
      ...streak,
      hint: 'no token is active: the issuer may require this client in the aud of the token, the tokens are of another environment, or clients send made-up strings only',
    })
  }

  return { introspect, ready }
}
