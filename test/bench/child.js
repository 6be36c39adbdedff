/**
 * @module The process of one contender: checks that the contender verifies tokens, and then measures the
 * workloads that the parent process requests. Imports the libraries only through contenders.js.
 */
import { existsSync, readFileSync } from 'node:fs'
import { performance } from 'node:perf_hooks'
import { contenderOf } from './contenders.js'
import { zipf } from './tokens.js'

/** @typedef {import('./tokens.js').RefusalName} RefusalName */
/** @typedef {'cold' | 'm2m' | RefusalName} Workload */
/** @typedef {{ workload: Workload, milliseconds: number }} Order */
/**
 * @typedef {object} Cell
 * @property {string} contender
 * @property {readonly Workload[]} workloads
 * @property {number} inFlight
 * @property {string} file the setup and the tokens, as JSON
 */
/**
 * @typedef {object} Sample
 * @property {number} perSecond
 * @property {number} p50 microseconds
 * @property {number} p99 microseconds
 * @property {number} cpu microseconds per operation, all threads
 * @property {number} mainCpu microseconds per operation, the thread of the event loop
 * @property {number} loop utilisation of the event loop, 0 to 1
 */

/** @type {Cell} */
const cell = JSON.parse(process.argv[2] ?? '')
/** @type {{ setup: import('./contenders.js').Setup, tokens: import('./tokens.js').TokenSet }} */
const { setup, tokens } = JSON.parse(readFileSync(cell.file, 'utf8'))
const contender = contenderOf(cell.contender)

/** The bytes of a request. The string is created for every call, as by the HTTP parser. @param {string} token */
const bytes = (token) =>
  Buffer.from(contender.takes === 'header' ? `Bearer ${token}` : token, 'latin1')
const spare = bytes(tokens.spare)
const order = zipf(tokens.m2m.length, 2 ** 16)

/** @type {Partial<Record<Workload, Buffer[]>>} */
const inputs = {}
for (const workload of cell.workloads) {
  const list =
    workload === 'cold' || workload === 'm2m' ? tokens[workload] : tokens.refusals[workload]
  inputs[workload] = list.map(bytes)
}
const inputsOf = (/** @type {Workload} */ workload) => inputs[workload] ?? []

/** @typedef {(input: string) => Promise<unknown>} Verify */

/** Creates a verifier that has its keys, and has verified only the tokens of machine clients. */
async function createWarmVerify() {
  const verify = await contender.createVerify(setup)
  await verify(spare.toString('latin1'))
  for (const input of inputsOf('m2m')) await verify(input.toString('latin1'))
  return verify
}

/** @param {Verify} verify @param {string} input */
async function refuse(verify, input) {
  try {
    await verify(input)
  } catch {
    return
  }
  throw new Error(`${contender.label} accepted an invalid token`)
}

/** Requires that the contender accepts valid tokens and refuses invalid ones. */
async function assertVerifies() {
  const verify = await contender.createVerify(setup)
  await verify(spare.toString('latin1'))
  const bad = [
    ...Object.values(tokens.refusals).flatMap((list) => list.slice(0, 2)),
    ...tokens.foreign,
  ]
  for (const token of bad) await refuse(verify, bytes(token).toString('latin1'))
  await verify(bytes(tokens.m2m[0] ?? '').toString('latin1'))
}

const schedule = `/proc/self/task/${process.pid}/schedstat`
/** @returns {number} CPU time of the main thread in microseconds; NaN if it is not available */
function mainThreadTime() {
  const { threadCpuUsage } = /** @type {any} */ (process)
  if (threadCpuUsage) {
    const { user, system } = threadCpuUsage()
    return user + system
  }
  return existsSync(schedule) ? Number.parseInt(readFileSync(schedule, 'latin1'), 10) / 1000 : NaN
}

const latencies = new Float64Array(2 ** 20)
let count = 0
let position = 0

/**
 * Keeps `inFlight` calls in progress until the given time or, in the cold workload, the last token.
 *
 * @param {Verify} verify
 * @param {Workload} workload
 * @param {number} until
 */
async function drive(verify, workload, until) {
  const list = inputsOf(workload)
  const last = workload === 'cold' ? list.length : Number.POSITIVE_INFINITY
  const act =
    workload in tokens.refusals
      ? refuse
      : (/** @type {Verify} */ call, /** @type {string} */ input) => call(input)
  const next =
    workload === 'm2m'
      ? () => list[order[position++ % order.length] ?? 0]
      : () => list[position++ % list.length]
  const worker = async () => {
    for (let start = performance.now(); start < until && position < last; ) {
      await act(verify, /** @type {Buffer} */ (next()).toString('latin1'))
      const end = performance.now()
      latencies[count++ % latencies.length] = end - start
      start = end
    }
  }
  await Promise.all(Array.from({ length: cell.inFlight }, worker))
}

/** @type {Verify | undefined} */
let kept

/**
 * @param {Order} order
 * @returns {Promise<Sample>}
 */
async function measure({ workload, milliseconds }) {
  let [elapsed, cpu, mainCpu, active, idle] = [0, 0, 0, 0, 0]
  count = 0
  while (elapsed < milliseconds) {
    if (workload === 'cold' || kept === undefined) {
      kept = await createWarmVerify()
      position = 0
    }
    const before = [process.cpuUsage(), mainThreadTime(), performance.eventLoopUtilization()]
    const start = performance.now()
    await drive(kept, workload, start + milliseconds - elapsed)
    elapsed += performance.now() - start
    const used = process.cpuUsage(/** @type {NodeJS.CpuUsage} */ (before[0]))
    cpu += used.user + used.system
    mainCpu += mainThreadTime() - Number(before[1])
    const loop = performance.eventLoopUtilization(/** @type {any} */ (before[2]))
    active += loop.active
    idle += loop.idle
  }
  const sorted = latencies.slice(0, Math.min(count, latencies.length)).sort()
  const quantile = (/** @type {number} */ q) =>
    1000 * (sorted[Math.floor(q * sorted.length)] ?? NaN)
  return {
    perSecond: (1000 * count) / elapsed,
    p50: quantile(0.5),
    p99: quantile(0.99),
    cpu: cpu / count,
    mainCpu: mainCpu / count,
    loop: active / (active + idle),
  }
}

process.on('message', async (/** @type {Order} */ asked) => {
  process.send?.(await measure(asked))
})
process.on('disconnect', () => process.exit())
if (cell.contender !== 'nothing') await assertVerifies()
process.send?.('ready')
