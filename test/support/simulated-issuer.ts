/**
 * A simulated authorization server without a network. A test replaces the functions that create its
 * responses, and vitest's fake timers are its clock, so that a day passes in milliseconds.
 */
import crypto from 'node:crypto'
import { syncBuiltinESMExports } from 'node:module'
import { setImmediate as nextTurn } from 'node:timers/promises'
import {
  AccessTokenError,
  createValidator,
  InvalidTokenError,
  type ValidatorEvent,
  type ValidatorOptions,
} from 'oauth-resource-server'
import { expect, onTestFinished, vi } from 'vitest'
import { AUD, ec3, ISS, rsa1 } from './fixture.ts'

/** Creates the response to a request with this URL and these headers. */
export type Answer = (url: string, headers: Headers) => Response | Promise<Response>

export const metadataUrl = `${ISS}/.well-known/oauth-authorization-server`
export const jwksUri = `${ISS}/jwks`

/** Creates a JSON response. */
export function json(body: unknown, headers: Record<string, string> = {}, status = 200): Response {
  return new Response(JSON.stringify(body), { status, headers })
}

export const status = (code: number, headers: Record<string, string> = {}): Response =>
  new Response(null, { status: code, headers })

export const refused = (): never => {
  throw new TypeError('fetch failed', { cause: new Error('connect ECONNREFUSED') })
}

/** Never responds, and ignores the signal. */
export const hanging = (): Promise<Response> => new Promise(() => {})

export interface SimulatedIssuer {
  /** The current keys of the key set. */
  keys: unknown[]
  metadata: Answer
  jwks: Answer
  /** Every URL that was fetched. */
  readonly urls: string[]
  readonly events: ValidatorEvent[]
  readonly fetch: typeof fetch
  /** Counts the requests for metadata (`/.well-known/`) and all others, which are for keys. */
  readonly count: () => { metadata: number; jwks: number }
  readonly eventsOf: <T extends ValidatorEvent['type']>(
    type: T,
  ) => Extract<ValidatorEvent, { type: T }>[]
  /** The options of a validator that trusts this issuer, with the changes of a test. */
  readonly options: (changes?: Partial<ValidatorOptions>) => ValidatorOptions
  readonly validator: (changes?: Partial<ValidatorOptions>) => ReturnType<typeof createValidator>
}

export function simulateIssuer(keys: unknown[] = [rsa1.jwk]): SimulatedIssuer {
  const urls: string[] = []
  const events: ValidatorEvent[] = []
  const fetch: typeof globalThis.fetch = async (input, init) => {
    const url = String(input)
    urls.push(url)
    expect(init).toMatchObject({ redirect: 'manual', credentials: 'omit' })
    // Without a method, `fetch` sends GET.
    expect(init?.method ?? 'GET').toBe('GET')
    const answer = url.includes('/.well-known/') ? simulated.metadata : simulated.jwks
    return answer(url, new Headers(init?.headers))
  }
  const options = (changes: Partial<ValidatorOptions> = {}): ValidatorOptions => ({
    issuer: ISS,
    audience: AUD,
    profile: 'rfc9068',
    fetch,
    onEvent: (event) => {
      events.push(event)
    },
    ...changes,
  })
  const simulated: SimulatedIssuer = {
    keys,
    metadata: (url) =>
      url === metadataUrl ? json({ issuer: ISS, jwks_uri: jwksUri }) : status(404),
    jwks: () => json({ keys: simulated.keys }),
    urls,
    events,
    fetch,
    count() {
      const metadata = urls.filter((url) => url.includes('/.well-known/')).length
      return { metadata, jwks: urls.length - metadata }
    },
    eventsOf: <T extends ValidatorEvent['type']>(type: T) =>
      events.filter((event): event is Extract<ValidatorEvent, { type: T }> => event.type === type),
    options,
    validator: (changes) => createValidator(options(changes)),
  }
  return simulated
}

/**
 * Resolves to the result of a validation in short form: `OK`, `T401 <reason>` for 401 `invalid_token`, or
 * `X503`. Rejects with any other error, and if the headers do not fit the status.
 */
export async function outcomeOf(validation: Promise<unknown>): Promise<string> {
  try {
    await validation
    return 'OK'
  } catch (error) {
    if (!(error instanceof AccessTokenError)) throw error
    const { status, headers } = error
    if (error instanceof InvalidTokenError) {
      expect(status).toBe(401)
      expect(String(headers['WWW-Authenticate'])).toContain('error="invalid_token"')
      return `T401 ${error.reason}`
    }
    expect(status).toBe(503)
    expect(headers).not.toHaveProperty('WWW-Authenticate')
    expect(headers['Retry-After']).toMatch(/^[1-9]\d{0,2}$/)
    return 'X503'
  }
}

/**
 * Validates a token against a key set with these keys. Resolves to the result, and to the reasons for
 * which keys were skipped. A spare key ensures that the set has a usable key.
 */
export async function outcomeWith(
  keys: unknown[],
  token: string,
  changes: Partial<ValidatorOptions> = {},
): Promise<{ outcome: string; skipped: string[] }> {
  const issuer = simulateIssuer([...keys, { ...ec3.jwk, kid: 'spare' }])
  const result = await outcomeOf(issuer.validator(changes).validate(token))
  const skipped = issuer.eventsOf('keys.skipped').map(({ reason }) => reason)
  return { outcome: result, skipped }
}

/** Signature checks on the thread pool. They take real time, during which simulated time must not pass. */
let verifications = 0

function countVerifications(): () => void {
  const { verify } = crypto
  crypto.verify = ((...args: unknown[]) => {
    // Without a callback, the verification runs in place.
    if (typeof args.at(-1) !== 'function') return Reflect.apply(verify, crypto, args)
    const done = args.pop() as (...result: unknown[]) => void
    verifications++
    return Reflect.apply(verify, crypto, [
      ...args,
      (...result: unknown[]) => {
        verifications--
        done(...result)
      },
    ])
  }) as typeof verify
  syncBuiltinESMExports()
  return () => {
    crypto.verify = verify
    syncBuiltinESMExports()
  }
}

/** Replaces timers and the clock by simulated ones until the end of the test. */
export function stopTime(): void {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'Date', 'performance'] })
  const restore = countVerifications()
  onTestFinished(() => {
    vi.useRealTimers()
    restore()
  })
}

/** Advances the clock, and waits until everything that became due is done. */
export async function pass(seconds: number): Promise<void> {
  vi.advanceTimersByTime(seconds * 1000)
  for (let turn = 0; turn < 3 || verifications > 0; turn++) await nextTurn()
}

/** Moves the clock alone, forward or back: no timer fires. */
export function jump(seconds: number): void {
  vi.setSystemTime(Date.now() + seconds * 1000)
}

/** Advances the clock in small steps until a promise is settled. Resolves to the simulated seconds. */
export async function secondsUntil(work: Promise<unknown>): Promise<number> {
  const startedAt = Date.now()
  let done = false
  const finish = () => {
    done = true
  }
  work.then(finish, finish)
  await pass(0)
  while (!done) await pass(0.02)
  return (Date.now() - startedAt) / 1000
}
