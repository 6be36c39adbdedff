// @ts-check
/**
 * Logs one line of JSON for each refusal and each failure to fetch keys, with the reason. No line
 * contains a token.
 *
 *   ISSUER=https://login.example.com/ AUDIENCE=https://api.example.com node log-line.js
 *
 * ISSUER is exactly the claim `iss` of the tokens, with its slash at the end if it has one. PORT is 3000
 * unless set.
 */
import { createServer } from 'node:http'
import { authenticate } from 'oauth-resource-server/http'

const { ISSUER, AUDIENCE, PORT = '3000' } = process.env
if (!ISSUER || !AUDIENCE) throw new Error('Set ISSUER and AUDIENCE: see the top of this file')

/** The log levels by event type. Other events are for metrics. */
const levels = new Map([
  ['token.refused', 'info'], // A client's mistake, or an attack if there are many.
  ['metadata.failed', 'warn'],
  ['keys.failed', 'warn'],
  ['keys.skipped', 'warn'],
  ['keys.rate_limited', 'warn'],
  ['issuers.rate_limited', 'warn'],
  ['callback.failed', 'error'], // Your own function threw.
])

const authenticated = authenticate({ issuer: ISSUER, audience: AUDIENCE, onEvent: log })

/** @param {import('oauth-resource-server').ValidatorEvent} event */
function log(event) {
  let level = levels.get(event.type)
  if (level === undefined) return
  if (event.type === 'keys.failed' && event.serving === 'nothing') level = 'error'
  const cause = 'cause' in event ? explain(event.cause) : undefined
  console.log(JSON.stringify({ time: new Date().toISOString(), level, ...event, cause }))
}

/** Returns the messages of an error and its causes. @param {unknown} error @returns {string | undefined} */
function explain(error) {
  if (!(error instanceof Error)) return error === undefined ? undefined : String(error)
  return [error.message, explain(error.cause)].filter(Boolean).join(': ')
}

const server = createServer(async (request, response) => {
  const token = await authenticated(request, response)
  if (token) response.end(JSON.stringify({ client: token.clientId }))
})

server.listen(Number(PORT), '127.0.0.1', () => {
  console.log('Listening on http://127.0.0.1:%d', Object(server.address()).port)
})
