/** A real redis-server on a free port, and the few lines of its protocol that tests need. */
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { connect } from 'node:net'
import { freePort } from './free-port.ts'

/** Whether redis-server is installed. Its absence is reported once for each file. */
export const hasRedisServer: boolean = spawnSync('redis-server', ['--version']).status === 0
if (!hasRedisServer) {
  process.stderr.write('redis-server is not installed: the tests with a real Redis are skipped\n')
}

export interface RedisServer {
  readonly port: number
  /** Sends one command. Resolves to its reply: an integer, or a simple string such as `OK`. */
  send(...args: string[]): Promise<unknown>
  stop(): Promise<void>
}

/** Starts a server that stores no data on disk, and resolves when it accepts connections. */
export async function startRedisServer(...settings: readonly string[]): Promise<RedisServer> {
  const port = await freePort()
  const flags = ['--port', String(port), '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no']
  const server = spawn('redis-server', [...flags, ...settings], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  for await (const chunk of server.stdout.iterator({ destroyOnReturn: false })) {
    if (String(chunk).includes('Ready to accept connections')) break
  }
  server.stdout.resume()
  return {
    port,
    send: (...args) => sendCommand(port, args),
    async stop() {
      if (server.exitCode !== null || server.signalCode !== null) return
      server.kill('SIGKILL')
      await once(server, 'exit')
    },
  }
}

/** Sends one command on a connection of its own. */
function sendCommand(port: number, args: readonly string[]): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1')
    const parts = args.map((arg) => `$${Buffer.byteLength(arg)}\r\n${arg}\r\n`)
    socket.on('error', reject)
    socket.on('close', () => reject(new Error('no reply')))
    socket.on('data', (data) => {
      const [first = ''] = data.toString().split('\r\n')
      if (first.startsWith('-')) reject(new Error(first))
      resolve(first.startsWith(':') ? Number(first.slice(1)) : first.slice(1))
      socket.destroy()
    })
    socket.write(`*${args.length}\r\n${parts.join('')}`)
  })
}
