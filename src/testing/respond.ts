/** @module Sends the JSON responses of the test issuer. */
import type { OutgoingHttpHeaders, ServerResponse } from 'node:http'

/** Sends a response with a JSON body and its length. `headers` may replace the content type. */
export function sendJson(
  response: ServerResponse,
  status: number,
  body: object,
  headers: OutgoingHttpHeaders = {},
): void {
  const text = JSON.stringify(body)
  const length = { 'Content-Length': Buffer.byteLength(text) }
  response.writeHead(status, { 'Content-Type': 'application/json', ...length, ...headers })
  response.end(text)
}
