/**
 * @module Introspects the tokens of one issuer. Caches results, shares one request between concurrent calls
 * with the same token, limits requests about unknown tokens, and makes no requests for some time after
 * failures. A failure is not cached as a result, and does not refuse the token.
 *
 * @see {@link https://www.rfc-editor.org/rfc/rfc7662 | RFC 7662}
 */
import { InvalidTokenError, ServiceUnavailableError } from '../errors.ts'
import type { JsonObject } from '../internal/json-object.ts'
import {
  createCacheKey,
  type IntrospectionCache,
  type IntrospectionResult,
} from './introspection-cache.ts'
import type { FetchedResponse, IntrospectionClient } from './introspection-client.ts'
import { IntrospectionError } from './introspection-error.ts'
import {
  createIntrospectionReports,
  type IntrospectionReportOptions,
} from './introspection-reports.ts'
import { createOutages, type IntrospectionAttempt, type Pause } from './outages.ts'
import { createIntrospectionRateLimit } from './rate-limit.ts'

/** The part of a result that an introspector reads: when it expires. */
export interface Expiring {
  /** Seconds since 1970. */
  readonly expiresAt: number
}

/** `R` is the result of verifying a token, by introspection or, for a JWT, locally. */
export interface IntrospectorOptions<R extends Expiring> extends IntrospectionReportOptions {
  /** Separates the results of this introspector from those of others that share the cache. */
  readonly cacheScope: string
  readonly client: IntrospectionClient
  /** May be shared by several introspectors. */
  readonly cache: IntrospectionCache<R>
  /** Seconds for which an accepted token is cached at most. */
  readonly maxAge: number
  /** Seconds for which a refused token is cached. */
  readonly inactiveMaxAge: number
  /**
   * Validates the members of a response for an active token.
   *
   * @param now Seconds since 1970.
   * @param jwt The argument of {@link Introspector.introspect}.
   * @throws InvalidTokenError
   */
  readonly validateResponse: (claims: JsonObject, now: number, jwt: R | undefined) => R
  /** Milliseconds. */
  readonly now: () => number
}

export interface Introspector<R> {
  /**
   * Introspects a token. Returns without a promise if the result is cached.
   *
   * @param jwt The result of verifying the token locally, if it is a JWT. The rate limit does not apply to
   * such tokens, because they cannot be forged.
   * @throws InvalidTokenError or ServiceUnavailableError, synchronously or by rejecting. Each call gets an
   * error of its own.
   */
  readonly introspect: (token: string, jwt?: R) => R | Promise<R>
  /**
   * Finds the endpoint, if it is not known. Introspects no token.
   *
   * @throws ServiceUnavailableError
   */
  readonly ready: () => Promise<void>
}

interface RunningRequest<R> {
  readonly outcome: Promise<Outcome<R>>
  /** Seconds since 1970. */
  readonly requestedAt: number
}

type Outcome<R> = IntrospectionResult<R> | Pause

/** The key that failures are recorded under if the endpoint is looked up without a token. */
const noToken = ''

