/**
 * A server on a loopback port that fails in the ways in which an authorization server, or an attacker in
 * its place, may fail. Records its requests and counts the octets that it sends.
 */
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Readable } from 'node:stream'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { rsa1 } from './fixture.ts'

export interface HostileServer extends AsyncDisposable {
  readonly origin: string
  readonly jwksUri: string
  /** Sets the response to every request except those to redirect targets. */
  behave: (behaviour: Behaviour) => void
  /** The request lines, in their order. */
  readonly requests: string[]
  /** Octets of bodies that were passed to the sockets. */
  readonly sent: () => number
  /** Resolves when every exchange has ended. Some end only when the client disconnects. */
  readonly over: () => Promise<void>
  readonly close: () => Promise<void>
}

interface Exchange {
  readonly request: IncomingMessage
  readonly response: ServerResponse
  readonly origin: string
  readonly elsewhere: string
  readonly count: (octets: number) => void
}

export type Behaviour = (exchange: Exchange) => unknown

const keySet = { keys: [rsa1.jwk] }

const answer =
  (status: number, body = '', headers: Record<string, string> = {}): Behaviour =>
  ({ response }) =>
    response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(body)

export const good = (headers: Record<string, string> = {}): Behaviour =>
  answer(200, JSON.stringify(keySet), headers)

const redirect =
  (to: (exchange: Exchange) => string): Behaviour =>
  (exchange) =>
    exchange.response.writeHead(302, { location: to(exchange) }).end()

/** Sends a body until its end or until the client disconnects, as fast as it is read. */
const stream =
  (chunks: () => Iterable<string>): Behaviour =>
  ({ response, count }) => {
    response.writeHead(200, { 'content-type': 'application/json' })
    Readable.from(counted(chunks(), count)).pipe(response)
  }

function* counted(chunks: Iterable<string>, count: (octets: number) => void): Generator<string> {
  for (const chunk of chunks) {
    count(chunk.length)
    yield chunk
  }
}

function* megabytes(count: number): Generator<string> {
  yield JSON.stringify(keySet).slice(0, -1)
  const chunk = ' '.repeat(64 * 1024)
  for (let sent = 0; sent < count * 16; sent++) yield chunk
  yield '}'
}

function* manyKeys(count: number): Generator<string> {
  yield '{"keys":['
  const { kid: _, ...jwk } = rsa1.jwk
  const rest = JSON.stringify(jwk).slice(1)
  for (let key = 0; key < count; key++) yield `{"kid":"k${key}",${rest},`
  yield `${JSON.stringify(rsa1.jwk)}]}`
}

const unusableKeys = [null, 'x', 1, [], {}, { kty: 'AKP' }, { ...rsa1.jwk, kid: 'odd', n: 1 }]

/** The behaviours that end only when the validator ends the request. */
export const endless: readonly string[] = [
  'accepted and never answered',
  'headers and never a body',
  'one byte per second',
]

/** Ways to fail. Each must lead to 503 within a limited time if there are no other keys. */
export const hostilities: Readonly<Record<string, Behaviour>> = {
  'reset before the answer': ({ request }) => request.socket.resetAndDestroy(),
  'reset in the middle': ({ request, response }) => {
    response.writeHead(200, { 'content-length': '1000' }).write('{"keys":[')
    setTimeout(() => request.socket.resetAndDestroy(), 5)
  },
  'closed before the announced end': ({ request, response }) => {
    response.writeHead(200, { 'content-length': '1000' }).write(JSON.stringify(keySet))
    setTimeout(() => request.socket.end(), 5)
  },
  'accepted and never answered': () => {},
  'headers and never a body': ({ response }) => {
    response.writeHead(200).flushHeaders()
  },
  'one byte per second': ({ response }) => {
    const body = JSON.stringify(keySet)
    let at = 0
    response.writeHead(200)
    const drip = () => response.write(body[at++] ?? ' ')
    drip()
    const timer = setInterval(drip, 1_000)
    response.once('close', () => clearInterval(timer))
  },
  'no HTTP at all': ({ request }) => request.socket.end('SSH-2.0-OpenSSH_9.6\r\n'),
  '500': answer(500, '{}'),
  '404': answer(404),
  '429 with Retry-After': answer(429, '', { 'retry-after': '7' }),
  '503 with Retry-After': answer(503, '', { 'retry-after': '7' }),
  '204': answer(204),
  'redirect to another origin': redirect(({ elsewhere }) => `${elsewhere}/jwks`),
  'redirect to http beyond loopback': redirect(() => 'http://169.254.169.254/latest/meta-data/'),
  'redirect to itself': redirect(({ request }) => String(request.url)),
  'HTML with 200': answer(200, '<!doctype html><title>Sign in</title>', {
    'content-type': 'text/html',
  }),
  'empty body': answer(200),
  'half of the JSON': answer(200, JSON.stringify(keySet).slice(0, -9)),
  'JSON that is not a set': answer(200, '{"hello":"world"}'),
  'a list instead of a set': answer(200, JSON.stringify(keySet.keys)),
  'keys that are not a list': answer(200, '{"keys":{}}'),
  'empty set': answer(200, '{"keys":[]}'),
  'set without a usable key': answer(200, JSON.stringify({ keys: unusableKeys })),
  'a garbled compression': ({ response }) =>
    response.writeHead(200, { 'content-encoding': 'gzip' }).end('no gzip'),
  '200 MB': stream(() => megabytes(200)),
  '100,000 keys': stream(() => manyKeys(100_000)),
  '101 keys': stream(() => manyKeys(100)),
}

