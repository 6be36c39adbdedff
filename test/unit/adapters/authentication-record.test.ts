import * as forHttp from 'oauth-resource-server/http'
import { expect, it } from 'vitest'
import { fixtureValidator, t0 } from '../../support/fixture.ts'

/** A request that was authenticated, and what was recorded on it. */
async function authenticated() {
  const request = { headers: { authorization: `Bearer ${t0()}` } }
  await forHttp.authenticate(fixtureValidator())(request, {})
  const [symbol] = Object.getOwnPropertySymbols(request)
  return { request, record: (request as Record<symbol, { context: object }>)[symbol as symbol] }
}

it('is found by accessToken()', async () => {
  const { request } = await authenticated()
  expect(forHttp.accessToken(request).subject).toBe('user-1')
})

it('must have the same version of its format', async () => {
  const { request, record } = await authenticated()
  Object.assign(record ?? {}, { context: { ...record?.context, recordVersion: 2 } })
  expect(() => forHttp.accessToken(request)).toThrow(
    'accessToken() and authenticate() come from two versions of oauth-resource-server that cannot work together: install one version',
  )
})

it('must exist', () => {
  expect(() => forHttp.accessToken({})).toThrow(
    'accessToken() found no authentication: mount authenticate() before it',
  )
})
