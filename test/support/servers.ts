/**
 * The same small API on every adapter and every version of its framework, on sockets of 127.0.0.1, and a
 * client that sends exact bytes and returns the unchanged response.
 */
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import {
  type ClientHttp2Session,
  connect as connectHttp2,
  createServer as createHttp2,
  createSecureServer as createSecureHttp2,
} from 'node:http2'
import { createServer as createHttpsServer } from 'node:https'
import { createRequire } from 'node:module'
import { type AddressInfo, connect } from 'node:net'
import { parse as parseQuery } from 'node:querystring'
import { text } from 'node:stream/consumers'
import { connect as connectTls } from 'node:tls'
import express5 from 'express'
import Koa3 from 'koa'
import {
  type AccessToken,
  createValidator,
  type Requirement,
  type Validator,
  type ValidatorEvent,
  type ValidatorOptions,
} from 'oauth-resource-server'
import * as forExpress from 'oauth-resource-server/express'
import * as forHttp from 'oauth-resource-server/http'
import * as forKoa from 'oauth-resource-server/koa'
import { fixtureOptions } from './fixture.ts'
import { onHono } from './hono-server.ts'

// Older versions are installed under another name, which has no types.
const require = createRequire(import.meta.url)
const express4 = require('express4') as typeof express5
const Koa2 = require('koa2') as typeof Koa3

export interface Route {
  readonly authenticate?: forHttp.AuthenticateOptions | false
  /** How many times `authenticate` is mounted. */
  readonly times?: number
  /** One `authorize` for each. */
  readonly authorize?: Requirement | readonly Requirement[]
}

const both = { scopes: 'read:a write:a' }

const routes: Readonly<Record<string, Route>> = {
  '/p': {},
  '/scoped': { authenticate: { requirement: both } },
  '/authorized': { authorize: both },
  '/optional': { authenticate: { optional: true } },
  '/optional-authorized': { authenticate: { optional: true }, authorize: both },
  '/twice': { times: 2, authorize: { scopes: 'read:a' } },
}

export interface ApiOptions {
  readonly validator?: Partial<ValidatorOptions>
  /** Mounts the validator itself, and not an object around it that records its refusals. */
  readonly direct?: boolean
  /** Further resources on this host, whose metadata the API serves at its root too. */
  readonly resources?: readonly string[]
  readonly routes?: Readonly<Record<string, Route>>
  /** Reads bodies before `authenticate` runs, as the framework's body parser does. */
  readonly parseBodies?: boolean
  /** Serves over TLS with this certificate, and asks clients for theirs without trusting an issuer. */
  readonly tls?: Identity
  /** Runs first. `holder` is the object that gets `auth`. Returns `true` if it has responded. */
  readonly before?: (
    request: IncomingMessage,
    response: ServerResponse,
    holder: { auth?: unknown },
  ) => boolean | undefined
}

/** A certificate and its key, in PEM. */
export interface Identity {
  readonly key: string
  readonly cert: string
}

/** What the handler of a route received. */
interface Seen {
  readonly auth: AccessToken | undefined
  /** The parsed body, or the text that was not read yet. */
  readonly body: unknown
}

/** What happened behind one API since {@link Api.forget}. */
interface Records {
  readonly seen: Seen[]
  readonly events: ValidatorEvent[]
  /** Every error that the validator threw. */
  readonly refusals: unknown[]
  /** What reached the error handling of the framework. */
  readonly failures: unknown[]
}

export interface Setup extends Records {
  readonly validator: Validator
  /** Those that describe their resource. */
  readonly described: readonly Validator[]
  readonly routeOf: (path: string) => Route
  readonly paths: readonly string[]
  readonly options: ApiOptions
}

export type Listener = (request: IncomingMessage, response: ServerResponse) => void

export interface Request {
  readonly method?: string
  readonly path?: string
  /** Header lines as they are sent, in latin1, without `Host`, `Connection` and `Content-Length`. */
  readonly lines?: readonly string[]
  readonly body?: string | Buffer
  /** What the client authenticates with in TLS. */
  readonly client?: Identity | undefined
  /** Instead of the one Host line. */
  readonly host?: readonly string[]
  /** Set if HTTP/2 cannot express the request, or Node's HTTP/2 client does not send it. */
  readonly onlyHttp1?: boolean
}

export interface Answer {
  readonly status: number
  readonly statusLine: string
  /** Names and values as received, in their order. */
  readonly headers: readonly (readonly [name: string, value: string])[]
  readonly body: string
  /** The server made it of a fetch Response, which has names in lower case only. */
  readonly byFetch?: boolean
}

export interface Api extends Records {
  readonly name: AdapterName
  readonly port: number
  readonly send: (request: Request) => Promise<Answer>
  readonly forget: () => void
  readonly close: () => Promise<void>
}

