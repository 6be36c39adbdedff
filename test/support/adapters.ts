/** Helpers for the adapter tests: an API with other options on every adapter, and servers for one request. */
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { createRequire } from 'node:module'
import type { AddressInfo } from 'node:net'
import type express5 from 'express'
import type Koa3 from 'koa'
import {
  type Answer,
  type Api,
  type ApiOptions,
  bytesOf,
  closeApis,
  exchange,
  type Request,
  type Route,
  readAnswer,
  startApis,
} from './servers.ts'

const require = createRequire(import.meta.url)
export const express4 = require('express4') as typeof express5
export const Koa2 = require('koa2') as typeof Koa3

export async function withApis(
  options: ApiOptions,
  run: (apis: Api[]) => Promise<void>,
): Promise<void> {
  const others = await startApis(options)
  await run(others).finally(() => closeApis(others))
}

export const withRoute = (route: Route, run: (apis: Api[]) => Promise<void>): Promise<void> =>
  withApis({ routes: { '/p': route } }, run)

/** Sends one request to a server with this listener. */
export async function askOnce(
  listener: (request: IncomingMessage, response: ServerResponse) => unknown,
  request: Request,
): Promise<Answer> {
  const server = createServer(listener).listen(0, '127.0.0.1')
  await once(server, 'listening')
  try {
    return readAnswer(await exchange((server.address() as AddressInfo).port, bytesOf(request)))
  } finally {
    server.close()
  }
}

export const refuseToFetch = async (): Promise<never> => {
  throw new TypeError('fetch failed')
}
