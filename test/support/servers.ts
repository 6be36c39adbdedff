/**
 * The same small API on every adapter and every version of its framework, on sockets of 127.0.0.1.
 */
import { once } from 'node:events'
import { createServer } from 'node:http'
import {
  connect as connectHttp2,
  createServer as createHttp2,
  createSecureServer as createSecureHttp2,
} from 'node:http2'
import { createServer as createHttpsServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import express5 from 'express'
import Koa3 from 'koa'
import { createValidator, type ValidatorEvent } from 'oauth-resource-server'
import {
  bytesOf,
  exchange,
  type Identity,
  parseResponse,
  type RawRequest,
  type RawResponse,
  sendHttp2,
  sendSecureHttp2,
} from './exchange.ts'
import { fixtureOptions } from './fixture.ts'
import { onHono } from './hono-server.ts'
import {
  type ApiOptions,
  express4,
  Koa2,
  type Listener,
  onConnect,
  onExpress,
  onHttp,
  onKoa,
  type Records,
  type Route,
} from './mounted-apis.ts'

const both = { scopes: 'read:a write:a' }

const routes: Readonly<Record<string, Route>> = {
  '/p': {},
  '/scoped': { authenticate: { requirement: both } },
  '/authorized': { authorize: both },
  '/optional': { authenticate: { optional: true } },
  '/optional-authorized': { authenticate: { optional: true }, authorize: both },
  '/twice': { times: 2, authorize: { scopes: 'read:a' } },
}

export interface Api extends Records {
  readonly name: AdapterName
  readonly port: number
  readonly send: (request: RawRequest) => Promise<RawResponse>
  readonly forget: () => void
  readonly close: () => Promise<void>
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
/** All adapters. Those of web-standard servers have no `before`, `parseBodies`, `optional` and `authorize`. */
export const allNames: readonly AdapterName[] = [...adapterNames, 'hono']

/** Starts the API on one adapter. */
export async function startApi(name: AdapterName, options: ApiOptions = {}): Promise<Api> {
  const records: Records = { seen: [], events: [], refusals: [], failures: [] }
  const onEvent = (event: ValidatorEvent) => {
    records.events.push(event)
    return options.validator?.onEvent?.(event)
  }
  // The keys of the fixture are configured, so nothing may be fetched.
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
      return sent.then((bytes) => ({ ...parseResponse(bytes), byFetch: name in webAdapters }))
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
