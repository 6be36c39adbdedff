/**
 * What an authorization server does to its resource servers on a bad day. A fault answers in place
 * of a document; it knows the document, but not which one it is.
 *
 * @module
 */
import type { ServerResponse } from 'node:http'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { answerJson } from './respond.ts'

/**
 * A way for the metadata and JWKS endpoints to fail:
 *
 * - `slow`: the right answer, 2 seconds late
 * - `hanging`: the connection is accepted and never answered
 * - `html`: status 200 with an HTML login page
 * - `error`: status 500
 * - `oversized`: the right document with 5 MiB of padding, in chunks without a length
 * - `down`: the connection is refused; the same as `down()`
 */
export type FaultName = 'slow' | 'hanging' | 'html' | 'error' | 'oversized' | 'down'

/** A fault that answers; `down` cannot. */
export type AnsweringFault = Exclude<FaultName, 'down'>

type Fault = (response: ServerResponse, document: object, answer: () => void) => unknown

const slowAnswerMs = 2000
const loginPage = '<!doctype html><title>Sign in</title><form><input type="password"></form>\n'

export const faults: Readonly<Record<AnsweringFault, Fault>> = {
  slow: (_response, _document, answer) => setTimeout(answer, slowAnswerMs).unref(),
  hanging() {},
  html(response) {
    response.writeHead(200, { 'Content-Type': 'text/html; charset=utf-8' }).end(loginPage)
  },
  error: (response) => answerJson(response, 500, { error: 'server_error' }),
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
