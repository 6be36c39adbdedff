/** The replay store in Redis, with the real server and the real clients. */
import { execFileSync, spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { Cluster, Redis } from 'ioredis'
import { Redis as Valkey, Cluster as ValkeyCluster } from 'iovalkey'
import { redisReplayStore } from 'oauth-resource-server/redis'
import { createClient, createCluster } from 'redis'
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest'
import { type ResolvedDpop, resolveDpop } from '../../src/options/dpop.ts'
import { createDpopVerifier } from '../../src/proof/dpop-verifier.ts'
import { jkt1, makeProof, requestWith, soleIssuer, startTime, token, uri } from '../support/dpop.ts'
import { hasRedisServer, type RedisServer, startRedisServer } from '../support/redis-server.ts'

type SendCommand = (...args: string[]) => Promise<unknown>

interface Connection {
  readonly sendCommand: SendCommand
  close(): void
}

/** Each client with its default options, connected as its documentation shows. */
const clients: Readonly<Record<string, (port: number) => Promise<Connection>>> = {
  async 'node-redis'(port) {
    const client = createClient({ url: `redis://127.0.0.1:${port}` })
    client.on('error', () => {})
    await client.connect()
    return {
      sendCommand: (...args) => client.sendCommand(args),
      close: () => client.destroy(),
    }
  },
  async ioredis(port) {
    const client = new Redis(port, '127.0.0.1')
    client.on('error', () => {})
    return {
      sendCommand: (name: string, ...args: string[]) => client.call(name, ...args),
      close: () => client.disconnect(),
    }
  },
  async iovalkey(port) {
    const client = new Valkey(port, '127.0.0.1')
    client.on('error', () => {})
    return {
      sendCommand: (name: string, ...args: string[]) => client.call(name, ...args),
      close: () => client.disconnect(),
    }
  },
}

const presentation = (proof: string) => {
  return { request: requestWith(proof), targetUri: uri, token, jkt: jkt1, issuer: soleIssuer }
}

function verifierWith(sendCommand: SendCommand) {
  const replayStore = redisReplayStore({ sendCommand })
  const options = resolveDpop({ replayStore }) as ResolvedDpop
  return createDpopVerifier({ ...options, clockTolerance: 5, now: () => startTime * 1000 })
}

describe.skipIf(!hasRedisServer).each(Object.keys(clients))('a replay store with %s', (name) => {
  let server: RedisServer
  let connection: Connection
  let admin: Connection

  beforeAll(async () => {
    server = await startRedisServer()
    const connect = clients[name] as (port: number) => Promise<Connection>
    connection = await connect(server.port)
    admin = await connect(server.port)
  })
  afterAll(async () => {
    connection.close()
    admin.close()
    await server.stop()
  })

  /** The error of a valid proof, and after how many milliseconds it was refused. */
  async function refuse() {
    const { verify } = verifierWith(connection.sendCommand)
    const start = performance.now()
    const error = await verify(presentation(makeProof())).then(
      () => expect.fail('the proof was accepted'),
      (caught) => caught,
    )
    return { error, duration: performance.now() - start }
  }

  it('accepts a proof once and remembers it until it is too old', async () => {
    const { verify } = verifierWith(connection.sendCommand)
    const proof = makeProof({ iat: startTime - 10 })
    await expect(verify(presentation(proof))).resolves.toBeDefined()
    await expect(verify(presentation(proof))).rejects.toMatchObject({ reason: 'replayed' })
    const [key = ''] = (await admin.sendCommand('KEYS', 'dpop:*')) as string[]
    expect(key).toMatch(/^dpop:[\w-]{43}$/)
    const milliseconds = Number(await admin.sendCommand('PTTL', key))
    // The proof is accepted for 55 seconds more, and its use is recorded for ten seconds longer.
    expect(milliseconds).toBeGreaterThan(60_000)
    expect(milliseconds).toBeLessThanOrEqual(65_000)
  })

  it('refuses with 503 while Redis is a read-only replica', async () => {
    await admin.sendCommand('REPLICAOF', '127.0.0.1', '1')
    const { error } = await refuse()
    expect(error).toMatchObject({ status: 503, service: 'replay_store' })
    expect(String(error.cause)).toContain('READONLY')
    await admin.sendCommand('REPLICAOF', 'NO', 'ONE')
  })

  it('refuses with 503 while Redis is out of memory', async () => {
    await admin.sendCommand('CONFIG', 'SET', 'maxmemory', '1')
    const { error } = await refuse()
    expect(error).toMatchObject({ status: 503, service: 'replay_store' })
    expect(String(error.cause)).toContain('OOM')
    await admin.sendCommand('CONFIG', 'SET', 'maxmemory', '0')
  })

  it('refuses with 503 after a second while Redis is slow', async () => {
    await admin.sendCommand('CLIENT', 'PAUSE', '60000', 'WRITE')
    const { error, duration } = await refuse()
    expect(error).toMatchObject({ status: 503, service: 'replay_store' })
    expect(duration).toBeGreaterThan(900)
    expect(duration).toBeLessThan(3_000)
    await admin.sendCommand('CLIENT', 'UNPAUSE')
  })

  it('refuses with 503 after a second at most when Redis is down', async () => {
    const { verify } = verifierWith(connection.sendCommand)
    await expect(verify(presentation(makeProof()))).resolves.toBeDefined()
    await server.stop()
    const { error, duration } = await refuse()
    expect(error).toMatchObject({ status: 503, service: 'replay_store' })
    expect(duration).toBeLessThan(3_000)
  })
})

const clusters: Readonly<Record<string, (port: number) => Promise<Connection>>> = {
  async 'node-redis'(port) {
    const cluster = createCluster({ rootNodes: [{ url: `redis://127.0.0.1:${port}` }] })
    await cluster.connect()
    return {
      sendCommand: (...args) => cluster.sendCommand(args[1], false, args),
      close: () => cluster.destroy(),
    }
  },
  async ioredis(port) {
    const cluster = new Cluster([{ host: '127.0.0.1', port }])
    return {
      sendCommand: (name: string, ...args: string[]) => cluster.call(name, ...args),
      close: () => cluster.disconnect(),
    }
  },
  async iovalkey(port) {
    const cluster = new ValkeyCluster([{ host: '127.0.0.1', port }])
    return {
      sendCommand: (name: string, ...args: string[]) => cluster.call(name, ...args),
      close: () => cluster.disconnect(),
    }
  },
}

describe.skipIf(!hasRedisServer)('a replay store in a cluster', () => {
  let server: RedisServer
  let folder: string

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'redis-cluster-'))
    // A node alone does not know its address, which its clients need.
    const address = ['--cluster-announce-ip', '127.0.0.1']
    server = await startRedisServer('--cluster-enabled', 'yes', '--dir', folder, ...address)
    const admin = new Redis(server.port, '127.0.0.1')
    await admin.call('CLUSTER', 'ADDSLOTSRANGE', '0', '16383')
    await vi.waitFor(async () => {
      expect(await admin.call('CLUSTER', 'INFO')).toContain('cluster_state:ok')
    }, 10_000)
    admin.disconnect()
  })
  afterAll(async () => {
    await server.stop()
    rmSync(folder, { recursive: true })
  })

  it.each(Object.keys(clusters))('accepts a proof once with %s', async (name) => {
    const connect = clusters[name] as (port: number) => Promise<Connection>
    const { sendCommand, close } = await connect(server.port)
    onTestFinished(close)
    const { verify } = verifierWith(sendCommand)
    for (let count = 0; count < 20; count++) {
      const proof = makeProof()
      await expect(verify(presentation(proof))).resolves.toBeDefined()
      await expect(verify(presentation(proof))).rejects.toMatchObject({ reason: 'replayed' })
    }
  })
})

