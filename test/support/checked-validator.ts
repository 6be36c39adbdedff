/**
 * A validator whose results are checked against the invariants of every response: the error, its headers,
 * body and event are consistent, none of them contains a part of the token, and only served URLs are
 * fetched.
 */
import { inspect } from 'node:util'
import {
  type AccessToken,
  AccessTokenError,
  createValidator,
  InsufficientScopeError,
  InvalidTokenError,
  type InvalidTokenReason,
  type Requirement,
  ServiceUnavailableError,
  type ValidatorEvent,
  type ValidatorOptions,
} from 'oauth-resource-server'
import { expect } from 'vitest'
import { AUD, base64url, fixtureOptions, ISS, rsa1, signBytes, type TestKey } from './fixture.ts'

export const JWKS_URI: string = `${ISS}/jwks`

/** The issuer of the fixture with keys that must be fetched from {@link JWKS_URI}. */
export const remoteIssuer = { issuer: ISS, jwksUri: JWKS_URI }

/**
 * @param changes Options that differ from the fixture's.
 * @param served JSON documents by URL. Every other request fails, and fails the test.
 */
export function createApi(
  changes: Partial<ValidatorOptions> = {},
  served: Readonly<Record<string, unknown>> = {},
) {
  const events: ValidatorEvent[] = []
  const requests: string[] = []
  const fetch: typeof globalThis.fetch = async (url) => {
    requests.push(String(url))
    if (!Object.hasOwn(served, String(url))) throw new Error('no such server')
    return Response.json(served[String(url)])
  }
  const onEvent = (event: ValidatorEvent) => {
    events.push(event)
  }
  const validator = createValidator(fixtureOptions({ onEvent, fetch, ...changes }))

  async function failing(token: string, requirement?: Requirement): Promise<AccessTokenError> {
    events.length = 0
    const error: unknown = await validator.validate(token, requirement).then(
      () => expect.fail('the token was accepted'),
      (reason) => reason,
    )
    if (!(error instanceof AccessTokenError)) throw error
    expect(error.stack).toBe(`${error.name}: ${error.message}`)
    if (!Object.hasOwn(changes, 'onEvent')) {
      const refusals = events.filter(({ type }) => type === 'token.refused')
      expect(refusals).toEqual([expect.objectContaining({ status: error.status })])
      expect(refusals[0]).toMatchObject({ detail: error.detail })
    }
    expectNoPartOf(token, [error, error.stack, error.headers, error.body, error.detail, events])
    expectKnownRequests()
    return error
  }

  function expectKnownRequests(): void {
    expect(requests.filter((url) => !Object.hasOwn(served, url))).toEqual([])
  }

  return {
    validator,
    events,
    requests,
    /** Requires that the token is accepted. */
    async accepts(token: string, requirement?: Requirement): Promise<AccessToken> {
      const accepted = await validator.validate(token, requirement)
      expectKnownRequests()
      return accepted
    },
    /** Requires 401 `invalid_token`. */
    async refuses(token: string, reason: InvalidTokenReason): Promise<InvalidTokenError> {
      const error = await failing(token)
      expect(error).toBeInstanceOf(InvalidTokenError)
      expect(error).toMatchObject({ reason, status: 401, code: 'invalid_token', expose: true })
      if (!Object.hasOwn(changes, 'onEvent'))
        expect(events).toContainEqual(expect.objectContaining({ reason }))
      expectChallenge(error, `error="invalid_token", error_description="${error.message}"`)
      return error as InvalidTokenError
    },
    /** Requires 403 `insufficient_scope` with these scopes. */
    async forbids(token: string, requirement: Requirement, scope: string): Promise<void> {
      const error = await failing(token, requirement)
      expect(error).toBeInstanceOf(InsufficientScopeError)
      expect(error).toMatchObject({ status: 403, code: 'insufficient_scope', expose: true })
      expectChallenge(
        error,
        `error="insufficient_scope", error_description="${error.message}", scope="${scope}"`,
      )
    },
    /** Requires 503. */
    async isUnavailableFor(token: string): Promise<ServiceUnavailableError> {
      const error = await failing(token)
      expect(error).toBeInstanceOf(ServiceUnavailableError)
      expect(error).toMatchObject({ status: 503, code: 'service_unavailable', expose: false })
      const { retryAfter } = error as ServiceUnavailableError
      expect(error.headers).toEqual({ 'Retry-After': `${retryAfter}`, 'Cache-Control': 'no-store' })
      expect(error.body).toBeUndefined()
      return error as ServiceUnavailableError
    },
  }

  function expectChallenge(error: AccessTokenError, parameters: string): void {
    const { audience = AUD } = changes
    const realm = changes.realm ?? [audience].flat()[0]
    expect(error.headers).toEqual({
      'WWW-Authenticate': [`Bearer realm="${realm}", ${parameters}`],
      'Cache-Control': 'no-store',
      'Content-Type': 'application/json',
    })
    expect(error.body).toEqual({ error: error.code, error_description: error.message })
    // RFC 6750 §3: the characters of error_description.
    expect(error.message).toMatch(/^[\x20-\x21\x23-\x5b\x5d-\x7e]+$/)
  }
}

function expectNoPartOf(token: string, places: readonly unknown[]): void {
  if (typeof token !== 'string') return
  const output = places
    .map((place) => `${inspect(place, { depth: 9 })} ${JSON.stringify(place)}`)
    .join()
  const parts = token.split('.').filter((segment) => segment.length >= 12)
  for (const part of parts) expect(output).not.toContain(part.slice(0, 12))
}

/** Signs two segments unchanged. They need not be base64url. */
export function signSegments(header: string, payload: string, key: TestKey = rsa1): string {
  const input = `${header}.${payload}`
  return `${input}.${base64url(signBytes(key.alg, key.privateKey, Buffer.from(input)))}`
}

/** The three parts of a token. */
export function partsOf(token: string): [header: string, payload: string, signature: string] {
  return token.split('.') as [string, string, string]
}

/** The duration of the fastest run in milliseconds, because other processes can delay a run. */
export async function fastestOf(runs: number, action: () => Promise<unknown>): Promise<number> {
  const durations: number[] = []
  for (let run = 0; run < runs; run++) {
    const startedAt = performance.now()
    await action()
    durations.push(performance.now() - startedAt)
  }
  return Math.min(...durations)
}
