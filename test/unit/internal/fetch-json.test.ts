import { createServer } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { PassThrough, Readable } from 'node:stream'
import { inspect } from 'node:util'
import { gzipSync } from 'node:zlib'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { FetchError, fetchJson } from '../../../src/internal/fetch-json.ts'
import { hanging, json, refused, status } from '../../support/simulated-issuer.ts'

const url = 'https://as.test/jwks'
const limit = 256 * 1024
const now = Date.UTC(2026, 0, 1)

type Outcome = Response | Promise<Response>

function get(answer: () => Outcome, more: { etag?: string; signal?: AbortSignal } = {}) {
  const fetch = vi.fn<typeof globalThis.fetch>(async () => answer())
  const signal = more.signal ?? new AbortController().signal
  const result = fetchJson(url, { fetch, signal, etag: more.etag, now: () => now })
  return { fetch, result }
}

const failureOf = async (answer: () => Outcome, more = {}): Promise<FetchError> => {
  const error: unknown = await get(answer, more).result.then(
    () => expect.fail('it was taken'),
    (reason) => reason,
  )
  expect(error).toBeInstanceOf(FetchError)
  expect(error).toMatchObject({ name: 'FetchError', url })
  expect((error as Error).message).toMatch(/^https:\/\/as\.test\/jwks: /)
  return error as FetchError
}

/** A body of this many octets in chunks that does not end, and the number of octets that were read. */
function endless(first: string, chunk = Buffer.alloc(64 * 1024, 0x20)) {
  const state = { sent: 0, cancelled: false }
  const body = new ReadableStream({
    start: (controller) => controller.enqueue(Buffer.from(first)),
    pull(controller) {
      state.sent += chunk.byteLength
      controller.enqueue(chunk)
    },
    cancel() {
      state.cancelled = true
    },
  })
  return { state, body }
}

describe('a valid response', () => {
  it('is the JSON object with its ETag and its Cache-Control', async () => {
    const { fetch, result } = get(() => json({ a: 1 }, { etag: 'W/"1"', 'cache-control': 'x' }))
    expect(await result).toEqual({ json: { a: 1 }, etag: 'W/"1"', cacheControl: 'x' })
    expect(fetch.mock.calls).toEqual([
      [
        url,
        {
          headers: { accept: 'application/json, application/jwk-set+json' },
          redirect: 'manual',
          credentials: 'omit',
          signal: expect.any(AbortSignal),
        },
      ],
    ])
  })

  it.each(['application/json', 'application/jwk-set+json', 'text/plain', undefined])(
    'may have the media type %s',
    async (type) => {
      const headers = type === undefined ? {} : { 'content-type': type }
      expect((await get(() => new Response(Buffer.from('{}'), { headers })).result).json).toEqual(
        {},
      )
    },
  )

  it.each([{}, { 'content-length': `${limit}` }])(
    'may have exactly 256 KiB, with the headers %j',
    async (headers) => {
      const body = `{}${' '.repeat(limit - 2)}`
      expect((await get(() => new Response(body, { headers })).result).json).toEqual({})
    },
  )

  it('is read if it has another ETag than the one that was sent', async () => {
    const { result } = get(() => json({ a: 1 }, { etag: '"2"' }), { etag: '"1"' })
    expect(await result).toMatchObject({ json: { a: 1 }, etag: '"2"' })
  })

  it('comes to a request without an ETag if none is known', async () => {
    const { fetch, result } = get(() => json({}))
    await result
    expect(Object.keys(fetch.mock.calls[0]?.[1]?.headers ?? {})).toEqual(['accept'])
  })

  it('may be a 304 if an ETag was sent', async () => {
    const { fetch, result } = get(() => status(304, { 'cache-control': 'max-age=9' }), {
      etag: '"1"',
    })
    expect(await result).toEqual({ json: undefined, etag: '"1"', cacheControl: 'max-age=9' })
    expect(fetch.mock.calls[0]?.[1]?.headers).toMatchObject({ 'if-none-match': '"1"' })
  })

  it('may begin with a byte order mark', async () => {
    expect((await get(() => new Response('\ufeff{"a":1}')).result).json).toEqual({ a: 1 })
  })

  it('has the last of two members with the same name', async () => {
    expect((await get(() => new Response('{"a":1,"a":2}')).result).json).toEqual({ a: 2 })
  })
})

