/**
 * @module An HTTP server on a loopback port that can stop and start again on the same port. Imports no
 * other module of this package.
 */
import { once } from 'node:events'
import { createServer, type RequestListener, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'

export interface LoopbackServer {
  /** Scheme, address and port: `http://127.0.0.1:49152`. */
  readonly origin: string
  /** Passes requests to the listener from now on. */
  serve(listener: RequestListener): void
  /** Listens again. Rejects if another process keeps the port for half a second. */
  start(): Promise<void>
  /** Destroys every connection and frees the port. */
  stop(): Promise<void>
}

const host = '127.0.0.1'
const attempts = 20
const retryDelayMs = 25

/** Creates a server that listens on a free port. */
export async function createLoopbackServer(): Promise<LoopbackServer> {
  const server = createServer()
  await listen(server, 0)
  const { port } = server.address() as AddressInfo

  // Starts and stops run one after the other, so that callers need not wait for each.
  let lastStep: Promise<unknown> = Promise.resolve()
  function runNext(step: () => Promise<void>): Promise<void> {
    const next = lastStep.then(step)
    lastStep = next.catch(() => {})
    return next
  }

  return {
    origin: `http://${host}:${port}`,
    serve(listener) {
      server.on('request', listener)
    },
    start: () => runNext(() => listenAgain(server, port)),
    stop: () => runNext(() => stopListening(server)),
  }
}

async function listen(server: Server, port: number): Promise<void> {
  server.listen(port, host)
  await once(server, 'listening')
}

async function listenAgain(server: Server, port: number): Promise<void> {
  for (let attempt = 1; !server.listening; attempt++) {
    try {
      await listen(server, port)
    } catch (error) {
      if (attempt === attempts) throw error
      await delay(retryDelayMs)
    }
  }
}

async function stopListening(server: Server): Promise<void> {
  if (!server.listening) return
  const closed = once(server, 'close')
  server.close()
  server.closeAllConnections()
  await closed
}