/** Unusual but allowed responses: their one usable key must be used. */
export const unusualAnswers: Readonly<Record<string, Behaviour>> = {
  'one good key among unusable ones': answer(
    200,
    JSON.stringify({ keys: [...unusableKeys, rsa1.jwk] }),
  ),
  'no-store': good({ 'cache-control': 'no-store' }),
  'a malformed Cache-Control': good({ 'cache-control': 'max-age=, ;=;"' }),
  'a malformed ETag': good({ etag: 'no quotes' }),
  'the media type of a text': good({ 'content-type': 'text/plain' }),
  'no media type': ({ response }) => response.writeHead(200).end(JSON.stringify(keySet)),
  'a byte order mark': answer(200, `\ufeff${JSON.stringify(keySet)}`),
  'a key in base64 with padding': answer(
    200,
    JSON.stringify({
      keys: [
        {
          ...rsa1.jwk,
          n: Buffer.from(String(rsa1.jwk.n), 'base64url').toString('base64'),
          e: 'AQAB',
        },
      ],
    }),
  ),
  'a body of exactly 256 KiB': answer(200, JSON.stringify(keySet).padEnd(256 * 1024)),
  '100 keys': stream(() => manyKeys(99)),
}

/** Responds with an ETag, and with 304 to a request with that ETag. */
export const versioned: Behaviour = ({ request, response }) => {
  if (request.headers['if-none-match'] === '"v1"') response.writeHead(304).end()
  else response.writeHead(200, { etag: '"v1"' }).end(JSON.stringify(keySet))
}

export async function createHostileServer(behaviour: Behaviour = good()): Promise<HostileServer> {
  let behave = behaviour
  let sent = 0
  let open = 0
  const requests: string[] = []
  const count = (octets: number) => {
    sent += octets
  }
  const server = createServer((request, response) => {
    requests.push(`${request.method} ${request.url}`)
    open++
    response.on('error', () => {}).on('close', () => open--)
    void behave({ request, response, origin, elsewhere, count })
  })
  // The target of redirects. It serves valid keys, and records every request.
  const trap = createServer((request, response) => {
    requests.push(`followed to ${request.url}`)
    response.writeHead(200).end(JSON.stringify(keySet))
  })
  const listen = async (which: typeof server) => {
    which.listen(0, '127.0.0.1')
    await once(which, 'listening')
    return `http://127.0.0.1:${(which.address() as AddressInfo).port}`
  }
  const [origin, elsewhere] = await Promise.all([listen(server), listen(trap)])

  async function close(): Promise<void> {
    for (const which of [server, trap]) {
      which.close()
      which.closeAllConnections()
    }
  }

  async function over(): Promise<void> {
    while (open > 0) await nextTurn()
  }

  return {
    origin,
    jwksUri: `${origin}/jwks`,
    behave(next) {
      behave = next
    },
    requests,
    sent: () => sent,
    over,
    close,
    [Symbol.asyncDispose]: close,
  }
}
