/** A real redis-server on a free port, for the tests that need one. */
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:net'

/** Whether redis-server is installed. Its absence is reported once for each file. */
export const hasRedisServer: boolean = spawnSync('redis-server', ['--version']).status === 0
if (!hasRedisServer) {
  process.stderr.write('redis-server is not installed: the tests with a real Redis are skipped\n')
}

export interface RedisServer {
  readonly port: number
  stop(): Promise<void>
}

async function findFreePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  server.close()
  await once(server, 'close')
  return port
}

/** Starts a server that stores no data on disk, and resolves when it accepts connections. */
export async function startRedisServer(...settings: readonly string[]): Promise<RedisServer> {
  const port = await findFreePort()
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
    async stop() {
      if (server.exitCode !== null || server.signalCode !== null) return
      server.kill('SIGKILL')
      await once(server, 'exit')
    },
  }
}
