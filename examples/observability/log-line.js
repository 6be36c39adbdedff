// @ts-check
/**
 * Logs one line of JSON for each request that is refused or has no token, and when keys change or a fetch,
 * an introspection or a function fails. No line contains a token.
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

const authenticated = authenticate({ issuer: ISSUER, audience: AUDIENCE, onEvent: log })

/**
 * Returns the log level of an event; `undefined` for an event that is for metrics only.
 *
 * @param {import('oauth-resource-server').ValidatorEvent} event
 */
function levelOf(event) {
  switch (event.type) {
    case 'token.accepted':
    case 'metadata.refreshed':
      return undefined
    case 'token.missing':
    case 'keys.refreshed':
      return 'info'
    case 'token.refused': // 503: a service is unavailable.
      return event.status === 503 ? 'error' : 'info'
    case 'keys.failed':
      return event.serving === 'nothing' ? 'error' : 'warn'
    case 'introspection.failed': // 0: other tokens do not wait.
      return event.retryAfter === 0 ? 'warn' : 'error'
    case 'callback.failed': // One of your own functions failed.
      return 'error'
    default:
      return 'warn'
  }
}

/** @param {import('oauth-resource-server').ValidatorEvent} event */
export function log(event) {
  const level = levelOf(event)
  if (level === undefined) return
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
