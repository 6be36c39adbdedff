/** A request is never accepted, for any value that a callback of the application throws or rejects with. */
import { types } from 'node:util'
import { MissingTokenError, type Requirement, type ValidatorOptions } from 'oauth-resource-server'
import * as forHttp from 'oauth-resource-server/http'
import { describe, expect, it, vi } from 'vitest'
import { withApis } from '../../support/adapters.ts'
import { linesOf, type RawRequest } from '../../support/exchange.ts'
import { fixtureValidator, ISS, t0 } from '../../support/fixture.ts'
import { hostileValues } from '../../support/hostile-values.ts'
import type { ApiOptions } from '../../support/mounted-apis.ts'
import { processFailures } from '../../support/process-failures.ts'
import { bearer } from '../../support/requests.ts'
import type { Api } from '../../support/servers.ts'

/** The current behaviour of the callbacks of a test. */
interface Failure {
  readonly value: unknown
  readonly how: 'throws' | 'rejects'
}

let failure: Failure

function fail(): never {
  if (failure.how === 'rejects') return Promise.reject(failure.value) as never
  throw failure.value
}

const failures = hostileValues.flatMap(([name, value]) =>
  (['throws', 'rejects'] as const).map((how) => ({ name: `${how} ${name}`, value, how })),
)

/** Sends a request for every failure to every adapter. Requires that none causes an unhandled error. */
async function withEveryFailure(
  options: ApiOptions,
  look: (api: Api, name: string) => Promise<void>,
): Promise<void> {
  const ended = await processFailures(() =>
    withApis(options, async (apis) => {
      for (const { name, ...rest } of failures) {
        failure = rest
        await Promise.all(
          apis.map((api) => {
            api.forget()
            return look(api, `${api.name}: ${name}`)
          }),
        )
      }
    }),
  )
  expect(ended).toEqual([])
}

/** Requires a 500: no handler ran, and the framework got an Error or nothing. */
async function expectFailure(api: Api, request: RawRequest, name: string): Promise<void> {
  const answer = await api.send(request)
  expect(answer.status, name).toBe(500)
  expect(api.seen, name).toEqual([])
  expect(linesOf(answer, 'WWW-Authenticate'), name).toEqual([])
  for (const error of api.failures) expect(types.isNativeError(error), name).toBe(true)
}

/** The Error that wraps what was thrown, as in events and framework errors. */
function expectReported(api: Api, callback: string, name: string): void {
  const [event] = api.events.filter(({ type }) => type === 'callback.failed').slice(-1)
  const { cause } = event as { cause: Error }
  expect(types.isNativeError(cause), name).toBe(true)
  expect(cause.message, name).toBe(`The callback ${callback} failed`)
  expect(Object.is(cause.cause, failure.value), name).toBe(true)
}

describe('a callback that fails with any value', () => {
  it('F-throw check responds with 500 and never runs the handler', async () => {
    const routes = {
      '/authenticate': { authenticate: { requirement: { check: fail } } },
      '/authorize': { authorize: { check: fail } },
      '/optional': { authenticate: { optional: true, requirement: { check: fail } } },
      '/pass': { authenticate: { passErrors: true, requirement: { check: fail } } },
    }
    await withEveryFailure({ routes }, async (api, name) => {
      for (const path of Object.keys(routes)) {
        api.forget()
        await expectFailure(api, bearer(t0(), { path }), name + path)
        expectReported(api, 'check', name + path)
        const { failures: passed } = api
        if (!['http', 'http2'].includes(api.name) || path === '/pass') {
          expect(passed, name).toHaveLength(1)
        }
      }
    })
  }, 30_000)

  it('F-throw check does not run for a request without a token, which is refused with 401', async () => {
    const routes = { '/p': { authenticate: { requirement: { check: fail } } } }
    await withEveryFailure({ routes }, async (api, name) => {
      expect((await api.send({})).status, name).toBe(401)
      expect(api.seen, name).toEqual([])
    })
  })

  it('F-throw check of the validator itself responds with 500', () =>
    withEveryFailure({ validator: { requirement: { check: fail } } }, async (api, name) => {
      await expectFailure(api, bearer(t0()), name)
      expectReported(api, 'check', name)
    }))

  it('F-throw scopeClaim responds with 500', () =>
    withEveryFailure({ validator: { scopeClaim: fail } }, async (api, name) => {
      await expectFailure(api, bearer(t0()), name)
      if (failure.how === 'throws') expectReported(api, 'scopeClaim', name)
    }))

  it('F-throw now responds with 500', () =>
    withEveryFailure({ validator: { now: fail } }, async (api, name) => {
      await expectFailure(api, bearer(t0()), name)
      if (failure.how === 'throws') expectReported(api, 'now', name)
    }))

  it('F-503 issuer responds with 503', async () => {
    let next = 0
    await withEveryFailure({ validator: { issuer: fail } }, async (api, name) => {
      const answer = await api.send(bearer(t0({ iss: `${ISS}/${next++}` })))
      expect(answer.status, name).toBe(503)
      expect(api.seen, name).toEqual([])
    })
  })

  it('F-503 fetch responds with 503', async () => {
    const validator: Partial<ValidatorOptions> = {
      issuer: (iss) => ({ issuer: iss, jwksUri: `${iss}/keys` }),
      fetch: fail,
    }
    let next = 0
    await withEveryFailure({ validator }, async (api, name) => {
      const answer = await api.send(bearer(t0({ iss: `${ISS}/${next++}` })))
      expect(answer.status, name).toBe(503)
      expect(api.seen, name).toEqual([])
    })
  })

  it('F-throw onEvent does not change any response', async () => {
    const warn = vi.spyOn(process, 'emitWarning').mockImplementation(() => {})
    await withEveryFailure({ validator: { onEvent: fail } }, async (api, name) => {
      expect((await api.send(bearer(t0()))).status, name).toBe(200)
      expect((await api.send({})).status, name).toBe(401)
    })
    expect(warn).toHaveBeenCalled()
    warn.mockRestore()
  })
})

