// @ts-check
/**
 * Tests that an API refuses every kind of bad token, with vitest and supertest:
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

// Replace this with your own API. It needs the issuer and the audience, nothing else.
const app = express()
app.use(authenticate({ issuer: issuer.issuer, audience: issuer.audience }))
app.get('/reports', authorize({ scopes: 'read:reports' }), (_request, response) => {
  response.json(['January'])
})

/** @param {string} token */
const get = (token) => request(app).get('/reports').auth(token, { type: 'bearer' })

it('accepts a valid token', async () => {
  await get(await issuer.token({ scope: 'read:reports' })).expect(200, ['January'])
})

it.each(badTokenNames)('refuses the bad token %s', async (name) => {
  const token = await issuer.tokens[name]({ scope: 'read:reports' })
  await get(token).expect(name === 'withoutScope' ? 403 : 401)
})
