/** Whatever a callback of the application throws or rejects with, a request is never let through. */
import { types } from 'node:util'
import type { ValidatorOptions } from 'oauth-resource-server'
import { describe, expect, it, vi } from 'vitest'
import { withApis } from '../../support/adapters.ts'
import { bearer } from '../../support/expectations.ts'
import { ISS, t0 } from '../../support/fixture.ts'
import { hostileValues } from '../../support/hostile-values.ts'
import { processFailures } from '../../support/process-failures.ts'
import { type Api, type ApiOptions, linesOf, type Request } from '../../support/servers.ts'

/** What the callbacks of a test do now. */
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

/** Sends a request for every failure to every adapter, and expects that none of them ends the process. */
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

/** A request that must be a 500: no handler ran, and the framework got an Error or nothing. */
async function expectFailure(api: Api, request: Request, name: string): Promise<void> {
  const answer = await api.send(request)
  expect(answer.status, name).toBe(500)
  expect(api.seen, name).toEqual([])
  expect(linesOf(answer, 'WWW-Authenticate'), name).toEqual([])
  for (const error of api.failures) expect(types.isNativeError(error), name).toBe(true)
}

/** The Error that wraps what was thrown, as the operator gets it. */
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

  it('F-throw check refuses a request without a token with 401, before it runs', async () => {
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

  it('F-throw onEvent changes no response', async () => {
    const warn = vi.spyOn(process, 'emitWarning').mockImplementation(() => {})
    await withEveryFailure({ validator: { onEvent: fail } }, async (api, name) => {
      expect((await api.send(bearer(t0()))).status, name).toBe(200)
      expect((await api.send({})).status, name).toBe(401)
    })
    expect(warn).toHaveBeenCalled()
    warn.mockRestore()
  })
})
