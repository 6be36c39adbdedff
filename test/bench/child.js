/**
 * @module The process of one contender: checks that the contender verifies tokens, and then measures the
 * workloads that the parent process requests. Imports the libraries only through contenders.js.
 */
import { readFileSync } from 'node:fs'
import { performance } from 'node:perf_hooks'
import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises'
import { contenderOf } from './contenders.js'
import { createDelayMeter, createMeter, quantile } from './meter.js'
import { zipf } from './tokens.js'

/** @typedef {import('./tokens.js').RefusalName} RefusalName */
/** @typedef {'cold' | 'm2m' | 'mixed' | RefusalName} Workload */
/** @typedef {{ workload: Workload, milliseconds: number }} Order */
/**
 * @typedef {object} Cell
 * @property {string} contender
 * @property {readonly Workload[]} workloads
 * @property {number} inFlight
 * @property {string} file the setup and the tokens, as JSON
 */
/** @typedef {import('./meter.js').Sample} Sample */

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

const known = contender.opaque ? tokens.opaque : tokens.m2m

/** @param {Exclude<Workload, 'mixed'>} workload */
function tokensOf(workload) {
  if (workload === 'm2m') return known
  return workload === 'cold' ? tokens.cold : tokens.refusals[workload]
}

/** @type {Partial<Record<Workload, Buffer[]>>} */
const inputs = {}
for (const workload of cell.workloads.flatMap(parts)) {
  inputs[workload] = tokensOf(workload).map(bytes)
}
const inputsOf = (/** @type {Workload} */ workload) => inputs[workload] ?? []

/** The mixed workload consists of two others. @param {Workload} workload @returns {Exclude<Workload, 'mixed'>[]} */
function parts(workload) {
  return workload === 'mixed' ? ['cold', 'm2m'] : [workload]
}

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
  await verify(bytes(known[0] ?? '').toString('latin1'))
}

const meter = createMeter()
const delay = createDelayMeter()
let position = 0
let drawn = 0
const popular = () => inputsOf('m2m')[order[drawn++ % order.length] ?? 0]
const text = (/** @type {Buffer | undefined} */ input) => input?.toString('latin1') ?? ''

/**
 * Keeps `inFlight` calls in progress until the given time or, in the cold workload, the last token.
 *
 * @param {Verify} verify
 * @param {Exclude<Workload, 'mixed'>} workload
 * @param {number} until
 * @param {() => Promise<void>} [pause] before the next call
 */
async function drive(verify, workload, until, pause) {
  const list = inputsOf(workload)
  const last = workload === 'cold' ? list.length : Number.POSITIVE_INFINITY
  const act =
    workload in tokens.refusals
      ? refuse
      : (/** @type {Verify} */ call, /** @type {string} */ input) => call(input)
  const next = workload === 'm2m' ? popular : () => list[position++ % list.length]
  const worker = async () => {
    for (let start = performance.now(); start < until && position < last; ) {
      await act(verify, text(next()))
      const end = performance.now()
      meter.record(end - start)
      if (pause !== undefined) await pause()
      start = pause === undefined ? end : performance.now()
    }
  }
  await Promise.all(Array.from({ length: cell.inFlight }, worker))
}

/** Cached tokens per millisecond in the mixed workload. */
const streamRate = 2

/** Verifies cached tokens at a fixed rate. @param {Verify} verify @param {AbortSignal} ended */
async function stream(verify, ended) {
  /** @type {number[]} */
  const latencies = []
  const started = performance.now()
  const pending = []
  for (let sent = 0; !ended.aborted; await sleep(1)) {
    for (; sent < (performance.now() - started) * streamRate; sent++) {
      const due = started + sent / streamRate
      pending.push(verify(text(popular())).then(() => latencies.push(performance.now() - due)))
    }
  }
  await Promise.all(pending)
  return latencies.sort((a, b) => a - b)
}

/** @type {Verify | undefined} */
let kept

/** @param {Order} order @returns {Promise<Sample>} */
async function measure({ workload, milliseconds }) {
  if (workload === 'mixed') return await measureMixed(milliseconds)
  meter.reset()
  while (meter.elapsed() < milliseconds) {
    if (workload === 'cold' || kept === undefined) {
      kept = await createWarmVerify()
      position = 0
    }
    const stop = meter.start()
    await drive(kept, workload, performance.now() + milliseconds - meter.elapsed())
    stop()
  }
  return meter.sample()
}

/**
 * New tokens as in the cold workload, and cached tokens at a fixed rate. It ends with the last new token,
 * because the event loop must not create a verifier meanwhile.
 *
 * @param {number} milliseconds
 * @returns {Promise<Sample & { cachedP99: number, delayP99: number }>}
 */
async function measureMixed(milliseconds) {
  const verify = await createWarmVerify()
  meter.reset()
  position = 0
  const ended = new AbortController()
  await sleep(2)
  delay.reset()
  const stop = meter.start()
  const cached = stream(verify, ended.signal)
  // As with requests, which arrive in a later turn of the event loop.
  await drive(verify, 'cold', performance.now() + milliseconds, () => nextTurn())
  stop()
  const delayP99 = delay.read(99)
  ended.abort()
  const cachedP99 = 1000 * quantile(await cached, 0.99)
  return { ...meter.sample(), cachedP99, delayP99 }
}

process.on('message', async (/** @type {Order} */ asked) => {
  process.send?.(await measure(asked))
})
process.on('disconnect', () => process.exit())
if (cell.contender !== 'nothing') await assertVerifies()
process.send?.('ready')
