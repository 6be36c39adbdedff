/**
 * @module The ways in which the endpoints of a test issuer can fail. A fault responds in place of the
 * endpoint.
 */
import type { ServerResponse } from 'node:http'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { sendJson } from './respond.ts'

/**
 * A way for the metadata and JWKS endpoints to fail:
 *
 * - `slow`: the correct response, 2 seconds late
 * - `hanging`: the connection is accepted, but there is no response
 * - `html`: status 200 with an HTML login page
 * - `error`: status 500
 * - `oversized`: the correct document with 5 MiB of padding, chunked, without `Content-Length`
 * - `down`: the connection is refused; the same as `down()`
 */
export type FaultName = 'slow' | 'hanging' | 'html' | 'error' | 'oversized' | 'down'

/** A fault that the endpoints simulate. `down` closes the server instead. */
export type SimulatedFault = Exclude<FaultName, 'down'>

/** @param respond Sends the correct response. */
type Fault = (response: ServerResponse, document: object, respond: () => void) => unknown

const slowResponseMs = 2000
const loginPage = '<!doctype html><title>Sign in</title><form><input type="password"></form>\n'

export const faults: Readonly<Record<SimulatedFault, Fault>> = {
  slow: (_response, _document, respond) => setTimeout(respond, slowResponseMs).unref(),
  hanging() {},
  html(response) {
    response.writeHead(200, { 'Content-Type': 'text/html; charset=utf-8' }).end(loginPage)
  },
  error: (response) => sendJson(response, 500, { error: 'server_error' }),
  oversized(response, document) {
    response.writeHead(200, { 'Content-Type': 'application/json' })
    return pipeline(Readable.from(padded(document)), response)
  },
}

function* padded(document: object): Generator<string> {
  const chunk = 'x'.repeat(64 * 1024)
  yield `${JSON.stringify(document).slice(0, -1)},"padding":"`
  for (let count = 0; count < 80; count++) yield chunk
  yield '"}'
}
