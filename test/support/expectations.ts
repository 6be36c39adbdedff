/**
 * The checks of every response: the expected status and challenge, what holds for every refusal, and
 * equality between all adapters.
 */
import { inspect } from 'node:util'
import type { InvalidDpopProofReason, InvalidTokenReason } from 'oauth-resource-server'
import { expect } from 'vitest'
import { type Challenge, parseChallenges } from './challenge-parser.ts'
import { linesOf, type RawRequest, type RawResponse } from './exchange.ts'
import { AUD, t0 } from './fixture.ts'
import { bearer } from './requests.ts'
import type { Api } from './servers.ts'

export interface Expected {
  readonly status: number
  readonly error?: string
  /** The `reason` of the event. */
  readonly reason?: string
  readonly scope?: string
  /** The scheme whose challenge has the error, where both are offered; by default every one. */
  readonly scheme?: 'Bearer' | 'DPoP'
  readonly acr_values?: string
  readonly max_age?: string
}

export const OK: Expected = { status: 200 }
/** No token: a challenge without an error. */
export const C401: Expected = { status: 401 }
/** A malformed request. */
export const R400: Expected = { status: 400, error: 'invalid_request', reason: 'invalid_request' }
/** A service is unavailable. */
export const X503: Expected = { status: 503, reason: 'service_unavailable' }
/** A token that is not valid. */
export const T401 = (reason: InvalidTokenReason): Expected => {
  return { status: 401, error: 'invalid_token', reason }
}
/** The same, in the scheme DPoP. */
export const D401 = (reason: InvalidTokenReason): Expected => ({ ...T401(reason), scheme: 'DPoP' })
/** A DPoP proof that is not valid. */
export const P401 = (reason: InvalidDpopProofReason): Expected => {
  return { status: 401, error: 'invalid_dpop_proof', reason, scheme: 'DPoP' }
}
/** A DPoP proof without a current nonce. */
export const N401: Expected = {
  status: 401,
  error: 'use_dpop_nonce',
  reason: 'use_dpop_nonce',
  scheme: 'DPoP',
}
/** A missing scope. */
export const S403 = (scope: string): Expected => {
  return { status: 403, error: 'insufficient_scope', reason: 'insufficient_scope', scope }
}

/** An authentication of the user that does not suffice. */
export const U401 = (parameters: Pick<Expected, 'scope' | 'acr_values' | 'max_age'>): Expected => {
  const error = 'insufficient_user_authentication'
  return { status: 401, error, reason: error, ...parameters }
}

export interface Circumstances {
  readonly realm?: string
  /** The URL in `resource_metadata`. */
  readonly metadata?: string
  /** The challenge of the scheme DPoP is offered, and that of Bearer unless DPoP is required. */
  readonly dpop?: { readonly algs: string; readonly required?: boolean }
  /** Challenges that the application has set before. */
  readonly others?: readonly string[]
}

/** Sends the requests to every API, one after the other, and checks each response. */
export async function expectEverywhere(
  apis: readonly Api[],
  requests: RawRequest | readonly RawRequest[],
  expected: Expected,
  circumstances: Circumstances = {},
): Promise<void> {
  for (const request of [requests].flat() as RawRequest[]) {
    const able = apis.filter((api) => canSend(api, request))
    const answers = await Promise.all(able.map((api) => ask(api, request)))
    for (const [index, api] of able.entries()) {
      const answer = answers[index] as RawResponse
      try {
        if (expected.status === 200) expectAdmission(api, answer)
        else expectRefusal(api, request, answer, expected, circumstances)
      } catch (error) {
        const { message } = error as Error
        throw Object.assign(error as Error, {
          message: `${api.name}: ${message}\n${inspect({ request, answer }, { depth: 5 })}`,
        })
      }
    }
    if (expected.status !== 200) expectEqualAnswers(answers)
  }
}

/** Whether an adapter has what a request needs. */
export function canSend({ name }: Api, { path = '', onlyHttp1 = false }: RawRequest): boolean {
  // The Headers of fetch join repeated fields, so the refusal has another description.
  if (['http2', 'hono'].includes(name) && onlyHttp1) return false
  // Hono's server refuses a path with a backslash, and its API has no `optional` and no `authorize`.
  return name !== 'hono' || !/^\/(\\|optional|authorized|twice)/.test(path)
}

async function ask(api: Api, request: RawRequest): Promise<RawResponse> {
  api.forget()
  return api.send(request)
}

function expectAdmission(api: Api, answer: RawResponse): void {
  expect(answer.status).toBe(200)
  expect(api.seen).toHaveLength(1)
  expect(api.failures).toEqual([])
  expect(linesOf(answer, 'WWW-Authenticate')).toEqual([])
}

