// @ts-check
/**
 * Counts all events, for OpenTelemetry. Subscribes to the diagnostics channel, which
 * has the events of every validator in the process.
 *
 *   ISSUER=https://login.example.com/ AUDIENCE=https://api.example.com node opentelemetry.js
 *
 * ISSUER is exactly the claim `iss` of the tokens, with its slash at the end if it has one. PORT is 3000
 * unless set.
 */
import { subscribe } from 'node:diagnostics_channel'
import { createServer } from 'node:http'
import { metrics } from '@opentelemetry/api'
import * as sdk from '@opentelemetry/sdk-metrics'
import { authenticate } from 'oauth-resource-server/http'

const { ISSUER, AUDIENCE, PORT = '3000' } = process.env
if (!ISSUER || !AUDIENCE) throw new Error('Set ISSUER and AUDIENCE: see the top of this file')

// Replace this with your own set-up of OpenTelemetry and an exporter that sends.
const exporter = new sdk.ConsoleMetricExporter()
const provider = new sdk.MeterProvider({
  readers: [new sdk.PeriodicExportingMetricReader({ exporter, exportIntervalMillis: 10_000 })],
})
metrics.setGlobalMeterProvider(provider)

const meter = metrics.getMeter('oauth-resource-server')
const events = meter.createCounter('oauth.events')
const durations = meter.createHistogram('oauth.duration', {
  unit: 's',
  advice: { explicitBucketBoundaries: [0.0001, 0.001, 0.01, 0.1, 1, 10] },
})

subscribe('oauth-resource-server', (message) => {
  const event = /** @type {import('oauth-resource-server').ValidatorEvent} */ (message)
  // Only values from closed lists and from your configuration can be attributes, not `detail`.
  const { type } = event
  const reason = 'reason' in event ? event.reason : 'none'
  const issuer = 'issuer' in event ? event.issuer : undefined
  events.add(1, { type, reason, issuer: issuer ?? 'none' })
  if ('durationMs' in event) durations.record(event.durationMs / 1000, { type })
})

const authenticated = authenticate({ issuer: ISSUER, audience: AUDIENCE })
const server = createServer(async (request, response) => {
  const token = await authenticated(request, response)
  if (token) response.end(JSON.stringify({ client: token.clientId }))
})

server.listen(Number(PORT), '127.0.0.1', () => {
  console.log('Listening on http://127.0.0.1:%d', Object(server.address()).port)
})
process.once('SIGTERM', () => provider.shutdown().then(() => process.exit()))