describe('an invalid response', () => {
  it.each([201, 204, 205, 206, 400, 404, 410, 429, 500, 503])('has status %i', async (code) => {
    expect(await failureOf(() => status(code))).toMatchObject({ reason: 'status', status: code })
  })

  it.each([
    [true, `${url}/`],
    [true, `${new URL(url).pathname}/`],
    [false, 'https://evil.test/'],
    [false, '//evil.test/'],
    [false, `${url.replace('https:', 'http:')}/`],
    [false, ''],
    [false, ':::'],
    [false, 'https://%/'],
    [false, `${url}/?a=b`],
    [false, `${url}//`],
  ])('adds only a slash (%s) where it redirects to %j', async (leadsToSlash, location) => {
    expect(await failureOf(() => status(301, { location }))).toMatchObject({
      reason: 'redirect',
      leadsToSlash,
    })
  })

  it('adds no slash where it redirects to no place, or from a path that ends in a slash', async () => {
    expect(await failureOf(() => status(301))).toMatchObject({ leadsToSlash: false })
    const result = fetchJson(`${url}/`, {
      fetch: async () => status(301, { location: `${url}//` }),
      signal: new AbortController().signal,
      now: () => now,
    })
    await expect(result).rejects.toMatchObject({ reason: 'redirect', leadsToSlash: false })
  })

  it('does not keep where it redirects to, because that may repeat the token', async () => {
    const failure = await failureOf(() =>
      status(302, { location: 'https://a.test/secret?b=secret' }),
    )
    expect(inspect(failure, { depth: 9, showHidden: true })).not.toContain('secret')
  })

  it.each([301, 302, 303, 307, 308])('redirects (%i), and is not followed', async (code) => {
    const location = 'https://evil.test/'
    const failure = await failureOf(() => status(code, { location }))
    expect(failure).toMatchObject({ reason: 'redirect', status: code, leadsToSlash: false })
  })

  it.each(['redirected', 'opaque'])('is %s, although its status is 200', async (kind) => {
    const response = json({ keys: [] })
    if (kind === 'redirected') Object.defineProperty(response, 'redirected', { value: true })
    else Object.defineProperty(response, 'type', { value: 'opaqueredirect' })
    expect(await failureOf(() => response)).toMatchObject({ reason: 'redirect' })
  })

  it('is a 304 to a request without an ETag', async () => {
    expect(await failureOf(() => status(304))).toMatchObject({ status: 304 })
  })

  it.each([
    '',
    'x',
    '{',
    '{}{}',
    '<!doctype html>',
    '\ufeff',
    '\ufeff\ufeff{}',
    'NaN',
    '[]',
    'null',
    '"x"',
    '1',
  ])('is not a JSON object: %j', async (text) => {
    expect(await failureOf(() => new Response(text))).toMatchObject({ reason: 'not_json' })
  })

  it('is not UTF-8', async () => {
    const body = Buffer.from('{"a":"\xff"}', 'latin1')
    expect(await failureOf(() => new Response(body))).toMatchObject({ reason: 'not_json' })
  })

  it.each([
    ['network', refused],
    ['network', () => undefined as unknown as Response],
  ])('is missing (%#)', async (reason, answer) => {
    expect(await failureOf(answer)).toMatchObject({ reason, cause: expect.any(TypeError) })
  })

  it('ends in the middle', async () => {
    const cause = new Error('reset')
    const body = new ReadableStream({ pull: (controller) => controller.error(cause) })
    expect(await failureOf(() => new Response(body))).toMatchObject({ reason: 'network', cause })
  })
})

