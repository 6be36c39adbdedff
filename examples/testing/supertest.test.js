// @ts-check
/**
 * Tests that an API refuses every kind of bad token, and that it recovers after an outage of the
 * authorization server, with vitest and supertest:
 *
 *   npx vitest run supertest.test.js
 */
import express from 'express'
import { authenticate, authorize } from 'oauth-resource-server/express'
import { badTokenNames, createTestIssuer } from 'oauth-resource-server/testing'
import request from 'supertest'
import { afterAll, it } from 'vitest'

const issuer = await createTestIssuer()
afterAll(issuer.close)

// Replace this with your own API. It must take the issuer and the audience, and `now` if a test moves
// the clock.
function createApp() {
  const app = express()
  app.use(authenticate({ issuer: issuer.issuer, audience: issuer.audience, now: issuer.clock.now }))
  app.get('/reports', authorize({ scopes: 'read:reports' }), (_request, response) => {
    response.json(['January'])
  })
  return app
}
const app = createApp()

/** @param {string} token */
const get = (token, api = app) => request(api).get('/reports').auth(token, { type: 'bearer' })

it('accepts a valid token', async () => {
  await get(await issuer.token({ scope: 'read:reports' })).expect(200, ['January'])
})

it.each(badTokenNames)('refuses the bad token %s', async (name) => {
  const token = await issuer.tokens[name]({ scope: 'read:reports' })
  await get(token).expect(name === 'withoutScope' ? 403 : 401)
})

it('answers 503 on a new instance until the authorization server is up again', async () => {
  const token = await issuer.token({ scope: 'read:reports' })
  await issuer.down()
  const instance = createApp()
  await get(token, instance).expect(503)
  await issuer.up()
  issuer.clock.advance(2) // the pause after a failed fetch: a second, longer after several
  await get(token, instance).expect(200)
})