function stepsOf<A, S>(
  route: Route,
  adapter: {
    authenticate: (validator: Validator, options?: forHttp.AuthenticateOptions) => A
    authorize: (requirement: Requirement) => S
  },
  validator: Validator,
): (A | S)[] {
  const times = route.authenticate === false ? 0 : (route.times ?? 1)
  const authentications = Array.from({ length: times }, () =>
    adapter.authenticate(validator, route.authenticate || {}),
  )
  const requirements = [route.authorize ?? []].flat() as Requirement[]
  return [...authentications, ...requirements.map((required) => adapter.authorize(required))]
}

async function readBody(
  request: IncomingMessage,
  parseForm: (body: string) => unknown = parseQuery,
): Promise<unknown> {
  const type = request.headers['content-type']?.split(';')[0]?.trim().toLowerCase()
  if (type === 'application/x-www-form-urlencoded') return parseForm(await text(request))
  if (type === 'application/json') return JSON.parse(await text(request))
  return undefined
}

async function see(setup: Setup, request: IncomingMessage, auth: unknown, parsed: unknown) {
  const body = parsed ?? (request.readableEnded ? undefined : await text(request))
  setup.seen.push({ auth: auth as AccessToken | undefined, body })
  return JSON.stringify({ subject: (auth as AccessToken | undefined)?.subject ?? null })
}

const onExpress =
  (express: typeof express5) =>
  (setup: Setup): Listener => {
    const { before, parseBodies } = setup.options
    const app = express()
    app.use((request, response, next) => {
      if (!before?.(request, response, request)) next()
    })
    for (const described of setup.described) app.use(forExpress.resourceMetadata(described))
    if (parseBodies) app.use(express.urlencoded({ extended: true }), express.json())
    const reply: express5.RequestHandler = (request, response, next) => {
      const parsed = parseBodies ? (request.body as unknown) : undefined
      see(setup, request, request.auth, parsed).then((json) => response.end(json), next)
    }
    for (const path of setup.paths) {
      app.all(path, ...stepsOf(setup.routeOf(path), forExpress, setup.validator), reply)
    }
    app.use(...stepsOf(setup.routeOf(''), forExpress, setup.validator), reply)
    const fail: express5.ErrorRequestHandler = (error, _request, response, _next) => {
      setup.failures.push(error)
      if (response.headersSent) return
      response
        .status(error.status ?? 500)
        .set(error.headers)
        .end()
    }
    app.use(fail)
    return app as unknown as Listener
  }

const onKoa =
  (Koa: typeof Koa3) =>
  (setup: Setup): Listener => {
    const { before, parseBodies } = setup.options
    const app = new Koa()
    app.on('error', (error) => setup.failures.push(error))
    app.use(async (context, next) => {
      if (before?.(context.req, context.res, context.state)) context.respond = false
      else await next()
    })
    for (const described of setup.described) app.use(forKoa.resourceMetadata(described))
    app.use(async (context, next) => {
      if (parseBodies) Object.assign(context.request, { body: await readBody(context.req) })
      await next()
    })
    const routes = new Map(
      ['', ...setup.paths].map((path) => [
        path,
        stepsOf(setup.routeOf(path), forKoa, setup.validator),
      ]),
    )
    app.use(async (context) => {
      const steps = routes.get(context.path) ?? routes.get('') ?? []
      const run = async (index: number): Promise<void> => {
        const step = steps[index]
        if (step !== undefined) return step(context, () => run(index + 1))
        const { body } = context.request as { body?: unknown }
        context.body = await see(setup, context.req, context.state.auth, body)
      }
      await run(0)
    })
    return app.callback()
  }

/** A request of node:http with the members that applications add. */
type Carrier = IncomingMessage & { auth?: unknown; body?: unknown }

const pathOf = (request: IncomingMessage): string => request.url?.split('?')[0] ?? ''

function sendPlainError(setup: Setup, response: ServerResponse, error: unknown): void {
  setup.failures.push(error)
  if (response.headersSent) return
  response.statusCode = (error as { status?: number }).status ?? 500
  response.end()
}

/** Calls the functions one after the other, and awaits their promises. */
function onHttp(setup: Setup): Listener {
  const { before, parseBodies } = setup.options
  const routes = new Map(
    ['', ...setup.paths].map((path) => [
      path,
      stepsOf(setup.routeOf(path), forHttp, setup.validator),
    ]),
  )
  const metadata = setup.described.map((described) => forHttp.resourceMetadata(described))
  return async (request: Carrier, response) => {
    try {
      if (before?.(request, response, request)) return
      for (const serve of metadata) if (await serve(request, response)) return
      if (parseBodies) request.body = await readBody(request)
      for (const guard of routes.get(pathOf(request)) ?? routes.get('') ?? []) {
        if ((await guard(request, response)) === null) return
      }
      response.end(await see(setup, request, request.auth, request.body))
    } catch (error) {
      sendPlainError(setup, response, error)
    }
  }
}

