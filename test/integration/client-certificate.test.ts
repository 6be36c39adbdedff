/** The client certificate of real TLS connections. */
import { once } from 'node:events'
import { createServer as createHttpServer, type IncomingMessage } from 'node:http'
import { connect as connectHttp2, createSecureServer, type Http2ServerRequest } from 'node:http2'
import { Agent, createServer as createHttpsServer, request as httpsRequest } from 'node:https'
import type { AddressInfo, Server } from 'node:net'
import { connect as connectTls, type SecureVersion, type TLSSocket } from 'node:tls'
import { describe, expect, it, onTestFinished } from 'vitest'
import { createGetCertificateThumbprint } from '../../src/credentials/client-certificate.ts'
import { validateCertificateBinding } from '../../src/proof/mtls.ts'
import { makeCertificate } from '../support/certificate.ts'
import { failureOf } from '../support/failure-of.ts'

const serverCertificate = await makeCertificate()
const client = await makeCertificate({ commonName: 'client' })
const other = await makeCertificate({ commonName: 'other' })
const day = 86_400_000
const expired = await makeCertificate({
  commonName: 'expired',
  notBefore: new Date(Date.now() - 2 * day),
  notAfter: new Date(Date.now() - day),
})

const getThumbprint = createGetCertificateThumbprint('tls')
const loopback = { host: '127.0.0.1', servername: 'localhost', ca: serverCertificate.cert }

/** The response: the thumbprint, and whether `x-bound-to` would be the binding of a valid token. */
function answer(request: IncomingMessage | Http2ServerRequest): string {
  const { reused = false, version } = describeSocket(request.socket as TLSSocket)
  const thumbprint = getThumbprint(request)
  const refused = failureOf(() =>
    validateCertificateBinding(String(request.headers['x-bound-to']), thumbprint),
  )
  return JSON.stringify({ thumbprint, reused, version, outcome: refused?.reason ?? 'OK' })
}

function describeSocket(socket: Partial<TLSSocket>) {
  return { reused: socket.isSessionReused?.(), version: socket.getProtocol?.() }
}

async function listen(server: Server): Promise<number> {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => {
    server.close()
  })
  return (server.address() as AddressInfo).port
}

/** A server that asks for certificates and accepts every one. */
function listenHttps(version: SecureVersion = 'TLSv1.3'): Promise<number> {
  return listen(
    createHttpsServer(
      {
        ...serverCertificate,
        requestCert: true,
        rejectUnauthorized: false,
        minVersion: version,
        maxVersion: version,
      },
      (request, response) => response.end(answer(request)),
    ),
  )
}

type Answer = { thumbprint?: string; reused: boolean; version: string; outcome: string }
type Identity = { key?: string; cert?: string }

/** One request over a connection of its own; also returns the TLS session. */
async function requestOnce(port: number, identity: Identity, session?: Buffer, boundTo = '') {
  const { key, cert } = identity
  const socket = connectTls({ ...loopback, port, key, cert, session })
  let nextSession: Buffer | undefined
  socket.on('session', (value) => {
    nextSession = value
  })
  socket.write(
    `GET / HTTP/1.1\r\nHost: localhost\r\nX-Bound-To: ${boundTo}\r\nConnection: close\r\n\r\n`,
  )
  let text = ''
  socket.on('data', (chunk) => {
    text += chunk
  })
  await once(socket, 'close')
  const body = text.slice(text.indexOf('{'), text.lastIndexOf('}') + 1)
  return { ...(JSON.parse(body) as Answer), session: nextSession }
}

const boundTo = ({ thumbprint }: { thumbprint: string }) => ({ 'x-bound-to': thumbprint })

