/** What the operator learns about a failed introspection, and what must not be in it. */
import { inspect } from 'node:util'
import type { ServiceUnavailableError, ValidatorEvent } from 'oauth-resource-server'
import { describe, expect, it } from 'vitest'
import {
  active,
  createApi,
  type Respond,
  startAuthorizationServer,
} from '../../support/introspection.ts'

type Failed = Extract<ValidatorEvent, { type: 'introspection.failed' }>

const raw =
  (status: number, body: string, headers: Record<string, string> = {}): Respond =>
  (_request, response) =>
    response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(body)

/** The event of one failed introspection, and the error of the request. */
async function failWith(respond: Respond, token = 'op-1', endpoint?: string) {
  const server = await startAuthorizationServer(respond)
  const options = endpoint === undefined ? {} : { endpoint }
  const api = createApi(server, { options, timeout: 0.3 })
  const error = await Promise.resolve(api.introspect(token)).catch((thrown) => thrown)
  expect(api.events).toHaveLength(1)
  const event = api.events[0] as Failed
  expect((error as ServiceUnavailableError).detail.hint).toBe(event.hint)
  return { event, shown: inspect([event, error], { depth: 9, showHidden: true }) }
}

describe('the hint of introspection.failed', () => {
  it.each<[string, Respond, string, RegExp]>([
    ['status 500', raw(500, ''), 'status', /\/introspect: the response has status 500$/],
    ['no answer', () => undefined, 'timeout', /no introspection within 0.3 s/],
    ['HTML', raw(200, '<!doctype html>'), 'not_json', /the response is not JSON/],
    ['a body of 300 KiB', raw(200, ' '.repeat(300 * 1024)), 'too_large', /exceeds 262144 octets/],
    ['a redirect', raw(307, '', { location: '/else' }), 'redirect', /redirects are not followed/],
    ['no active', raw(200, '{}'), 'not_introspection', /active is not a boolean/],
  ])('names the cause of %s', async (_what, respond, reason, hint) => {
    expect((await failWith(respond)).event).toMatchObject({
      reason,
      hint: expect.stringMatching(hint),
    })
  })

  it('names the cause of a refused connection', async () => {
    const { event } = await failWith(() => active(), 'op-1', 'http://127.0.0.1:9/introspect')
    expect(event).toMatchObject({
      reason: 'network',
      hint: expect.stringMatching(/ECONNREFUSED|bad port/),
    })
  })

  it.each([
    [400, 'status', 'the response has status 400, error invalid_request'],
    [503, 'status', 'the response has status 503, error temporarily_unavailable'],
    [401, 'credentials_refused', 'error invalid_client: clientId or clientSecret has special'],
    [403, 'credentials_refused', 'error access_denied: clientId or clientSecret has special'],
  ])('has the error code of a response with status %i', async (status, reason, hint) => {
    const error = /error (\w+)/.exec(hint)?.[1]
    const { event } = await failWith(raw(status, JSON.stringify({ error })))
    expect(event).toMatchObject({ reason, hint: expect.stringContaining(hint) })
  })

  it.each([
    ['with a quotation mark', 'a"b'],
    ['with a line feed', 'invalid\nrequest'],
    ['with a space', 'token unknown'],
    ['that is too long', 'e'.repeat(65)],
    ['that is no string', { error: 1 }],
    ['that repeats the token', 'unknown:op-hidden'],
    ['that repeats a part of the token', 'hidden'],
    ['that repeats the client secret', 's%+'],
  ])('has no error code %s', async (_what, error) => {
    const { event, shown } = await failWith(raw(400, JSON.stringify({ error })), 'op-hidden')
    expect(event.hint).toMatch(/the response has status 400$/)
    expect(shown).not.toContain('hidden')
  })

  it.each<[string, Respond]>([
    ['is no JSON', raw(400, '{"error":')],
    ['is a list', raw(400, '["invalid_request"]')],
    [
      'is HTML by its type',
      raw(400, '{"error":"invalid_request"}', { 'content-type': 'text/html' }),
    ],
    ['is too large', raw(400, `{"error":"invalid_request","x":"${'x'.repeat(5_000)}"}`)],
  ])('has no error code where the body %s', async (_what, respond) => {
    expect((await failWith(respond)).event.hint).toMatch(/the response has status 400$/)
  })
})