/** Uses the functions as middleware with `next`. The form is a URLSearchParams here. */
function onConnect(setup: Setup): Listener {
  const { before, parseBodies } = setup.options
  const routes = new Map(
    ['', ...setup.paths].map((path) => [
      path,
      stepsOf(setup.routeOf(path), forHttp, setup.validator),
    ]),
  )
  const metadata = setup.described.map((described) => forHttp.resourceMetadata(described))
  return async (request: Carrier, response) => {
    if (before?.(request, response, request)) return
    if (parseBodies) request.body = await readBody(request, (body) => new URLSearchParams(body))
    const guards = [...metadata, ...(routes.get(pathOf(request)) ?? routes.get('') ?? [])]
    const run = (index: number, error?: unknown): void => {
      const guard = guards[index]
      if (error !== undefined) sendPlainError(setup, response, error)
      else if (guard !== undefined) {
        guard(request, response, (problem) => run(index + 1, problem)).catch((problem) =>
          sendPlainError(setup, response, problem),
        )
      } else {
        void see(setup, request, request.auth, request.body).then((json) => response.end(json))
      }
    }
    run(0)
  }
}

const adapters = {
  'express 5': onExpress(express5),
  'express 4': onExpress(express4),
  'koa 3': onKoa(Koa3),
  'koa 2': onKoa(Koa2),
  http: onHttp,
  connect: onConnect,
  http2: onHttp,
}

const webAdapters = { hono: onHono }

export type AdapterName = keyof typeof adapters | keyof typeof webAdapters
/** The adapters that have all options. */
export const adapterNames = Object.keys(adapters) as (keyof typeof adapters)[]
/** With web-standard servers: `before`, `parseBodies`, `optional` and `authorize` are not for these. */
export const allNames: readonly AdapterName[] = [...adapterNames, 'hono']

/** Starts the API on one adapter. */
export async function startApi(name: AdapterName, options: ApiOptions = {}): Promise<Api> {
  const records: Records = { seen: [], events: [], refusals: [], failures: [] }
  const onEvent = (event: ValidatorEvent) => {
    records.events.push(event)
    return options.validator?.onEvent?.(event)
  }
  // I6: the keys of the fixture are configured, so nothing may be fetched.
  const fetch = async (url: unknown) => {
    records.failures.push(new Error(`fetched ${url}`))
    throw new TypeError('fetch failed')
  }
  const validator = createValidator(fixtureOptions({ fetch, ...options.validator, onEvent }))
  const noted = <A extends unknown[], R>(check: (...args: A) => Promise<R>) => {
    return (...args: A) =>
      check(...args).catch((error: unknown) => {
        records.refusals.push(error)
        throw error
      })
  }
  const table = options.routes ?? routes
  const others = (options.resources ?? []).map((resource) =>
    createValidator({ ...fixtureOptions(), audience: undefined, resource }),
  )
  const listener = { ...adapters, ...webAdapters }[name]({
    ...records,
    validator: options.direct
      ? validator
      : {
          ...validator,
          authenticate: noted(validator.authenticate),
          authorize: noted(validator.authorize),
        },
    described: [validator, ...others].filter(({ resourceMetadata }) => resourceMetadata),
    routeOf: (path) => table[path] ?? {},
    paths: Object.keys(table),
    options,
  })
  const isHttp2 = name === 'http2'
  const { tls } = options
  const server = createServerFor(isHttp2, tls, listener)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const session = isHttp2 && !tls ? connectHttp2(`http://127.0.0.1:${port}`) : undefined
  return {
    name,
    port,
    ...records,
    send(request) {
      if (isHttp2 && tls) return sendSecureHttp2(port, request)
      if (session) return sendHttp2(session, request)
      const sent = exchange(port, bytesOf(request), tls && (request.client ?? {}))
      return sent.then((bytes) => ({ ...readAnswer(bytes), byFetch: name in webAdapters }))
    },
    forget() {
      for (const record of Object.values(records)) record.length = 0
    },
    async close() {
      session?.close()
      if ('closeAllConnections' in server) server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}

function createServerFor(isHttp2: boolean, tls: Identity | undefined, listener: Listener) {
  if (tls === undefined) return isHttp2 ? createHttp2(listener as never) : createServer(listener)
  const options = { ...tls, requestCert: true, rejectUnauthorized: false }
  return isHttp2
    ? createSecureHttp2(options, listener as never)
    : createHttpsServer(options, listener)
}

/** Starts the API on every adapter. */
export function startApis(
  options?: ApiOptions,
  names: readonly AdapterName[] = adapterNames,
): Promise<Api[]> {
  return Promise.all(names.map((name) => startApi(name, options)))
}

export async function closeApis(apis: readonly Api[]): Promise<void> {
  await Promise.all(apis.map((api) => api.close()))
}

/** The bytes of a request. It has `Connection: close`. */
export function bytesOf(request: Request): Buffer {
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

export function readAnswer(bytes: Buffer): Answer {
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

/** Over a connection of its own, because the client authenticates for a whole connection. */
async function sendSecureHttp2(port: number, request: Request): Promise<Answer> {
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

async function sendHttp2(session: ClientHttp2Session, request: Request): Promise<Answer> {
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

/** Every value of a header field, line by line. */
export function linesOf(answer: Answer, name: string): string[] {
  return answer.headers
    .filter(([header]) => header.toLowerCase() === name.toLowerCase())
    .map(([, value]) => value)
}
