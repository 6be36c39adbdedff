import * as forHttp from 'oauth-resource-server/http'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { AUD, fixtureValidator, t0 } from '../../support/fixture.ts'

const validator = fixtureValidator({ resource: AUD })

describe('functions for node:http', () => {
  it('call no next where there is none', async () => {
    const warn = vi.spyOn(process, 'emitWarning').mockImplementation(() => {})
    // A process warns once, so the test needs new modules.
    vi.resetModules()
    onTestFinished(() => {
      warn.mockRestore()
      vi.resetModules()
    })
    const forHttp = await import('oauth-resource-server/http')
    const request = { headers: { authorization: `Bearer ${t0()}` }, url: '/other' }
    expect(await forHttp.authenticate(validator)(request, {})).toMatchObject({ subject: 'user-1' })
    expect(await forHttp.authorize({ scopes: 'read:a' })(request, {})).toMatchObject({
      subject: 'user-1',
    })
    expect(await forHttp.resourceMetadata(validator)(request as never, {} as never)).toBe(false)
    expect(warn).not.toHaveBeenCalled()
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