describe('the message of a failure', () => {
  const coded = (...codes: unknown[]) =>
    codes.reduceRight<Error | undefined>(
      (cause, code) => Object.assign(new Error('x', { cause }), { code }),
      undefined,
    )
  const refusedAt = (message: string) => Object.assign(new Error(message), { code: 'ECONNREFUSED' })
  const unreadable = Object.defineProperty(new Error(), 'message', {
    get: () => {
      throw new Error('from the getter')
    },
  })
  const throws = (error: unknown) => () => Promise.reject(error)
  const aborted = { signal: AbortSignal.abort() }

  it.each<[string, () => Outcome, object]>([
    ['the request failed: x', throws(new Error('x')), {}],
    ['the request failed: x (ENOTFOUND)', throws(coded('ENOTFOUND')), {}],
    ['the request failed: x (ECONNREFUSED)', throws(coded(undefined, 'ECONNREFUSED')), {}],
    ['the request failed: ECONNREFUSED', throws(refusedAt('')), {}],
    ['the request failed: outer', throws(new Error('outer', { cause: new Error('') })), {}],
    ['the request failed: x (CERT_HAS_EXPIRED)', throws(coded('UND_ERR', 'CERT_HAS_EXPIRED')), {}],
    ['the request failed: x (OUTER)', throws(coded('OUTER', undefined)), {}],
    ['the request failed: x (H)', throws(coded('A', 'B', 'C', 'D', 'E', 'F', 'G', 'H', 'I')), {}],
    ['the request failed: x', throws(coded('\r\nSet-Cookie')), {}],
    ['the request failed: x', throws(coded('AB c')), {}],
    ['the request failed: x', throws(coded('c AB')), {}],
    ['the request failed: x', throws(coded(7)), {}],
    ['the request failed: object', throws({ code: 'NO_ERROR' }), {}],
    ['the request failed: no network in tests', throws('no network in tests'), {}],
    ['the request failed', throws(''), {}],
    ['the request failed', throws(undefined), {}],
    ['the request failed: null', throws(null), {}],
    [
      'the request failed: bad port',
      throws(new TypeError('fetch failed', { cause: Error('bad port') })),
      {},
    ],
    [
      'the request failed: connect ECONNREFUSED ::1:9',
      throws(new AggregateError([refusedAt('connect ECONNREFUSED ::1:9')], '')),
      {},
    ],
    ['the request failed: one?two?', throws(new Error('one\ntwo\u202e')), {}],
    [`the request failed: ${'a'.repeat(200)}`, throws(new Error('a'.repeat(9_000))), {}],
    ['the request failed: an error that cannot be read', throws(unreadable), {}],
    ['no complete response in time', throws(new Error('x')), aborted],
    ['redirects are not followed', () => status(300), {}],
    ['the response has status 418', () => status(418), {}],
    ['the response exceeds 262144 octets', () => new Response(' '.repeat(limit + 1)), {}],
    ['the response is not JSON', () => new Response('<html>'), {}],
    ['the response is not JSON', () => new Response(null), {}],
    ['the response is not a JSON object', () => new Response('[]'), {}],
  ])('is: %s (%#)', async (message, answer, more) => {
    const failure = await failureOf(answer, more)
    expect(failure.message).toBe(`${url}: ${message}`)
  })

  it('comes without the members that do not apply', async () => {
    const failure = await failureOf(() => status(500))
    expect(Object.hasOwn(failure, 'cause')).toBe(false)
    expect(failure).toMatchObject({ retryAfter: undefined, leadsToSlash: false })
  })
})

describe('Retry-After', () => {
  it.each([
    ['120', 120],
    ['0', 0],
    ['Thu, 01 Jan 2026 00:01:30 GMT', 90],
    ['Wed, 31 Dec 2025 23:00:00 GMT', 0],
    ['soon', undefined],
    ['1234567890', undefined],
    ['5 minutes', undefined],
    ['', undefined],
  ])('%j means %s seconds', async (value, seconds) => {
    const failure = await failureOf(() => status(503, { 'retry-after': value }))
    expect(failure.retryAfter).toBe(seconds)
  })

  it('is undefined if it is absent', async () => {
    expect((await failureOf(() => status(503))).retryAfter).toBeUndefined()
  })
})

