// @ts-check
/**
 * An API in Express 4 or 5. Every request needs an access token; /reports needs a scope as well.
 *
 *   ISSUER=https://login.example.com/ AUDIENCE=https://api.example.com node express.js
 *
 * ISSUER is exactly the claim `iss` of the tokens, with its slash at the end if it has one. PORT is 3000
 * unless set.
 */
import express from 'express'
import { authenticate, authorize } from 'oauth-resource-server/express'

const { ISSUER, AUDIENCE, PORT = '3000' } = process.env
if (!ISSUER || !AUDIENCE) throw new Error('Set ISSUER and AUDIENCE: see the top of this file')

const app = express()

app.get('/health', (_request, response) => {
  response.json({ status: 'up' })
})

app.use(authenticate({ issuer: ISSUER, audience: AUDIENCE }))

app.get('/', (request, response) => {
  response.json({ client: request.auth?.clientId, scopes: request.auth?.scopes })
})

app.get('/reports', authorize({ scopes: 'read:reports' }), (_request, response) => {
  response.json({ reports: ['January', 'February'] })
})

const server = app.listen(Number(PORT), '127.0.0.1', (error) => {
  if (error) throw error // Express 5 passes an error here if the port is in use
  console.log('Listening on http://127.0.0.1:%d', Object(server.address()).port)
})
