import { createValidator, MissingTokenError } from 'oauth-resource-server'
import * as forHttp from 'oauth-resource-server/http'
import { describe, expect, it, vi } from 'vitest'
import { fixtureValidator } from '../../support/fixture.ts'

/** The errors that a middleware passes to next. */
async function errorsOf(
  middleware: forHttp.HttpMiddleware<object>,
  request: object = { headers: {} },
) {
  const errors: unknown[] = []
  await middleware(request as never, {}, (error) => void errors.push(error))
  return errors
}

describe('an object around a validator', () => {
  it.each([undefined, null, 'token'])('must resolve to a token, not to %s', async (value) => {
    const validator = { ...fixtureValidator(), authenticate: async () => value as never }
    expect(await errorsOf(forHttp.authenticate(validator))).toEqual([
      new TypeError('The validator returned no access token'),
    ])
  })

  it('is asked with a request without headers how an anonymous request is refused', async () => {
    const authenticate = vi.fn(async () => {
      throw new MissingTokenError()
    })
    const validator = { ...fixtureValidator(), authenticate }
    const request = { headers: {} }
    expect(await errorsOf(forHttp.authenticate(validator, { optional: true }), request)).toEqual([
      undefined,
    ])
    await errorsOf(forHttp.authorize({ scopes: 'read:a' }), request)
    expect(authenticate).toHaveBeenLastCalledWith(
      { headers: {} },
      expect.objectContaining({ scopes: ['read:a'] }),
    )
  })
})

it('refuses undefined in place of a validator with the message of createValidator', () => {
  const messageOf = (run: () => unknown) => {
    try {
      run()
    } catch (error) {
      return (error as Error).message
    }
    return expect.fail('it did not throw')
  }
  expect(messageOf(() => forHttp.authenticate(undefined as never))).toBe(
    messageOf(() => createValidator(undefined as never)),
  )
})