describe('the limit of 256 KiB', () => {
  it('applies to Content-Length, before anything is read', async () => {
    const { state, body } = endless('{}')
    const answer = () => new Response(body, { headers: { 'content-length': `${limit + 1}` } })
    expect(await failureOf(answer)).toMatchObject({ reason: 'too_large' })
    expect(state.cancelled).toBe(true)
    expect(state.sent).toBeLessThanOrEqual(64 * 1024)
  })

  it.each([undefined, '2', 'nonsense'])(
    'applies while reading, with a Content-Length of %s',
    async (length) => {
      const { state, body } = endless('{}')
      const headers = length === undefined ? {} : { 'content-length': length }
      const answer = () => new Response(body, { headers })
      expect(await failureOf(answer)).toMatchObject({ reason: 'too_large' })
      expect(state.cancelled).toBe(true)
      expect(state.sent).toBeLessThanOrEqual(limit + 2 * 64 * 1024)
    },
  )

  it('applies to one octet more', async () => {
    const answer = () => new Response(`{}${' '.repeat(limit - 1)}`)
    expect(await failureOf(answer)).toMatchObject({ reason: 'too_large' })
  })

  it('applies to a body of empty chunks, which would never end', async () => {
    const { state, body } = endless('{', Buffer.alloc(0))
    expect(await failureOf(() => new Response(body))).toMatchObject({ reason: 'too_large' })
    expect(state.cancelled).toBe(true)
  })

  it('refuses a body whose chunks are not bytes', async () => {
    const body = new ReadableStream({ start: (controller) => controller.enqueue('{}') })
    const failure = await failureOf(
      () => ({ ...json({}), status: 200, headers: new Headers(), body }) as never,
    )
    expect(failure.reason).toBe('network')
    expect(failure.message).toBe(`${url}: the request failed: the body is not made of bytes`)
  })

  it('applies to the decompressed size of a small response', async () => {
    const bomb = gzipSync(Buffer.alloc(20_000_000, 0x20))
    const server = createServer((_request, response) => {
      response
        .writeHead(200, { 'content-encoding': 'gzip', 'content-length': bomb.length })
        .end(bomb)
    }).listen(0, '127.0.0.1')
    onTestFinished(() => {
      server.close().closeAllConnections()
    })
    await new Promise((resolve) => server.once('listening', resolve))
    const { port } = server.address() as AddressInfo
    expect(bomb.length).toBeLessThan(limit)
    const answer = fetchJson(`http://127.0.0.1:${port}/`, {
      fetch,
      signal: new AbortController().signal,
      now: Date.now,
    })
    await expect(answer).rejects.toMatchObject({ reason: 'too_large' })
  })
})

