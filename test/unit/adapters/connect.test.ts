import * as forExpress from 'oauth-resource-server/express'
import { describe, expect, it } from 'vitest'
import { fixtureValidator, t0 } from '../../support/fixture.ts'

const headersWith = (token: string) => ({ authorization: `Bearer ${token}` })

describe('middleware for connect', () => {
  it('refuses a request on which the result of a cached token cannot be recorded', async () => {
    const validator = fixtureValidator()
    const headers = headersWith(t0())
    await validator.authenticate({ headers })
    const calls: unknown[][] = []
    const request = Object.freeze({ headers })
    forExpress.authenticate(validator)(request as never, {} as never, (...values) => {
      calls.push(values)
    })
    expect(calls).toEqual([[expect.any(TypeError)]])
  })

  it('names authorize() where authenticate did not run', () => {
    const calls: unknown[][] = []
    forExpress.authorize({ scopes: 'a' })({} as never, {} as never, (...values) => {
      calls.push(values)
    })
    expect(calls).toEqual([
      [new Error('authorize() found no authentication: mount authenticate() before it')],
    ])
  })
})