export function createIntrospector<R extends Expiring>(
  options: IntrospectorOptions<R>,
): Introspector<R> {
  const { issuer, cacheScope, client, cache } = options
  const seconds = () => options.now() / 1000
  const outages = createOutages(seconds)
  const rateLimit = createIntrospectionRateLimit(seconds)
  const reports = createIntrospectionReports(options)
  const running = new Map<string, RunningRequest<R>>()

  function introspect(token: string, jwt?: R): R | Promise<R> {
    const key = createCacheKey(cacheScope, token)
    const cached = cache.get(key, seconds())
    return cached === undefined ? shareOrBegin(token, key, jwt) : unwrapOutcome(cached, issuer)
  }

  /**
   * Uses the outcome of a request in flight if that request began at most `maxAge` before this call. An older
   * request may have been made before a revocation: waits for its end, and then uses a newer one. Makes a request
   * if there is none to use.
   */
  async function shareOrBegin(token: string, key: string, jwt: R | undefined): Promise<R> {
    const earliest = seconds() - options.maxAge
    let shared = running.get(key)
    while (shared !== undefined) {
      const outcome = await shared.outcome
      if (shared.requestedAt >= earliest) return unwrapOutcome(outcome, issuer)
      shared = running.get(key)
    }
    return unwrapOutcome(await begin(token, key, jwt), issuer)
  }

  /** @throws ServiceUnavailableError if no request may be made now. */
  function begin(token: string, key: string, jwt: R | undefined): Promise<Outcome<R>> {
    const isGenuine = jwt !== undefined || cache.wasAccepted(key)
    const attempt = beginAttempt(key, isGenuine)
    // The age of the result counts from here, so that a revocation takes effect within maxAge.
    const requestedAt = seconds()
    let isAccepted = false
    const run = async () => {
      const fetched = await callClient(() => client.introspect(token), attempt)
      if ('failure' in fetched) return fetched
      attempt.succeed()
      reports.recordResponse(fetched.response.active, seconds())
      const result = validate(fetched, jwt)
      isAccepted = !('refusal' in result)
      store(key, result, requestedAt, fetched.size)
      return result
    }
    const outcome = run().finally(() => {
      running.delete(key)
      attempt.end()
      if (!isGenuine) rateLimit.end(isAccepted)
    })
    running.set(key, { outcome, requestedAt })
    return outcome
  }

  function beginAttempt(key: string, isGenuine: boolean): IntrospectionAttempt {
    const pause = outages.findPause(key, isGenuine)
    if (pause !== undefined) throw createUnavailableError(pause, issuer)
    const limit = isGenuine ? undefined : rateLimit.begin()
    if (limit === undefined) return outages.begin(key, isGenuine)
    if (rateLimit.tryReport()) reports.reportRateLimit(limit)
    const hint = 'too many tokens that were not accepted before'
    throw new ServiceUnavailableError('introspection', 1, { issuer, hint })
  }

  /** Calls the client, and records and reports its failure. */
  async function callClient<T>(
    call: () => Promise<T>,
    attempt: IntrospectionAttempt,
  ): Promise<T | Pause> {
    const startedAt = performance.now()
    try {
      return await call()
    } catch (error) {
      if (!(error instanceof IntrospectionError)) throw error
      const failed = attempt.fail(error)
      reports.reportFailure(error, failed.delayOfOtherTokens, startedAt)
      return failed
    }
  }

  function validate({ response }: FetchedResponse, jwt: R | undefined): IntrospectionResult<R> {
    if (!response.active) return { refusal: { reason: 'inactive', detail: { issuer } } }
    try {
      return { value: options.validateResponse(response.claims, seconds(), jwt) }
    } catch (error) {
      if (!(error instanceof InvalidTokenError)) throw error
      return { refusal: { reason: error.reason, detail: { issuer, ...error.detail } } }
    }
  }

  function store(key: string, result: IntrospectionResult<R>, from: number, size: number): void {
    const until =
      'refusal' in result
        ? from + options.inactiveMaxAge
        : Math.min(from + options.maxAge, result.value.expiresAt)
    cache.set(key, result, { from, until }, size)
  }

  async function ready(): Promise<void> {
    if (client.isEndpointKnown()) return
    const pause = outages.findPause(noToken, true)
    if (pause !== undefined) throw createUnavailableError(pause, issuer)
    const attempt = outages.begin(noToken, true)
    try {
      const failed = await callClient(client.findEndpoint, attempt)
      if (failed !== undefined) throw createUnavailableError(failed, issuer)
    } finally {
      attempt.end()
    }
  }

  return { introspect, ready }
}

/**
 * Returns the value of an accepted token.
 *
 * @throws InvalidTokenError or ServiceUnavailableError, a new one for each call.
 */
function unwrapOutcome<R>(outcome: Outcome<R>, issuer: string): R {
  if ('failure' in outcome) throw createUnavailableError(outcome, issuer)
  if ('refusal' in outcome) {
    throw new InvalidTokenError(outcome.refusal.reason, outcome.refusal.detail)
  }
  return outcome.value
}

function createUnavailableError(
  { failure, delay }: Pause,
  issuer: string,
): ServiceUnavailableError {
  const retryAfter = Math.max(1, Math.ceil(delay))
  return new ServiceUnavailableError(
    'introspection',
    retryAfter,
    { issuer, hint: failure.hint },
    failure,
  )
}