describe('a fetch function whose response is not a WHATWG Response', () => {
  const headersOf = (headers: Record<string, string>) => new Headers(headers)
  const of = (parts: object) => () => parts as unknown as Response
  const text = (body: string, headers: Record<string, string>) =>
    of({ status: 200, headers: headersOf(headers), text: async () => body })

  it.each([
    ['no status', null],
    ['no status', 'x'],
    ['no status', { ok: true, json: async () => ({}) }],
    ['no headers.get()', { ok: true, status: 200, json: async () => ({}) }],
    ['no headers.get()', { status: 200, headers: {} }],
    ['neither a stream as body nor text()', { status: 200, headers: headersOf({}) }],
    ['neither a stream as body nor text()', { status: 200, headers: headersOf({}), body: {} }],
  ])('fails with a message that names the missing member: %s (%#)', async (what, response) => {
    const failure = await failureOf(of(response as object))
    expect(failure.reason).toBe('network')
    expect(failure.message).toContain(`the response of fetch has ${what}`)
  })

  it('may have a Node stream as body, as node-fetch does', async () => {
    const body = Readable.from([Buffer.from('{"a"'), Buffer.from(':1}')])
    const { result } = get(of({ status: 200, headers: headersOf({}), body }))
    expect((await result).json).toEqual({ a: 1 })
  })

  it('has the same limit for a Node stream, and destroys the stream', async () => {
    const body = Readable.from(
      (function* () {
        for (;;) yield Buffer.alloc(64 * 1024, 0x20)
      })(),
    )
    const failure = await failureOf(of({ status: 200, headers: headersOf({}), body }))
    expect(failure.reason).toBe('too_large')
    expect(body.destroyed).toBe(true)
  })

  it('may end a Node stream early, and emit an error later', async () => {
    const body = new PassThrough()
    body.write('{')
    const result = failureOf(of({ status: 200, headers: headersOf({}), body }), {
      signal: AbortSignal.timeout(10),
    })
    expect(await result).toMatchObject({ reason: 'timeout' })
    expect(() => body.emit('error', new Error('aborted'))).not.toThrow()
    const unread = new PassThrough()
    await failureOf(of({ status: 500, headers: headersOf({}), body: unread }))
    expect(() => unread.emit('error', new Error('aborted'))).not.toThrow()
    expect(unread.destroyed).toBe(true)
  })

  it('may have no stream if Content-Length shows that text() is within the limit', async () => {
    const { result } = get(text('\ufeff{"a":1}', { 'content-length': '10' }))
    expect((await result).json).toEqual({ a: 1 })
  })

  it.each([
    ['no Content-Length', {}],
    ['a Content-Length that is not a number', { 'content-length': 'x' }],
    ['a Content-Length that ends in a number', { 'content-length': 'x7' }],
    ['a Content-Length that begins with a number', { 'content-length': '7x' }],
    ['a compressed body', { 'content-length': '7', 'content-encoding': 'gzip' }],
  ])('is refused without a stream and with %s', async (_what, headers) => {
    expect((await failureOf(text('{"a":1}', headers))).message).toMatch(
      /has no stream as body: its text\(\) is read only with a Content-Length of at most 262144/,
    )
  })

  it('may have exactly 256 KiB in text()', async () => {
    const { result } = get(text(`{}${' '.repeat(limit - 2)}`, { 'content-length': `${limit}` }))
    expect((await result).json).toEqual({})
  })

  it('is refused if text() returns more than Content-Length and the limit', async () => {
    const failure = await failureOf(text(' '.repeat(limit + 1), { 'content-length': '7' }))
    expect(failure.reason).toBe('too_large')
  })

  it('is refused if text() does not return a string', async () => {
    const failure = await failureOf(text({} as string, { 'content-length': '7' }))
    expect(failure.message).toContain('text() of the response of fetch is not a string')
  })

  it.each([
    ['throws', { getReader: () => ({ read: () => Promise.reject(new Error('reset by peer')) }) }],
    [
      'has a cancel that throws',
      {
        getReader: () => ({ read: () => Promise.reject(new Error('reset by peer')) }),
        cancel: () => {
          throw new Error('cancel failed')
        },
      },
    ],
  ])('fails with the first failure if its body %s', async (_what, body) => {
    const failure = await failureOf(of({ status: 200, headers: headersOf({}), body }))
    expect(failure.message).toContain('reset by peer')
  })

  it('may throw synchronously instead of rejecting', async () => {
    const fetch = () => {
      throw 'no network'
    }
    const result = fetchJson(url, { fetch, signal: new AbortController().signal, now: () => now })
    await expect(result).rejects.toMatchObject({ reason: 'network', cause: 'no network' })
  })
})

