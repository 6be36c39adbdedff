/** Helpers for the adapter tests: APIs with other options, and servers for one request. */
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { bytesOf, exchange, parseResponse, type RawRequest, type RawResponse } from './exchange.ts'
import type { ApiOptions, Route } from './mounted-apis.ts'
import { type Api, closeApis, startApis } from './servers.ts'

/** Runs a function with an API on every adapter, and closes the APIs. */
export async function withApis(
  options: ApiOptions,
  run: (apis: Api[]) => Promise<void>,
): Promise<void> {
  const apis = await startApis(options)
  await run(apis).finally(() => closeApis(apis))
}

export const withRoute = (route: Route, run: (apis: Api[]) => Promise<void>): Promise<void> =>
  withApis({ routes: { '/p': route } }, run)

/** Sends one request to a server with this listener. */
export async function askOnce(
  listener: (request: IncomingMessage, response: ServerResponse) => unknown,
  request: RawRequest,
): Promise<RawResponse> {
  const server = createServer(listener).listen(0, '127.0.0.1')
  await once(server, 'listening')
  try {
    return parseResponse(await exchange((server.address() as AddressInfo).port, bytesOf(request)))
  } finally {
    server.close()
  }
}

export const refuseToFetch = async (): Promise<never> => {
  throw new TypeError('fetch failed')
}
