/** Plain node:http and node:http2. */
import { once } from 'node:events'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { connect as connectHttp2, createServer as createHttp2 } from 'node:http2'
import { type AddressInfo, connect } from 'node:net'
import { AccessTokenError } from 'oauth-resource-server'
import * as forHttp from 'oauth-resource-server/http'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { askOnce, withApis } from '../../support/adapters.ts'
import { linesOf, type RawRequest } from '../../support/exchange.ts'
import { expectAlive, expectEqualAnswers } from '../../support/expectations.ts'
import { fixtureValidator, ISS, t0 } from '../../support/fixture.ts'
import type { ApiOptions } from '../../support/mounted-apis.ts'
import { authorization, bearer } from '../../support/requests.ts'
import { type Api, closeApis, startApis } from '../../support/servers.ts'

const T0 = t0()
const expired = t0({ exp: 1 })

let apis: Api[]
beforeAll(async () => {
  apis = await startApis()
})
afterEach(() => expectAlive(apis))
afterAll(() => closeApis(apis))

describe('node:http and node:http2', () => {
  const validator = fixtureValidator()

  /** The result of the promise of a function, and the response, if it has responded. */
  async function guarded(
    guard: (request: IncomingMessage, response: ServerResponse) => Promise<unknown>,
    request: RawRequest,
  ) {
    let outcome: unknown
    let isRejected = false
    const answer = await askOnce(async (incoming, response) => {
      try {
        outcome = await guard(incoming, response)
      } catch (error) {
        outcome = error
        isRejected = true
      }
      if (!response.writableEnded) response.writeHead(299).end()
    }, request)
    return { outcome, isRejected, status: answer.status }
  }

  it('AD-http-a the promise resolves to the token, without a response', async () => {
    const { outcome, status } = await guarded(forHttp.authenticate(validator), bearer(T0))
    expect(outcome).toMatchObject({ subject: 'user-1', token: T0 })
    expect(status).toBe(299)
  })

  it('AD-http-a the promise resolves to null once the request is refused', async () => {
    const requests = [{}, bearer(expired), authorization('Bearer')]
    for (const request of requests) {
      const result = await guarded(forHttp.authenticate(validator), request)
      expect(result).toMatchObject({ outcome: null, isRejected: false })
      expect([400, 401]).toContain(result.status)
    }
  })

  it('AD-http-a the promise resolves to undefined for an anonymous request, without a response', async () => {
    const guard = forHttp.authenticate(validator, { optional: true })
    expect(await guarded(guard, {})).toEqual({ outcome: undefined, isRejected: false, status: 299 })
  })

  it('AD-http-a with passErrors, the promise rejects, and headers are set but not sent', async () => {
    const guard = forHttp.authenticate(validator, { passErrors: true })
    const result = await guarded(guard, bearer(expired))
    expect(result).toMatchObject({ outcome: { reason: 'expired' }, isRejected: true, status: 299 })
  })

  it('AD-http-a a check that throws is answered with 500, and the promise resolves to null', async () => {
    const check = () => {
      throw new RangeError('boom')
    }
    const guard = forHttp.authenticate(validator, { requirement: { check } })
    const result = await guarded(guard, bearer(T0))
    expect(result).toEqual({ outcome: null, isRejected: false, status: 500 })
  })

  it('AD-http-a authorize without authenticate is answered with 500, and the promise rejects', async () => {
    const result = await guarded(forHttp.authorize({ scopes: 'x' }), bearer(T0))
    expect(result).toMatchObject({ isRejected: true, status: 500 })
    expect(result.outcome).toEqual(
      expect.objectContaining({ message: expect.stringMatching(/mount/) }),
    )
  })

  it('AD-http-a authorize resolves to the token, and to null once the request is refused', async () => {
    const chain =
      (scopes: string) => async (request: IncomingMessage, response: ServerResponse) => {
        await forHttp.authenticate(validator)(request, response)
        return forHttp.authorize({ scopes })(request, response)
      }
    expect(await guarded(chain('read:a'), bearer(T0))).toMatchObject({
      outcome: { subject: 'user-1' },
      status: 299,
    })
    expect(await guarded(chain('write:a'), bearer(T0))).toEqual({
      outcome: null,
      isRejected: false,
      status: 403,
    })
  })

  it('AD-http-a with next, exactly one of next(), next(error) and a response happens', async () => {
    const calls: unknown[][] = []
    const next = (...values: unknown[]) => void calls.push(values)
    const withNext = (options?: forHttp.AuthenticateOptions) => {
      return (request: IncomingMessage, response: ServerResponse) =>
        forHttp.authenticate(validator, options)(request, response, next)
    }
    expect((await guarded(withNext(), bearer(T0))).status).toBe(299)
    expect(calls.splice(0)).toEqual([[]])
    expect((await guarded(withNext(), bearer(expired))).status).toBe(401)
    expect(calls.splice(0)).toEqual([])
    expect(await guarded(withNext({ passErrors: true }), bearer(expired))).toMatchObject({
      outcome: null,
      isRejected: false,
      status: 299,
    })
    expect(calls.splice(0)).toMatchObject([[{ reason: 'expired' }]])
  })

  it('AD-http-a nothing is written after the application has sent headers', async () => {
    const before: ApiOptions['before'] = (_request, response) => {
      response.statusCode = 202
      response.write('first ')
      response.end('answer')
      return false
    }
    await withApis({ before }, async (others) => {
      for (const request of [bearer(expired), {}, bearer(T0, { path: '/scoped' })]) {
        for (const api of others) {
          const answer = await api.send(request)
          expect(answer.status, api.name).toBe(202)
          expect(linesOf(answer, 'WWW-Authenticate')).toEqual([])
          expect(answer.body).toContain('first ')
          expect(answer.body).toContain('answer')
          for (const failure of api.failures) expect(failure).toBeInstanceOf(AccessTokenError)
        }
      }
    })
  })

  it('AD-http-b header names of HTTP/2 are in lower case, and the response is the same', async () => {
    const h2 = apis.filter(({ name }) => name === 'http2' || name === 'http')
    const answers = await Promise.all(h2.map((api) => api.send(bearer(expired))))
    expectEqualAnswers(answers)
    expect(answers.map(({ statusLine }) => statusLine)).toEqual([
      'HTTP/1.1 401 Unauthorized',
      'HTTP/2 401',
    ])
    const [challenge] = answers[1]?.headers.filter(([name]) => name === 'www-authenticate') ?? []
    expect(challenge?.[1]).toMatch(/^Bearer realm=/)
  })

  it('AD-http-b a stream that is reset while keys are fetched is refused, not anonymous', async () => {
    const session = new AbortController()
    let reset: Promise<unknown> | undefined
    const fetch = async () => {
      session.abort()
      await reset
      throw new TypeError('fetch failed')
    }
    const guard = forHttp.authenticate(fixtureValidator({ issuer: ISS, fetch }), { optional: true })
    const outcomes: unknown[] = []
    const server = createHttp2(async (request, response) => {
      reset = once(response.stream, 'close')
      outcomes.push(await guard(request, response), response.writableEnded)
      server.emit('decided')
    }).listen(0, '127.0.0.1')
    await once(server, 'listening')
    const decided = once(server, 'decided')
    const client = connectHttp2(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)
    const { signal } = session
    client
      .request({ ':path': '/', authorization: `Bearer ${T0}` }, { signal })
      .on('error', () => {})
    await decided
    // Node does not count a reset response as ended: only the result shows that it was refused.
    expect(outcomes).toEqual([null, false])
    client.destroy()
    server.close()
  })

  it('AD-http-b two authorization fields in HTTP/2 are a malformed request', async () => {
    const seen: unknown[] = []
    const guard = forHttp.authenticate(validator)
    const server = createHttp2(async (request, response) => {
      seen.push(await guard(request as never, response as never))
    }).listen(0, '127.0.0.1')
    await once(server, 'listening')
    const socket = connect((server.address() as AddressInfo).port, '127.0.0.1')
    socket.write(
      http2Request([
        ['authorization', `Bearer ${T0}`],
        ['authorization', 'Bearer junk'],
      ]),
    )
    let received = ''
    for await (const chunk of socket) {
      received += (chunk as Buffer).toString('latin1')
      if (received.includes('error_description')) break
    }
    // RFC 7541 appendix A: the entry 12 of the static table is `:status: 400`.
    expect(received).toContain('\x8c')
    expect(received).toContain('{"error":"invalid_request"')
    expect(seen).toEqual([null])
    server.close()
  })
})

