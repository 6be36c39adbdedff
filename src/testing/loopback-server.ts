/**
 * A server on a real loopback port that can go away and come back on the same port. Knows nothing
 * of OAuth.
 *
 * @module
 */
import { once } from 'node:events'
import { createServer, type RequestListener, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'

export interface LoopbackServer {
  /** Scheme, address and port: `http://127.0.0.1:49152`. */
  readonly origin: string
  /** Answers requests from now on. */
  serve(listener: RequestListener): void
  /** Listens again. Rejects when somebody else has taken the port and keeps it for half a second. */
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

  // Starts and stops take turns, so that callers need not.
  let lastTurn: Promise<unknown> = Promise.resolve()
  function inTurn(step: () => Promise<void>): Promise<void> {
    const turn = lastTurn.then(step)
    lastTurn = turn.catch(() => {})
    return turn
  }

  return {
    origin: `http://${host}:${port}`,
    serve(listener) {
      server.on('request', listener)
    },
    start: () => inTurn(() => listenAgain(server, port)),
    stop: () => inTurn(() => stopListening(server)),
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
