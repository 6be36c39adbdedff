import * as forHttp from 'oauth-resource-server/http'
import { describe, expect, it } from 'vitest'
import { AUD, fixtureValidator, t0 } from '../../support/fixture.ts'

const validator = fixtureValidator({ resource: AUD })

describe('functions for node:http', () => {
  it('resolve without next too', async () => {
    const request = { headers: { authorization: `Bearer ${t0()}` }, url: '/other' }
    expect(await forHttp.authenticate(validator)(request, {})).toMatchObject({ subject: 'user-1' })
    expect(await forHttp.authorize({ scopes: 'read:a' })(request, {})).toMatchObject({
      subject: 'user-1',
    })
    expect(await forHttp.resourceMetadata(validator)(request as never, {} as never)).toBe(false)
  })

  it('resolve after an asynchronous check, and record it for the next challenge', async () => {
    const request = { headers: { authorization: `Bearer ${t0()}` } }
    const checked = forHttp.authorize({ scopes: 'read:a', check: async () => true })
    const later = forHttp.authorize({ scopes: 'write:a' })
    const headers: Record<string, unknown> = {}
    const response = {
      getHeader: (name: string) => headers[name],
      setHeader: (name: string, value: unknown) => {
        headers[name] = value
      },
      end: () => {},
    }
    await forHttp.authenticate(validator)(request, response)
    expect(await checked(request, response)).toMatchObject({ subject: 'user-1' })
    expect(await later(request, response)).toBeNull()
    expect(String(headers['WWW-Authenticate'])).toContain('scope="read:a write:a"')
  })

  it('name authorize() where authenticate did not run', async () => {
    const calls: unknown[][] = []
    const next = (...values: unknown[]) => calls.push(values)
    expect(await forHttp.authorize({ scopes: 'a' })({ headers: {} }, {}, next)).toBeNull()
    expect(calls).toEqual([
      [new Error('authorize() found no authentication: mount authenticate() before it')],
    ])
  })

  it('have handled a request for the metadata whose response fails', async () => {
    const calls: unknown[][] = []
    const next = (...values: unknown[]) => calls.push(values)
    const url = new URL(validator.resourceMetadata?.url ?? '').pathname
    const served = forHttp.resourceMetadata(validator)({ url } as never, {} as never, next)
    expect(await served).toBe(true)
    expect(calls).toEqual([[expect.any(TypeError)]])
  })
})
