// @ts-check
/**
 * Tests that an API is protected, with vitest and fetch:
 *
 *   npx vitest run vitest.test.js
 */
import { once } from 'node:events'
import { createServer } from 'node:http'
import { authenticate, authorize } from 'oauth-resource-server/http'
import { createTestIssuer } from 'oauth-resource-server/testing'
import { afterAll, expect, it } from 'vitest'

const issuer = await createTestIssuer()

// Replace this with your own API. It needs the issuer and the audience, nothing else.
const authenticated = authenticate({ issuer: issuer.issuer, audience: issuer.audience })
const mayReadReports = authorize({ scopes: 'read:reports' })
const server = createServer(async (request, response) => {
  const token = await authenticated(request, response)
  if (token && (await mayReadReports(request, response))) response.end('January')
})
await once(server.listen(0, '127.0.0.1'), 'listening')
const url = `http://127.0.0.1:${Object(server.address()).port}`

afterAll(() => Promise.all([issuer.close(), server.close()]))

/** @param {string} token */
const get = (token) => fetch(url, { headers: { authorization: `Bearer ${token}` } })

it('accepts a client that may read reports', async () => {
  const response = await get(await issuer.token({ scope: 'read:reports' }))
  expect([response.status, await response.text()]).toEqual([200, 'January'])
})

it('names the missing scope to every other client', async () => {
  const response = await get(await issuer.token({ scope: 'write:reports' }))
  expect(response.status).toBe(403)
  expect(response.headers.get('www-authenticate')).toContain('scope="read:reports"')
})

it('refuses a request without a token', async () => {
  expect((await fetch(url)).status).toBe(401)
})
