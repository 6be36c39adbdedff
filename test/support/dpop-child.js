// @ts-check
// A process of its own that verifies copies of one proof, for the tests of a shared replay store.
// Arguments: the folder of the built package, the client, and what to verify as JSON. Prints "ready",
// waits for a line, and prints the outcomes as JSON.
import { once } from 'node:events'
import { pathToFileURL } from 'node:url'
import { Redis } from 'ioredis'
import { Redis as Valkey } from 'iovalkey'
import { createClient } from 'redis'

const [folder = '', name = '', json = ''] = process.argv.slice(2)
const { port, copies, time, presentation } = JSON.parse(json)
/** @param {string} path */
const load = (path) => import(pathToFileURL(`${folder}/${path}`).href)
const { redisReplayStore } = await load('redis/replay-store.js')
const { createDpopVerifier } = await load('proof/dpop-verifier.js')
const { resolveDpop } = await load('options/dpop.js')

/** @type {Record<string, () => Promise<(...args: string[]) => Promise<unknown>>>} */
const clients = {
  async 'node-redis'() {
    const client = await createClient({ url: `redis://127.0.0.1:${port}` }).connect()
    return (...args) => client.sendCommand(args)
  },
  async ioredis() {
    const client = new Redis(port, '127.0.0.1')
    return (name, ...args) => client.call(/** @type {string} */ (name), ...args)
  },
  async iovalkey() {
    const client = new Valkey(port, '127.0.0.1')
    return (name, ...args) => client.call(/** @type {string} */ (name), ...args)
  },
}

const sendCommand = await /** @type {any} */ (clients[name])()
await sendCommand('PING')
const replayStore = redisReplayStore({ sendCommand })
const options = { ...resolveDpop({ replayStore }), clockTolerance: 5, now: () => time * 1000 }
const { verify } = createDpopVerifier(options)
process.stdout.write('ready\n')
await once(process.stdin, 'data')
const outcomes = await Promise.all(
  Array.from({ length: copies }, () =>
    verify(presentation).then(
      () => 'accepted',
      (/** @type {any} */ error) => error.reason ?? error.code,
    ),
  ),
)
process.stdout.write(`${JSON.stringify(outcomes)}\n`, () => process.exit())
