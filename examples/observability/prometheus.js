// @ts-check
/**
 * Counts all events, for Prometheus: GET /metrics.
 *
 *   ISSUER=https://login.example.com/ AUDIENCE=https://api.example.com node prometheus.js
 *
 * ISSUER is exactly the claim `iss` of the tokens, with its slash at the end if it has one. PORT is 3000
 * unless set.
 */
import express from 'express'
import { authenticate } from 'oauth-resource-server/express'
import { Counter, Histogram, register } from 'prom-client'

const { ISSUER, AUDIENCE, PORT = '3000' } = process.env
if (!ISSUER || !AUDIENCE) throw new Error('Set ISSUER and AUDIENCE: see the top of this file')

// Only values from closed lists and from your configuration can be labels, not `detail`.
const events = new Counter({
  name: 'oauth_events_total',
  help: 'Events of oauth-resource-server.',
  labelNames: ['type', 'reason', 'issuer'],
})
const durations = new Histogram({
  name: 'oauth_duration_seconds',
  help: 'Duration of token validations, key fetches and failed introspections.',
  labelNames: ['type'],
  buckets: [0.0001, 0.001, 0.01, 0.1, 1, 10],
})

/** @param {import('oauth-resource-server').ValidatorEvent} event */
function onEvent(event) {
  const { type } = event
  const reason = 'reason' in event ? event.reason : ''
  const issuer = 'issuer' in event ? event.issuer : undefined
  events.inc({ type, reason, issuer: issuer ?? '' })
  if ('durationMs' in event) durations.observe({ type }, event.durationMs / 1000)
}

const app = express()

// Before authenticate(): Prometheus has no token. Keep this path off the public network.
app.get('/metrics', async (_request, response) => {
  response.type(register.contentType).send(await register.metrics())
})

app.use(authenticate({ issuer: ISSUER, audience: AUDIENCE, onEvent }))
app.get('/', (request, response) => response.json({ client: request.auth?.clientId }))

const server = app.listen(Number(PORT), '127.0.0.1', (error) => {
  if (error) throw error // Express 5 passes an error here if the port is in use
  console.log('Listening on http://127.0.0.1:%d', Object(server.address()).port)
})