describe.each(['TLSv1.2', 'TLSv1.3'] as const)('the client certificate in %s', (version) => {
  it('8705-6.2-a is that of a client with a self-signed certificate', async () => {
    const port = await listenHttps(version)
    const mine = await requestOnce(port, client, undefined, client.thumbprint)
    expect(mine).toMatchObject({ thumbprint: client.thumbprint, version, outcome: 'OK' })
    const stolen = await requestOnce(port, other, undefined, client.thumbprint)
    expect(stolen).toMatchObject({ thumbprint: other.thumbprint, outcome: 'binding_mismatch' })
  })

  it('8705-6.2-b may have expired', async () => {
    const { thumbprint } = await requestOnce(await listenHttps(version), expired)
    expect(thumbprint).toBe(expired.thumbprint)
  })

  it('8705-3-c is absent where the client has none', async () => {
    const answer = await requestOnce(await listenHttps(version), {}, undefined, client.thumbprint)
    expect(answer.thumbprint).toBeUndefined()
    expect(answer.outcome).toBe('binding_mismatch')
  })

  it('8705-resum is the same on a session that is resumed, with and without a certificate', async () => {
    const port = await listenHttps(version)
    const { session } = await requestOnce(port, client)
    expect(session).toBeDefined()
    for (const identity of [client, {}]) {
      const resumed = await requestOnce(port, identity, session, client.thumbprint)
      expect(resumed).toMatchObject({ reused: true, thumbprint: client.thumbprint, outcome: 'OK' })
    }
  })
})

describe('the client certificate of one connection', () => {
  it('8705-h2 decides about every request on it, in HTTP/1.1', async () => {
    const port = await listenHttps()
    const agent = new Agent({ ...loopback, ...client, keepAlive: true, maxSockets: 1 })
    onTestFinished(() => agent.destroy())
    const sockets = new Set<unknown>()
    const outcomes: string[] = []
    for (const headers of [boundTo(client), boundTo(other), boundTo(client)]) {
      const sent = httpsRequest({ ...loopback, port, agent, headers }).end()
      const [response] = (await once(sent, 'response')) as [IncomingMessage]
      sockets.add(response.socket)
      outcomes.push(JSON.parse(Buffer.concat(await response.toArray()).toString()).outcome)
    }
    expect(outcomes).toEqual(['OK', 'binding_mismatch', 'OK'])
    expect(sockets.size).toBe(1)
  })

  it('8705-h2 decides about every request on it, in HTTP/2', async () => {
    const server = createSecureServer(
      { ...serverCertificate, requestCert: true, rejectUnauthorized: false },
      (request, response) => response.end(answer(request)),
    )
    const port = await listen(server)
    for (const identity of [client, {}]) {
      const session = connectHttp2(`https://localhost:${port}`, {
        ...loopback,
        ...identity,
        lookup: (_, __, callback) => callback(null, [{ address: '127.0.0.1', family: 4 }]),
      })
      const outcomes = await Promise.all(
        [client, other, client].map(async (token) => {
          const stream = session.request({ ':path': '/', ...boundTo(token) })
          return JSON.parse(Buffer.concat(await stream.toArray()).toString()).outcome
        }),
      )
      const isClient = identity === client
      const expected = isClient ? 'OK' : 'binding_mismatch'
      expect(outcomes).toEqual([expected, 'binding_mismatch', expected])
      session.close()
      await once(session, 'close')
    }
  })

  it('is absent once the connection is closed', async () => {
    const requests: IncomingMessage[] = []
    const server = createHttpsServer(
      { ...serverCertificate, requestCert: true, rejectUnauthorized: false },
      (request, response) => {
        requests.push(request)
        response.end('{}')
      },
    )
    await requestOnce(await listen(server), client)
    const [request] = requests as [IncomingMessage]
    if (!request.socket.destroyed) await once(request.socket, 'close')
    expect(getThumbprint(request)).toBeUndefined()
  })
})

it('8705-3-c the client certificate is absent without TLS', async () => {
  const port = await listen(createHttpServer((request, response) => response.end(answer(request))))
  const response = await fetch(`http://127.0.0.1:${port}`, { headers: boundTo(client) })
  const answered = (await response.json()) as Answer
  expect(answered.thumbprint).toBeUndefined()
  expect(answered.outcome).toBe('binding_mismatch')
})

it('8705-6.2-a the client certificate is absent where the server does not ask for it', async () => {
  const server = createHttpsServer({ ...serverCertificate }, (request, response) =>
    response.end(answer(request)),
  )
  expect((await requestOnce(await listen(server), client)).thumbprint).toBeUndefined()
})