describe('a callback that returns what cannot be used', () => {
  /** The result of an optional route for a request with a valid token. */
  async function outcomeOf(changes: Partial<ValidatorOptions>, requirement?: Requirement) {
    const outcomes: unknown[] = []
    const guard = forHttp.authenticate(fixtureValidator(changes), { optional: true, requirement })
    const request = { headers: { authorization: `Bearer ${t0()}` } }
    const ended = await processFailures(async () => {
      outcomes.push(await guard(request, {}, (error) => outcomes.push(error)))
    })
    expect(ended).toEqual([])
    return outcomes
  }

  const missing = new MissingTokenError()
  const refuse = () => {
    throw missing
  }
  const lists: readonly (readonly [name: string, create: () => unknown])[] = [
    ['a Proxy of an array', () => new Proxy([], { get: refuse })],
    ['an array with a getter', () => Object.defineProperty(['a'], 0, { get: refuse })],
  ]

  it.each(lists)('F-throw scopeClaim fails with %s whose traps throw', async (_, create) => {
    const [error, token] = await outcomeOf({ scopeClaim: create as never })
    expect(error).toMatchObject({ message: 'The callback scopeClaim failed', cause: missing })
    expect(token).toBeNull()
  })

  it('F-throw check fails with an object whose then throws', async () => {
    const check = () => Object.defineProperty({}, 'then', { get: refuse }) as never
    const [error, token] = await outcomeOf({}, { check })
    expect(error).toMatchObject({ message: 'The callback check failed', cause: missing })
    expect(token).toBeNull()
  })

  it('F-throw authorizationDetails refuses with an object whose then throws', async () => {
    const guard = forHttp.authenticate(fixtureValidator(), {
      requirement: {
        authorizationDetails: () => Object.defineProperty({}, 'then', { get: refuse }) as never,
      },
      optional: true,
      passErrors: true,
    })
    const token = t0({ authorization_details: [{ type: 'payment' }] })
    const request = { headers: { authorization: `Bearer ${token}` } }
    await expect(guard(request, {})).rejects.toMatchObject({ code: 'insufficient_scope' })
  })

  it('F-throw scopeClaim grants only the entries of the array, whatever its methods return', async () => {
    const lying = Object.assign(['a'], { filter: () => 'read:a admin' })
    const [, token] = await outcomeOf({ scopeClaim: () => lying })
    expect(token).toMatchObject({ scopes: ['a'] })
  })

  it('F-throw promises in an array of scopes grant nothing, and their rejections are ignored', async () => {
    const create = () => [Promise.reject(new Error('late')), 'a'] as never
    expect(await outcomeOf({ scopeClaim: create })).toMatchObject([undefined, { scopes: ['a'] }])
  })

  it('F-503 promises in the options that issuer returns are refused, and their rejections are ignored', async () => {
    const late = () => Promise.reject(new Error('late')) as never
    for (const issuer of [
      () => ({ issuer: ISS, jwks: late() }),
      () => ({ issuer: ISS, audience: late() }),
      () => [late()] as never,
    ]) {
      const ended = await processFailures(async () => {
        const outcome = fixtureValidator({ issuer }).validate(t0())
        await expect(outcome).rejects.toMatchObject({ code: 'service_unavailable' })
      })
      expect(ended).toEqual([])
    }
  })
})