describe('a connection that the server resets', () => {
  /** A server that responds to a number of requests, and then resets a number of connections. */
  async function resetting(answered: number, resets: number, how: (socket: Socket) => void) {
    let requests = 0
    const server = createServer((request, response) => {
      requests++
      if (requests > answered && requests <= answered + resets) how(request.socket)
      else response.end('{"a":1}')
    }).listen(0, '127.0.0.1')
    onTestFinished(() => {
      server.close().closeAllConnections()
    })
    await new Promise((resolve) => server.once('listening', resolve))
    const { port } = server.address() as AddressInfo
    const ask = () =>
      fetchJson(`http://127.0.0.1:${port}/`, {
        fetch,
        signal: AbortSignal.timeout(5_000),
        now: Date.now,
      })
    return { ask, requests: () => requests }
  }

  it.each<[string, (socket: Socket) => void]>([
    ['reset', (socket) => socket.resetAndDestroy()],
    ['closed', (socket) => socket.destroy()],
    [
      'reset in the middle of the response',
      (socket) => {
        socket.write('HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{"a"')
        setTimeout(() => socket.resetAndDestroy(), 5)
      },
    ],
  ])('is replaced immediately: the kept-alive connection was %s', async (_how, how) => {
    const { ask, requests } = await resetting(1, 1, how)
    expect((await ask()).json).toEqual({ a: 1 })
    expect((await ask()).json).toEqual({ a: 1 })
    expect(requests()).toBe(3)
  })

  it('is replaced only once', async () => {
    const { ask, requests } = await resetting(1, 9, (socket) => socket.resetAndDestroy())
    await ask()
    await expect(ask()).rejects.toMatchObject({ reason: 'network' })
    expect(requests()).toBe(3)
  })

  it('is not found in an error whose cause cannot be read', async () => {
    const error = Object.defineProperty(new Error('x'), 'cause', {
      get() {
        throw new Error('from the getter')
      },
    })
    const { fetch, result } = get(() => Promise.reject(error))
    await expect(result).rejects.toMatchObject({ reason: 'network' })
    expect(fetch).toHaveBeenCalledOnce()
  })

  it('is not replaced after the timeout', async () => {
    const controller = new AbortController()
    const fetch = vi.fn(async () => {
      controller.abort()
      throw Object.assign(new Error('read ECONNRESET'), { code: 'ECONNRESET' })
    })
    const result = fetchJson(url, { fetch, signal: controller.signal, now: () => now })
    await expect(result).rejects.toMatchObject({ reason: 'timeout' })
    expect(fetch).toHaveBeenCalledOnce()
  })
})

describe('the signal', () => {
  it('ends a request whose fetch function ignores it', async () => {
    const signal = AbortSignal.timeout(10)
    expect(await failureOf(hanging, { signal })).toMatchObject({ reason: 'timeout' })
  })

  it('ends a slow body, and releases it', async () => {
    let cancelled = false
    const body = new ReadableStream({
      start: (controller) => controller.enqueue(Buffer.from('{')),
      cancel() {
        cancelled = true
      },
    })
    const failure = await failureOf(() => new Response(body), { signal: AbortSignal.timeout(10) })
    expect(failure.reason).toBe('timeout')
    expect(cancelled).toBe(true)
  })

  it('ends a request before it begins', async () => {
    expect(await failureOf(hanging, { signal: AbortSignal.abort() })).toMatchObject({
      reason: 'timeout',
    })
  })

  it('has no listener after a request ended', async () => {
    const { signal } = new AbortController()
    const added = vi.spyOn(signal, 'addEventListener')
    const removed = vi.spyOn(signal, 'removeEventListener')
    await get(() => json({}), { signal }).result
    await failureOf(() => status(500), { signal })
    expect(added).toHaveBeenCalledTimes(2)
    expect(removed.mock.calls).toEqual(added.mock.calls)
  })
})

it.each([302, 404, 500])(
  'releases the body of a %i, so that its connection is free',
  async (code) => {
    const { state, body } = endless('x')
    await failureOf(() => new Response(body, { status: code }))
    expect(state.cancelled).toBe(true)
  },
)
