/**
 * @module Generates the load on a server in a separate process: keep-alive connections with one request in
 * flight each. Requests are prepared bytes, and responses are read without a parser, to use little CPU time.
 */
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { connect } from 'node:net'
import { performance } from 'node:perf_hooks'
import { setTimeout as sleep } from 'node:timers/promises'
import { zipf } from './tokens.js'

/**
 * @typedef {object} Load
 * @property {number} perSecond requests per second
 * @property {number} loop the event loop utilisation of this process
 * @property {number} requests all requests, also those that ended after the time
 */

/** @type {{ tokens: import('./tokens.js').TokenSet }} */
const { tokens } = JSON.parse(readFileSync(process.argv[2] ?? '', 'utf8'))
const order = zipf(tokens.m2m.length, 2 ** 16)
const requestWith = (/** @type {string} */ token) =>
  Buffer.from(
    `GET /reports HTTP/1.1\r\nhost: localhost\r\naccept: application/json\r\nauthorization: Bearer ${token}\r\n\r\n`,
  )
const requests = tokens.m2m.map(requestWith)
const newRequests = tokens.cold.map(requestWith)
const good = Buffer.from('HTTP/1.1 200 ')
const end = Buffer.from('{"ok":true}')
let position = 0

const popular = () => /** @type {Buffer} */ (requests[order[position++ % order.length] ?? 0])
const inTurn = () => /** @type {Buffer} */ (requests[position++ % requests.length])

/** Every token once. */
function createFresh() {
  let sent = 0
  return () => /** @type {Buffer} */ (newRequests[sent++ % newRequests.length])
}

/** @typedef {{ next: () => Buffer, limit: number }} Course the requests to send, and the number of responses after which it ends */

/**
 * Opens 64 connections to a server. They stay open between courses. Only one course runs at a time.
 *
 * @param {number} port
 */
async function connectTo(port) {
  /** @type {Course} */
  let course = { next: inTurn, limit: 0 }
  let responses = 0
  let waiting = 0
  let settle = () => {}

  async function openConnection() {
    const onResponse = (/** @type {number} */ length, /** @type {Uint8Array} */ buffer) => {
      const whole = end.equals(buffer.subarray(length - end.length, length))
      if (!whole || !good.equals(buffer.subarray(0, good.length))) {
        throw new Error(
          `not exactly one complete 200 response: ${Buffer.from(buffer.subarray(0, length))}`,
        )
      }
      responses++
      if (responses < course.limit) socket.write(course.next())
      else if (--waiting === 0) settle()
      return true
    }
    const onread = { buffer: new Uint8Array(4096), callback: onResponse }
    const socket = connect({ host: '127.0.0.1', port, noDelay: true, onread })
    await once(socket, 'connect')
    return socket
  }

  const sockets = await Promise.all(Array.from({ length: 64 }, openConnection))
  return {
    responses: () => responses,
    /** Ends the course after the requests in flight. */
    stop() {
      course.limit = 0
    },
    /** @param {Course} begun @returns {Promise<void>} resolves when every request is answered */
    run(begun) {
      course = begun
      responses = 0
      waiting = sockets.length
      const settled = new Promise((/** @type {(value: void) => void} */ resolve) => {
        settle = resolve
      })
      for (const socket of sockets) socket.write(course.next())
      return settled
    },
  }
}

/** @type {Map<number, Promise<Awaited<ReturnType<typeof connectTo>>>>} */
const connected = new Map()

/** @param {number} port */
function connectionsTo(port) {
  const present = connected.get(port) ?? connectTo(port)
  connected.set(port, present)
  return present
}

/** Sends every token in order, so that caches are filled. @param {number} port @param {number} limit */
async function warmUp(port, limit) {
  const connections = await connectionsTo(port)
  await connections.run({ next: inTurn, limit })
}

/** @param {Measure} order @returns {Promise<Load>} */
async function load({ port, milliseconds, fresh }) {
  const connections = await connectionsTo(port)
  const course = fresh
    ? // The connections send one more each.
      { next: createFresh(), limit: newRequests.length - 64 }
    : { next: popular, limit: Number.POSITIVE_INFINITY }
  const before = performance.eventLoopUtilization()
  const start = performance.now()
  const ended = connections.run(course)
  await Promise.race([sleep(milliseconds), ended])
  const perSecond = (1000 * connections.responses()) / (performance.now() - start)
  const loop = performance.eventLoopUtilization(before).utilization
  connections.stop()
  await ended
  return { perSecond, loop, requests: connections.responses() }
}

/** @typedef {{ warmUp: readonly number[], requests: number }} WarmUp ports, and requests to each */
/** @typedef {{ port: number, milliseconds: number, fresh: boolean }} Measure with `fresh` every token is new */

process.on('message', async (/** @type {WarmUp | Measure} */ order) => {
  if ('port' in order) process.send?.(await load(order))
  else process.send?.(await Promise.all(order.warmUp.map((port) => warmUp(port, order.requests))))
})
process.on('disconnect', () => process.exit())
process.send?.('ready')
