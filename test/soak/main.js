// @ts-check
/**
 * `npm run soak -- --minutes 20`: one API process under full load on loopback, with rotations of the keys,
 * outages of the authorization server, opaque tokens and DPoP at once. Every response is compared with the
 * expected one: the first wrong response ends the run with exit code 1, as does a growing heap.
 */
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { createHistogram } from 'node:perf_hooks'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { parseArgs } from 'node:util'
import { Pool } from 'undici'
import { createMinuteTable, describeHeap } from './report.js'
import { createRequests } from './requests.js'
import { createTimeline } from './timeline.js'

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '20' },
    connections: { type: 'string', default: '64' },
    build: { type: 'string', default: fileURLToPath(new URL('../../dist', import.meta.url)) },
  },
})
const milliseconds = Number(values.minutes) * 60_000
const connections = Number(values.connections)
if (!(milliseconds > 0) || !(connections > 0)) {
  throw new TypeError('--minutes and --connections take a number above 0')
}
/** The duration of a line of the report. */
const interval = Math.min(60_000, milliseconds / 4)
/** Seconds for which the API caches the result of an introspection. */
const introspectionMaxAge = Math.min(5, milliseconds / 10_000)

const { createTestIssuer } = await import(pathToFileURL(`${values.build}/testing/index.js`).href)
const issuer = await createTestIssuer({ expiresIn: Math.ceil(milliseconds / 1000) + 600 })
const { issuer: identifier, audience } = issuer
const server = fork(
  fileURLToPath(new URL('server.js', import.meta.url)),
  [JSON.stringify({ build: values.build, issuer: identifier, audience, introspectionMaxAge })],
  { execArgv: ['--expose-gc'] },
)
const [port] = await once(server, 'message')
const origin = `http://127.0.0.1:${port}`
const pool = new Pool(origin, { connections })
const timeline = createTimeline({ issuer, introspectionMaxAge, duration: milliseconds })
const requests = createRequests({ issuer, origin, timeline })

let latency = createHistogram()
let count = 0

/** Sends a request and checks its response. */
async function sendOne() {
  const begun = timeline.now()
  const { kind, headers, onStatus } = await requests.next()
  const start = performance.now()
  const { statusCode, body } = await pool.request({ method: 'GET', path: '/reports', headers })
  latency.record(Math.max(1, Math.round(1000 * (performance.now() - start))))
  await body.dump()
  count++
  const answered = timeline.now()
  // The response may be right for the moment before the request, or for that after it.
  const expected = new Set([...kind.expect(begun), ...kind.expect(answered)])
  if (begun.generation !== answered.generation) expected.add(401)
  if (!expected.has(statusCode)) {
    const moment = JSON.stringify({ begun, answered })
    throw new Error(
      `${kind.title}: ${statusCode}, expected ${[...expected].join(' or ')} (${moment})`,
    )
  }
  onStatus?.(statusCode)
}

let ended = false
async function load() {
  while (!ended) await sendOne()
}

/** @returns {Promise<import('./report.js').Minute>} */
async function measure() {
  server.send('report')
  const [report] = await once(server, 'message')
  const [measured, sent] = [latency, count]
  latency = createHistogram()
  count = 0
  const read = (/** @type {number} */ percentile) => measured.percentile(percentile) / 1000
  return { requests: sent, p50: read(50), p99: read(99), ...report }
}

async function observe() {
  const table = createMinuteTable(interval)
  /** @type {import('./report.js').Minute[]} */
  const minutes = []
  for (let line = 0; line < Math.round(milliseconds / interval); line++) {
    await sleep(interval)
    const minute = await measure()
    minutes.push(minute)
    console.log(table.row(line, minute))
  }
  ended = true
  return minutes
}

console.log(`Node ${process.versions.node}, ${connections} connections, ${values.minutes} minutes`)
console.log(createMinuteTable(interval).head)
try {
  const [minutes] = await Promise.all([
    observe(),
    timeline.run(() => ended),
    ...Array.from({ length: connections }, load),
  ])
  console.log(`\n${requests.describe()}\n\n${timeline.describe()}`)
  const heap = describeHeap(minutes)
  console.log(heap.text)
  process.exitCode = heap.isFlat ? 0 : 1
} catch (error) {
  ended = true
  console.error(error)
  process.exitCode = 1
}
server.disconnect()
await pool.destroy()
await issuer.close()
process.exit()
