import { InvalidTokenError } from 'oauth-resource-server'
import * as forKoa from 'oauth-resource-server/koa'
import { describe, expect, it, vi } from 'vitest'
import { AUD, fixtureValidator } from '../../support/fixture.ts'

const boom = new Error('boom')
const noNext = async () => expect.fail('next was called')

/** A context whose status is observed. */
function contextWith(parts: object = {}) {
  const setStatus = vi.fn<(status: number) => void>()
  const context = {
    req: { headers: {} },
    request: {},
    res: {},
    state: {},
    set status(status: number) {
      setStatus(status)
    },
    ...parts,
  }
  return { context: context as never, setStatus }
}

describe('middleware for Koa', () => {
  it('names authorize() where authenticate did not run', async () => {
    const authorized = forKoa.authorize({ scopes: 'a' })(contextWith().context, noNext)
    await expect(authorized).rejects.toThrow(
      'authorize() found no authentication: mount authenticate() before it',
    )
  })

  it('throws an Error, without next, if the metadata cannot be served', async () => {
    const { context } = contextWith()
    Object.defineProperty(context, 'url', {
      get() {
        throw 'unreadable'
      },
    })
    const served = forKoa.resourceMetadata(fixtureValidator({ resource: AUD }))(context, noNext)
    await expect(served).rejects.toMatchObject({ cause: 'unreadable' })
  })

  it('sets no status for an error that is no refusal', async () => {
    const validator = {
      ...fixtureValidator(),
      authenticate: async () => {
        throw boom
      },
    }
    const { context, setStatus } = contextWith()
    const middleware = forKoa.authenticate(validator, { passErrors: true })
    await expect(middleware(context, noNext)).rejects.toBe(boom)
    expect(setStatus).not.toHaveBeenCalled()
  })

  it('sets the status of a refusal with passErrors, and no status without it after the headers were sent', async () => {
    const refusal = new InvalidTokenError('expired')
    const validator = {
      ...fixtureValidator(),
      authenticate: async () => {
        throw refusal
      },
    }
    for (const passErrors of [true, false]) {
      const { context, setStatus } = contextWith({ res: { headersSent: true } })
      const middleware = forKoa.authenticate(validator, { passErrors })
      await expect(middleware(context, noNext)).rejects.toBe(refusal)
      expect(setStatus.mock.calls).toEqual(passErrors ? [[401]] : [])
    }
  })

  it('throws an Error if the response cannot be read', async () => {
    const { context } = contextWith()
    Object.defineProperty(context, 'res', {
      get() {
        throw 'no response'
      },
    })
    const middleware = forKoa.authenticate(fixtureValidator())
    await expect(middleware(context, noNext)).rejects.toMatchObject({ cause: 'no response' })
  })
})
