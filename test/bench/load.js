/**
 * @module The load on a server, from a process of its own: keep-alive connections with one request
 * in flight each, written from prepared bytes and read without a parser, to cost little.
 */
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { connect } from 'node:net'
import { performance } from 'node:perf_hooks'
import { setTimeout as sleep } from 'node:timers/promises'
import { zipf } from './tokens.js'

/** @typedef {{ perSecond: number, loop: number }} Load requests per second, and how busy this process was */

/** @type {{ tokens: import('./tokens.js').TokenSet }} */
const { tokens } = JSON.parse(readFileSync(process.argv[2] ?? '', 'utf8'))
const order = zipf(tokens.m2m.length, 2 ** 16)
const requests = tokens.m2m.map((token) =>
  Buffer.from(
    `GET /reports HTTP/1.1\r\nhost: localhost\r\naccept: application/json\r\nauthorization: Bearer ${token}\r\n\r\n`,
  ),
)
const good = Buffer.from('HTTP/1.1 200 ')
const end = Buffer.from('{"ok":true}')
let position = 0

/** @typedef {{ responses: number, limit: number }} State at the limit, each connection closes after its next response */

/** @param {number} port @param {State} state @param {() => Buffer} nextRequest */
async function openConnection(port, state, nextRequest) {
  const send = () => socket.write(nextRequest())
  const onResponse = (/** @type {number} */ length, /** @type {Uint8Array} */ buffer) => {
    const whole = end.equals(buffer.subarray(length - end.length, length))
    if (!whole || !good.equals(buffer.subarray(0, good.length))) {
      throw new Error(`not one good response: ${Buffer.from(buffer.subarray(0, length))}`)
    }
    state.responses++
    if (state.responses < state.limit) send()
    else socket.destroy()
    return true
  }
  const onread = { buffer: new Uint8Array(4096), callback: onResponse }
  const socket = connect({ host: '127.0.0.1', port, noDelay: true, onread })
  await once(socket, 'connect')
  return { send, closed: once(socket, 'close') }
}

const popular = () => /** @type {Buffer} */ (requests[order[position++ % order.length] ?? 0])
const inTurn = () => /** @type {Buffer} */ (requests[position++ % requests.length])

/** @param {number} port @param {State} state @param {() => Buffer} nextRequest */
const openConnections = (port, state, nextRequest) =>
  Promise.all(Array.from({ length: 64 }, () => openConnection(port, state, nextRequest)))

/** Sends every token in turn, so that caches fill. @param {number} port @param {number} limit */
async function warmUp(port, limit) {
  const opened = await openConnections(port, { responses: 0, limit }, inTurn)
  for (const { send } of opened) send()
  await Promise.all(opened.map(({ closed }) => closed))
}

/**
 * @param {number} port
 * @param {number} milliseconds
 * @returns {Promise<Load>}
 */
async function load(port, milliseconds) {
  const state = { responses: 0, limit: Number.POSITIVE_INFINITY }
  const opened = await openConnections(port, state, popular)
  const before = performance.eventLoopUtilization()
  const start = performance.now()
  for (const { send } of opened) send()
  await sleep(milliseconds)
  const perSecond = (1000 * state.responses) / (performance.now() - start)
  const loop = performance.eventLoopUtilization(before).utilization
  state.limit = 0
  await Promise.all(opened.map(({ closed }) => closed))
  return { perSecond, loop }
}

/** @typedef {{ warmUp: readonly number[], requests: number }} WarmUp ports, and requests to each */
/** @typedef {{ port: number, milliseconds: number }} Measure */

process.on('message', async (/** @type {WarmUp | Measure} */ order) => {
  if ('port' in order) process.send?.(await load(order.port, order.milliseconds))
  else process.send?.(await Promise.all(order.warmUp.map((port) => warmUp(port, order.requests))))
})
process.on('disconnect', () => process.exit())
process.send?.('ready')
