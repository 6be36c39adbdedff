/**
 * An authorization server without a network: its answers are functions that a test replaces, and its
 * time is vitest's, so that a day passes in milliseconds. Also the verdict on one token, in short.
 */
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

/** Gets the URL and the request's headers. */
export type Answer = (url: string, headers: Headers) => Response | Promise<Response>

export const metadataUrl = `${ISS}/.well-known/oauth-authorization-server`
export const jwksUri = `${ISS}/jwks`

/** Answers with JSON. */
export function json(body: unknown, headers: Record<string, string> = {}, status = 200): Response {
  return new Response(JSON.stringify(body), { status, headers })
}

export const status = (code: number, headers: Record<string, string> = {}): Response =>
  new Response(null, { status: code, headers })

export const refused = (): never => {
  throw new TypeError('fetch failed', { cause: new Error('connect ECONNREFUSED') })
}

/** Never answers, and does not listen to the signal either. */
export const hanging = (): Promise<Response> => new Promise(() => {})

export interface SimulatedIssuer {
  /** What the key set holds now. */
  keys: unknown[]
  metadata: Answer
  jwks: Answer
  /** Every URL that was fetched. */
  readonly urls: string[]
  readonly events: ValidatorEvent[]
  readonly fetch: typeof fetch
  /** How many requests there were for anything under `/.well-known/`, and for anything else. */
  readonly count: () => { metadata: number; jwks: number }
  readonly eventsOf: <T extends ValidatorEvent['type']>(
    type: T,
  ) => Extract<ValidatorEvent, { type: T }>[]
  /** The options of a validator that trusts this issuer, with what a test changes. */
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
    // GET, which is what `fetch` does when it is told nothing.
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
 * `OK`, `T401 <reason>` or `X503`: what became of a token. Anything else that is thrown is a defect
 * and comes out; so does an answer whose headers do not fit its status.
 */
export async function verdict(validation: Promise<unknown>): Promise<string> {
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
 * The verdict on a token whose issuer's set holds these keys, and which of them were skipped, and why.
 * A spare key keeps the set from being empty.
 */
export async function verdictWith(
  keys: unknown[],
  token: string,
  changes: Partial<ValidatorOptions> = {},
): Promise<{ verdict: string; skipped: string[] }> {
  const issuer = simulateIssuer([...keys, { ...ec3.jwk, kid: 'spare' }])
  const result = await verdict(issuer.validator(changes).validate(token))
  const skipped = issuer.eventsOf('keys.skipped').map(({ reason }) => reason)
  return { verdict: result, skipped }
}

/** Puts timers and the clock under the test's control, until the test ends. */
export function stopTime(): void {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'Date', 'performance'] })
  onTestFinished(() => {
    vi.useRealTimers()
  })
}

/** Lets time pass, and everything that became due be done. */
export async function pass(seconds: number): Promise<void> {
  vi.advanceTimersByTime(seconds * 1000)
  for (let turn = 0; turn < 3; turn++) await nextTurn()
}

/** Moves the clock alone, forth or back: no timer fires. */
export function jump(seconds: number): void {
  vi.setSystemTime(Date.now() + seconds * 1000)
}

/** How long something takes, in simulated seconds; time passes in small steps until it is done. */
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