function expectRefusal(
  api: Api,
  request: RawRequest,
  answer: RawResponse,
  expected: Expected,
  circumstances: Circumstances,
): void {
  const { realm = AUD, metadata, others = [], dpop } = circumstances
  expect(answer.status, 'status').toBe(expected.status)
  expect(api.seen, 'the handler never runs').toEqual([])
  expect(api.failures, 'no error reaches the framework').toEqual([])
  const lines = linesOf(answer, 'WWW-Authenticate')
  expect(lines.slice(0, others.length), 'challenges of others').toEqual(others)
  // Exactly one challenge on each line, by the strict grammar.
  const challenges = lines.slice(others.length).map((line): Challenge => {
    const [challenge, ...more] = parseChallenges(line)
    expect(more, 'one challenge on each line').toEqual([])
    return challenge as Challenge
  })
  expect(linesOf(answer, 'Cache-Control')).toEqual(['no-store'])
  if (expected.status === 503) {
    expect(challenges).toEqual([])
    expect(linesOf(answer, 'Retry-After')).toEqual([expect.stringMatching(/^[1-9]\d*$/)])
    expectBody(request, answer, undefined)
  } else {
    const { error, scope, acr_values, max_age } = expected
    const blamed = challenges.find(({ parameters }) => parameters.error !== undefined)
    const sentence = blamed?.parameters.error_description
    const details = error === undefined ? {} : { error, error_description: sentence }
    const named = Object.entries({ scope, acr_values, max_age }).filter(([, value]) => value)
    const full = { ...details, ...Object.fromEntries(named) }
    const { scheme = 'Bearer' } = expected
    const isOnlyOne = dpop === undefined || dpop.required || expected.scheme === undefined
    const common = { realm, ...(metadata !== undefined && { resource_metadata: metadata }) }
    const offered = [
      ...(dpop?.required ? [] : [{ scheme: 'Bearer', parameters: common }]),
      ...(dpop ? [{ scheme: 'DPoP', parameters: { ...common, algs: dpop.algs } }] : []),
    ]
    expect(challenges).toEqual(
      offered.map((one) => {
        const carries = isOnlyOne || one.scheme === scheme
        return { ...one, parameters: { ...one.parameters, ...(carries && full) } }
      }),
    )
    if (error !== undefined) expect(sentence).toEqual(expect.any(String))
    expectBody(request, answer, error && { error, error_description: sentence })
  }
  const reasons = api.events.flatMap((event) =>
    event.type === 'token.refused' ? [event.proofReason ?? event.reason] : [],
  )
  const nonces = linesOf(answer, 'DPoP-Nonce')
  expect(nonces.length, 'DPoP-Nonce').toBe(expected.error === 'use_dpop_nonce' ? 1 : 0)
  expect(reasons, 'the reasons in the events').toEqual(expected.reason ? [expected.reason] : [])
  expectNothingLeaks(request, answer, api)
}

function expectBody(request: RawRequest, answer: RawResponse, body: unknown): void {
  const length = body === undefined ? 0 : Buffer.byteLength(JSON.stringify(body))
  expect(linesOf(answer, 'Content-Length')).toEqual([String(length)])
  expect(linesOf(answer, 'Content-Type')).toEqual(body === undefined ? [] : ['application/json'])
  const shown = body === undefined || request.method === 'HEAD' ? '' : JSON.stringify(body)
  expect(answer.body).toBe(shown)
}

/** No part of a token, no cookie and no stack trace is in the response, events and errors. */
function expectNothingLeaks(request: RawRequest, answer: RawResponse, api: Api): void {
  const { events, refusals } = api
  const shown = [
    textOf(answer),
    JSON.stringify(events),
    JSON.stringify(refusals),
    inspect([events, refusals], { depth: 9, showHidden: true, maxStringLength: null }),
    ...refusals.map(String),
  ].join('\n')
  for (const secret of secretsOf(request)) expect(shown, 'no part of a token').not.toContain(secret)
  expect(textOf(answer), 'only printable ASCII').toMatch(/^[\x20-\x7e\n]+$/)
  expect(linesOf(answer, 'Set-Cookie'), 'no cookie').toEqual([])
  expect(answer.body, 'no stack trace').not.toMatch(/\n\s+at |\.[jt]s:\d/)
}

/** The whole response as one text. */
export function textOf({ statusLine, headers, body }: RawResponse): string {
  return [statusLine, ...headers.map((field) => field.join(': ')), '', body].join('\n')
}

/** The first 12 characters of every part of the request that looks like a credential. */
export function secretsOf({ path = '', lines = [], body = '' }: RawRequest): string[] {
  const text = [path, ...lines, body.toString()].join('\n')
  const words = text.match(/[\w-]{20,}/g) ?? []
  return words.filter((word) => word !== 'x-www-form-urlencoded').map((word) => word.slice(0, 12))
}

// Headers of the connection and of the framework.
const ownHeaders = ['date', 'connection', 'keep-alive', 'x-powered-by']

// A nonce is different each time.
const comparable = ([name, value]: RawResponse['headers'][number]) =>
  [name, name.toLowerCase() === 'dpop-nonce' ? '(nonce)' : value] as const

/** The status and every header that the adapter sets, in a form that can be compared. */
function comparableLines({ status, headers }: RawResponse): string[] {
  const lines = headers
    .map(comparable)
    .map(([name, value]) => `${name.toLowerCase()}: ${value}`)
    .filter((line) => !ownHeaders.some((name) => line.startsWith(`${name}:`)))
  // The headers of a fetch Response are in alphabetical order.
  return [String(status), ...lines.sort()]
}

/**
 * AD-same: equal byte by byte, except that HTTP/2 and fetch have names in lower case, and HTTP/2 has no
 * reason phrase.
 */
export function expectEqualAnswers(answers: readonly RawResponse[]): void {
  const [first, ...others] = answers.map((answer) => [...comparableLines(answer), '', answer.body])
  for (const other of others) expect(other, 'AD-same').toEqual(first)
  const http1 = answers.filter(
    ({ statusLine, byFetch }) => statusLine.startsWith('HTTP/1.1') && !byFetch,
  )
  const exact = http1.map(({ statusLine, headers }) => [
    statusLine,
    ...headers.filter(([name]) => !ownHeaders.includes(name.toLowerCase())).map(comparable),
  ])
  for (const other of exact) expect(other, 'AD-same').toEqual(exact[0])
}

/** A valid token is still accepted. */
export async function expectAlive(apis: readonly Api[]): Promise<void> {
  await expectEverywhere(apis, bearer(t0()), OK)
}
