/**
 * @module Introspects the tokens of one issuer: cached results, one request for identical concurrent
 * tokens, a limit on unknown tokens, back-off in an outage. Failures are never cached and never become
 * a refusal of the token.
 *
 * @see {@link https://www.rfc-editor.org/rfc/rfc7662 | RFC 7662}
 */
import { InvalidTokenError, ServiceUnavailableError } from '../errors.ts'
import type { IntrospectionLimit, Observer } from '../events.ts'
import type { JsonObject } from '../internal/compact-jws.ts'
import { printable } from '../internal/printable.ts'
import { createBackOff } from '../keys/back-off.ts'
import type { ResolvedClientAuthentication } from '../options/introspection.ts'
import { IntrospectionFailure } from './failure.ts'
import { createInactiveWatch } from './inactive-watch.ts'
import {
  createCacheKey,
  type IntrospectionCache,
  type IntrospectionResult,
} from './introspection-cache.ts'
import type { FetchedResponse, IntrospectionClient } from './introspection-client.ts'
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

/**
 * Seconds between two attempts in an outage. Shorter than for keys, because no older result serves
 * meanwhile: the API is unavailable until the next attempt.
 */
const maxDelay = 10

interface RunningRequest<V> {
  readonly outcome: Promise<Outcome<V>>
  /** Seconds since 1970. */
  readonly startedAt: number
}

type Outcome<V> = IntrospectionResult<V> | { readonly failure: IntrospectionFailure }

export function createIntrospector<V extends Expiring, J>(
  options: IntrospectorOptions<V, J>,
): Introspector<V, J> {
  const { issuer, cacheScope, authentication, client, cache, observer } = options
  const { method, clientId } = authentication
  const seconds = () => options.now() / 1000
  const backOff = createBackOff(seconds, undefined, maxDelay)
  const rateLimit = createIntrospectionRateLimit(seconds)
  const watch = createInactiveWatch()
  const running = new Map<string, RunningRequest<V>>()
  let lastFailure: IntrospectionFailure | undefined
  /** How many failures have lengthened the back-off. */
  let outages = 0
  let isProbing = false

  function introspect(token: string, jwt?: J): V | Promise<V> {
    const key = createCacheKey(cacheScope, token)
    const cached = cache.find(key, seconds())
    if (cached !== undefined) return settle(cached)
    const shared = running.get(key)
    return shared === undefined
      ? begin(token, key, jwt).then(settle)
      : share(shared, token, key, jwt)
  }

  /** Waits for a request that is not older than a cached result may be: else it may be from before a revocation. */
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
    // After a failure one request at a time finds out whether the server is back.
    const isProbe = backOff.isFailing()
    if (backOff.remaining() > 0 || (isProbe && isProbing)) throw unavailable(lastFailure)
    const isGenuine = jwt !== undefined || cache.wasAccepted(key)
    const limit = isGenuine ? undefined : rateLimit.begin()
    if (limit !== undefined) throw rateLimited(limit)
    if (isProbe) isProbing = true
    let isAccepted = false
    const run = async () => {
      const outcome = await request(token, key, isGenuine, jwt)
      isAccepted = 'value' in outcome
      return outcome
    }
    const startedAt = seconds()
    const outcome = run().finally(() => {
      running.delete(key)
      if (isProbe) isProbing = false
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
    isGenuine: boolean,
    jwt: J | undefined,
  ): Promise<Outcome<V>> {
    const startedAt = performance.now()
    const outagesBefore = outages
    // The result is as old as the request, so that a revocation takes effect within maxAge.
    const requestedAt = seconds()
    let fetched: FetchedResponse
    try {
      fetched = await client.introspect(token)
    } catch (error) {
      if (!(error instanceof IntrospectionFailure)) throw error
      // A token that the issuer issued is not the cause, unless the status shows that it is.
      const isOutage = error.dueTo === 'server' || (isGenuine && error.dueTo !== 'token')
      // Requests that were in flight together fail together, which is one outage.
      if (isOutage && outages === outagesBefore) recordOutage(error)
      emitFailure(error, isOutage, startedAt)
      return { failure: error }
    }
    backOff.recordSuccess()
    recordActivity(fetched.response.active)
    const result = evaluate(fetched, jwt)
    const until =
      'value' in result
        ? Math.min(requestedAt + options.maxAge, result.value.expiresAt)
        : requestedAt + options.inactiveMaxAge
    cache.set(key, result, { from: requestedAt, until }, fetched.size)
    return result
  }

  function recordOutage(failure: IntrospectionFailure): void {
    outages++
    backOff.recordFailure(failure.retryAfter)
    lastFailure = failure
  }

  async function ready(): Promise<void> {
    if (client.isEndpointKnown()) return
    if (backOff.remaining() > 0) throw unavailable(lastFailure)
    const startedAt = performance.now()
    const outagesBefore = outages
    try {
      await client.findEndpoint()
    } catch (error) {
      if (!(error instanceof IntrospectionFailure)) throw error
      if (outages === outagesBefore) recordOutage(error)
      emitFailure(error, true, startedAt)
      throw unavailable(error)
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
    if ('failure' in outcome) throw unavailable(outcome.failure)
    throw new InvalidTokenError(outcome.refusal.reason, outcome.refusal.detail)
  }

  function unavailable(failure: IntrospectionFailure | undefined): ServiceUnavailableError {
    const hint = failure?.hint
    return new ServiceUnavailableError(
      'introspection',
      Math.max(1, Math.ceil(backOff.remaining())),
      { issuer, ...(hint !== undefined && { hint }) },
      failure,
    )
  }

  function emitFailure(failure: IntrospectionFailure, isOutage: boolean, startedAt: number): void {
    observer.emit({
      type: 'introspection.failed',
      issuer,
      reason: failure.reason,
      method,
      clientId: clientId === undefined ? undefined : printable(clientId),
      hint: failure.hint,
      cause: failure,
      retryAfter: isOutage ? Math.max(1, Math.ceil(backOff.remaining())) : 0,
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
