// @ts-check
/**
 * An API in plain node:http. Every request needs an access token; /reports needs a scope as well.
 *
 *   ISSUER=https://login.example.com/ AUDIENCE=https://api.example.com node http.js
 *
 * ISSUER is exactly the claim `iss` of the tokens, with its slash at the end if it has one. PORT is 3000
 * unless set.
 */
import { createServer } from 'node:http'
import { authenticate, authorize } from 'oauth-resource-server/http'

const { ISSUER, AUDIENCE, PORT = '3000' } = process.env
if (!ISSUER || !AUDIENCE) throw new Error('Set ISSUER and AUDIENCE: see the top of this file')

const authenticated = authenticate({ issuer: ISSUER, audience: AUDIENCE })
const mayReadReports = authorize({ scopes: 'read:reports' })

const server = createServer(async (request, response) => {
  const [path] = (request.url ?? '').split('?')
  if (path === '/health') return respond(200, { status: 'up' })

  const token = await authenticated(request, response)
  if (!token) return // Refused: the response has been sent.

  switch (path) {
    case '/':
      return respond(200, { client: token.clientId, scopes: token.scopes })
    case '/reports':
      if (!(await mayReadReports(request, response))) return
      return respond(200, { reports: ['January', 'February'] })
    default:
      // Only the exact paths above are served, so no other spelling of a path bypasses a check.
      return respond(404, { error: 'not_found' })
  }

  /** @param {number} status @param {object} body */
  function respond(status, body) {
    response.writeHead(status, { 'Content-Type': 'application/json' }).end(JSON.stringify(body))
  }
})

server.listen(Number(PORT), '127.0.0.1', () => {
  console.log('Listening on http://127.0.0.1:%d', Object(server.address()).port)
})
