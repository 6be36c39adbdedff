/** A client that sends exact bytes, and returns the response unchanged. */
import { once } from 'node:events'
import { type ClientHttp2Session, connect as connectHttp2 } from 'node:http2'
import { connect } from 'node:net'
import { text } from 'node:stream/consumers'
import { connect as connectTls } from 'node:tls'

/** A certificate and its key, in PEM. */
export interface Identity {
  readonly key: string
  readonly cert: string
}

export interface RawRequest {
  readonly method?: string
  readonly path?: string
  /** Header lines as they are sent, in latin1, without `Host`, `Connection` and `Content-Length`. */
  readonly lines?: readonly string[]
  readonly body?: string | Buffer
  /** What the client authenticates with in TLS. */
  readonly client?: Identity | undefined
  /** The `Host` lines; by default one. */
  readonly host?: readonly string[]
  /** Set if HTTP/2 cannot express the request, or Node's HTTP/2 client does not send it. */
  readonly onlyHttp1?: boolean
}

export interface RawResponse {
  readonly status: number
  readonly statusLine: string
  /** Names and values as received, in their order. */
  readonly headers: readonly (readonly [name: string, value: string])[]
  readonly body: string
  /** Whether the server created it from a fetch Response, whose header names are in lower case. */
  readonly byFetch?: boolean
}

/** Returns the bytes of a request with `Connection: close`. */
export function bytesOf(request: RawRequest): Buffer {
  const { method = 'GET', path = '/p', lines = [], body, host = ['Host: rs.test'] } = request
  const length = body === undefined ? [] : [`Content-Length: ${Buffer.byteLength(body)}`]
  const head = [`${method} ${path} HTTP/1.1`, ...host, 'Connection: close', ...lines, ...length]
  return Buffer.concat([
    Buffer.from(`${head.join('\r\n')}\r\n\r\n`, 'latin1'),
    Buffer.from(body ?? ''),
  ])
}

/** Sends bytes and returns everything that is received until the server closes the connection. */
export async function exchange(
  port: number,
  bytes: Buffer,
  client?: Partial<Identity>,
): Promise<Buffer> {
  const socket =
    client === undefined
      ? connect(port, '127.0.0.1')
      : connectTls({ port, host: '127.0.0.1', rejectUnauthorized: false, ...client })
  const chunks: Buffer[] = []
  socket.on('data', (chunk) => chunks.push(chunk))
  socket.write(bytes)
  const failed = new Promise<never>((_resolve, reject) => socket.once('error', reject))
  await Promise.race([new Promise((resolve) => socket.once('close', resolve)), failed])
  return Buffer.concat(chunks)
}

export function parseResponse(bytes: Buffer): RawResponse {
  const all = bytes.toString('latin1')
  const end = all.indexOf('\r\n\r\n')
  const [statusLine = '', ...lines] = all.slice(0, end).split('\r\n')
  const headers = lines.map((line) => {
    const colon = line.indexOf(':')
    return [line.slice(0, colon), line.slice(colon + 1).trim()] as const
  })
  const status = Number(statusLine.split(' ')[1])
  return { status, statusLine, headers, body: bytes.subarray(end + 4).toString() }
}

/** Sends a request on a connection of its own, because the client certificate belongs to the connection. */
export async function sendSecureHttp2(port: number, request: RawRequest): Promise<RawResponse> {
  const session = connectHttp2(`https://127.0.0.1:${port}`, {
    rejectUnauthorized: false,
    ...request.client,
  })
  try {
    return await sendHttp2(session, request)
  } finally {
    session.close()
  }
}

export async function sendHttp2(
  session: ClientHttp2Session,
  request: RawRequest,
): Promise<RawResponse> {
  const { method = 'GET', path = '/p', lines = [], body } = request
  const fields = lines.map((line): [string, string] => {
    const colon = line.indexOf(':')
    // RFC 9113 §8.2: names are in lower case, and values have no space around them.
    return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()]
  })
  const stream = session.request(
    { ':method': method, ':path': path, ...Object.fromEntries(fields) },
    { endStream: body === undefined },
  )
  const answered = once(stream, 'response')
  if (body !== undefined) stream.end(body)
  // In the headers object, Node joins lines of the same name.
  const [{ ':status': status }, , raw] = (await answered) as [Record<string, unknown>, 0, string[]]
  const headers = raw
    .flatMap((name, index) => (index % 2 === 0 ? [[name, raw[index + 1] ?? ''] as const] : []))
    .filter(([name]) => name !== ':status')
  return {
    status: Number(status),
    statusLine: `HTTP/2 ${status}`,
    headers,
    body: await text(stream),
  }
}

/** Returns every value of a header field, line by line. */
export function linesOf(answer: RawResponse, name: string): string[] {
  return answer.headers
    .filter(([header]) => header.toLowerCase() === name.toLowerCase())
    .map(([, value]) => value)
}
