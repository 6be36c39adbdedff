// @ts-check
/**
 * Tests an API with expired tokens and during outages, with Node's test runner and without waiting:
 *
 *   node --test node-test.js
 */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:http'
import { test } from 'node:test'
import { authenticate } from 'oauth-resource-server/http'
import { createTestIssuer } from 'oauth-resource-server/testing'

/** Starts an issuer and an API that trusts it. @param {import('node:test').TestContext} t */
async function start(t) {
  const issuer = await createTestIssuer({ expiresIn: 600 })
  const { audience, clock } = issuer
  // Replace this with your own API. It uses the clock of the issuer, so that a test moves both.
  const authenticated = authenticate({ issuer: issuer.issuer, audience, now: clock.now })
  const server = createServer(async (request, response) => {
    if (await authenticated(request, response)) response.end('January')
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  t.after(() => Promise.all([issuer.close(), server.close()]))

  const url = `http://127.0.0.1:${Object(server.address()).port}`
  /** @param {string} token */
  const get = (token) => fetch(url, { headers: { authorization: `Bearer ${token}` } })
  return { issuer, get }
}

test('accepts a token until it expires', async (t) => {
  const { issuer, get } = await start(t)
  const token = await issuer.token()
  issuer.clock.advance(590)
  assert.equal((await get(token)).status, 200)
  issuer.clock.advance(20)
  assert.equal((await get(token)).status, 401)
})

test('in an outage the API accepts tokens with the keys that it has', async (t) => {
  const { issuer, get } = await start(t)
  assert.equal((await get(await issuer.token())).status, 200)
  await issuer.down()
  issuer.clock.advance(12 * 3600)
  assert.equal((await get(await issuer.token())).status, 200)
})
