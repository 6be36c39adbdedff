/** A real Redis for tests: a process of its own, and the few lines of its protocol that they need. */
import { spawn, spawnSync } from 'node:child_process'
import { connect } from 'node:net'
import { freePort } from './guides.ts'

/** Whether Redis is installed. */
export const hasRedis: boolean = spawnSync('redis-server', ['--version']).status === 0

export interface Redis {
  /** Resolves to an integer, a text or null. */
  readonly send: (...args: string[]) => Promise<unknown>
  readonly stop: () => void
}

export async function startRedis(): Promise<Redis> {
  const port = await freePort()
  const options = [
    '--port',
    String(port),
    '--bind',
    '127.0.0.1',
    '--save',
    '',
    '--appendonly',
    'no',
  ]
  const child = spawn('redis-server', options, { stdio: 'ignore' })
  const send = (...args: string[]) => sendCommand(port, args)
  for (let attempt = 0; attempt < 100; attempt++) {
    const reply = await send('PING').catch(() => undefined)
    if (reply === 'PONG') return { send, stop: () => child.kill('SIGKILL') }
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  child.kill('SIGKILL')
  throw new Error('Redis did not start')
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
