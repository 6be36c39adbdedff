/** What `authenticate` and `authorize` record on a request. */
import * as forHttp from 'oauth-resource-server/http'
import * as forKoa from 'oauth-resource-server/koa'
import { describe, expect, it } from 'vitest'
import { fixtureValidator, t0 } from '../../support/fixture.ts'

describe('a request that cannot carry the outcome', () => {
  it('AD-ctx has no token in auth once it is refused', async () => {
    const validator = fixtureValidator()
    const headers = { authorization: `Bearer ${t0()}` }
    // The second time the token is cached, and nothing is awaited.
    for (const _ of [1, 2]) {
      const request = Object.preventExtensions({ headers, auth: undefined })
      const errors: unknown[] = []
      await forHttp.authenticate(validator)(request, {}, (error) => errors.push(error))
      expect(errors).toEqual([expect.any(TypeError)])
      expect(request.auth).toBeUndefined()
      const state = { auth: undefined }
      const context = { req: Object.freeze({ headers }), res: {}, request: {}, state }
      const passed = forKoa.authenticate(validator)(context as never, async () => {})
      await expect(passed).rejects.toThrow(TypeError)
      expect(state.auth).toBeUndefined()
    }
  })
})

describe('a request that lives long', () => {
  it('has at most 32 recorded requirements, however often it is authorized', async () => {
    const request = { headers: { authorization: `Bearer ${t0()}` } }
    await forHttp.authenticate(fixtureValidator())(request, {})
    const mounted = forHttp.authorize({ scopes: 'read:a' })
    const recorded = () => {
      const [symbol] = Object.getOwnPropertySymbols(request)
      const { authorized } = request[symbol as never] as { authorized: readonly unknown[] }
      return authorized.length
    }
    for (let message = 0; message < 100; message++) await mounted(request, {})
    expect(recorded()).toBe(1)
    for (let message = 0; message < 100; message++) {
      await forHttp.authorize({ scopes: 'read:a' })(request, {})
    }
    expect(recorded()).toBeLessThanOrEqual(32)
  })
})
