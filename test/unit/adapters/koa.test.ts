import { InvalidTokenError } from 'oauth-resource-server'
import * as forKoa from 'oauth-resource-server/koa'
import { describe, expect, it, vi } from 'vitest'
import { AUD, fixtureValidator, t0 } from '../../support/fixture.ts'

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

  it.each([
    [
      'throws',
      () => {
        throw boom
      },
    ],
    ['returns a promise that rejects', () => Promise.reject(boom)],
  ])('rejects with the error of a next that %s, also for a cached token', async (_, next) => {
    const authenticate = forKoa.authenticate(fixtureValidator())
    const authorize = forKoa.authorize({ scopes: 'read:a' })
    const { context } = contextWith({ req: { headers: { authorization: `Bearer ${t0()}` } } })
    for (const middleware of [authenticate, authenticate, authorize]) {
      await expect(middleware(context, next as () => Promise<never>)).rejects.toBe(boom)
    }
  })

  it('resolves when next has, with a token that is cached and one that is not', async () => {
    const authenticate = forKoa.authenticate(fixtureValidator())
    const { context } = contextWith({ req: { headers: { authorization: `Bearer ${t0()}` } } })
    for (const value of ['new', 'cached']) {
      let isDone = false
      await authenticate(context, async () => {
        await new Promise(setImmediate)
        isDone = true
      })
      expect(isDone, value).toBe(true)
    }
  })
})
