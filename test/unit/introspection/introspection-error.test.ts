import { expect, it } from 'vitest'
import { FetchError } from '../../../src/internal/fetch-json.ts'
import {
  IntrospectionError,
  toIntrospectionError,
  toServerError,
} from '../../../src/introspection/introspection-error.ts'

const url = 'https://as.test/introspect'
const withStatus = (status: number, retryAfter?: number) =>
  new FetchError('status', url, `the response has status ${status}`, {
    status,
    ...(retryAfter !== undefined && { retryAfter }),
  })
const withCode = (code: string) =>
  new FetchError('network', url, 'the request failed', {
    cause: Object.assign(new Error('failed'), { code }),
  })

it('a failure is due to the server, and its message is the hint, if nothing else is given', () => {
  const failure = new IntrospectionError('timeout', 'no introspection within 5 s')
  expect(failure).toMatchObject({
    name: 'IntrospectionError',
    reason: 'timeout',
    message: 'no introspection within 5 s',
    hint: 'no introspection within 5 s',
    retryAfter: undefined,
    dueTo: 'server',
  })
  expect('cause' in failure).toBe(false)
})

it('a failure has the detail that is given', () => {
  const detail = { hint: 'check', retryAfter: 7, dueTo: 'load', cause: new Error('x') } as const
  expect(new IntrospectionError('status', 'failed', detail)).toMatchObject(detail)
})

it.each([
  ['status 400', 'token', withStatus(400)],
  ['status 413', 'token', withStatus(413)],
  ['status 422', 'token', withStatus(422)],
  ['status 400 with Retry-After', 'token', withStatus(400, 7)],
  ['status 403', 'server_or_token', withStatus(403)],
  ['status 500', 'server_or_token', withStatus(500)],
  ['status 500 with Retry-After', 'server_or_token', withStatus(500, 7)],
  ['status 503', 'server_or_token', withStatus(503)],
  ['status 503 with Retry-After', 'load', withStatus(503, 0)],
  ['status 429', 'load', withStatus(429)],
  ['a refused connection', 'server', withCode('ECONNREFUSED')],
  ['a reset connection', 'server_or_token', withCode('ECONNRESET')],
  ['another type', 'server_or_token', new FetchError('not_json', url, 'not JSON')],
])('%s is due to: %s', (_what, dueTo, cause) => {
  const failure = toIntrospectionError(cause)
  const { reason, message, retryAfter } = cause
  expect(failure).toMatchObject({ reason, message, hint: message, retryAfter, dueTo, cause })
  expect(toServerError(cause)).toMatchObject({ reason, message, dueTo: 'server', cause })
})

it('an introspection failure is not converted', () => {
  const failure = new IntrospectionError('timeout', 'late', { dueTo: 'server_or_token' })
  expect(toIntrospectionError(failure)).toBe(failure)
  expect(toServerError(failure)).toBe(failure)
})

it('any other error is a failed request, due to the server', () => {
  const cause = new TypeError('no such function')
  expect(toIntrospectionError(cause)).toMatchObject({
    reason: 'network',
    message: 'the request failed',
    dueTo: 'server',
    cause,
  })
})