/** A GET request in HTTP/2, with fields that Node's client refuses to send. */
function http2Request(fields: [string, string][]): Buffer {
  const frame = (type: number, flags: number, stream: number, payload: Buffer) => {
    const head = Buffer.alloc(9)
    head.writeUIntBE(payload.length, 0, 3)
    head.set([type, flags], 3)
    head.writeUInt32BE(stream, 5)
    return Buffer.concat([head, payload])
  }
  // RFC 7541 §5.2: a length in a prefix of seven bits, and then the octets without Huffman coding.
  const literal = (text: string) => {
    const length = [Math.min(text.length, 127)]
    for (let rest = text.length - 127; length[0] === 127 && rest >= 0; rest >>= 7) {
      length.push(rest > 127 ? (rest & 127) | 128 : rest)
      if (rest <= 127) break
    }
    return Buffer.concat([Buffer.from(length), Buffer.from(text)])
  }
  const pseudo = [
    [':method', 'GET'],
    [':path', '/'],
    [':scheme', 'http'],
    [':authority', 'rs.test'],
  ]
  const block = [...pseudo, ...fields].map(([name = '', value = '']) =>
    Buffer.concat([Buffer.from([0]), literal(name), literal(value)]),
  )
  return Buffer.concat([
    Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'),
    frame(4, 0, 0, Buffer.alloc(0)),
    frame(1, 5, 1, Buffer.concat(block)),
  ])
}