describe.skipIf(!hasRedisServer)('a replay store that two processes share', () => {
  let server: RedisServer
  let folder: string

  beforeAll(async () => {
    server = await startRedisServer()
    // Inside of the repository, where the built package finds its dependency.
    mkdirSync('.cache', { recursive: true })
    folder = resolve(mkdtempSync(join('.cache', 'redis-')))
    execFileSync(join('node_modules', '.bin', 'tsc'), ['--noCheck', '--outDir', folder])
  })
  afterAll(async () => {
    rmSync(folder, { recursive: true })
    await server.stop()
  })

  const script = fileURLToPath(new URL('../support/dpop-child.js', import.meta.url))

  it.each(Object.keys(clients))(
    '9449-11.1-b accepts one of 20 copies of a proof at the same time, with %s',
    async (name) => {
      const work = {
        port: server.port,
        copies: 10,
        time: startTime,
        presentation: presentation(makeProof()),
      }
      const children = [1, 2].map(() => {
        const child = spawn(process.execPath, [script, folder, name, JSON.stringify(work)], {
          stdio: ['pipe', 'pipe', 'inherit'],
        })
        return { child, lines: createInterface(child.stdout)[Symbol.asyncIterator]() }
      })
      for (const { lines } of children) expect((await lines.next()).value).toBe('ready')
      for (const { child } of children) child.stdin.write('go\n')
      const outcomes: string[] = []
      for (const { lines } of children) outcomes.push(...JSON.parse((await lines.next()).value))
      expect(outcomes.sort()).toEqual(['accepted', ...Array(19).fill('replayed')])
    },
    30_000,
  )
})
