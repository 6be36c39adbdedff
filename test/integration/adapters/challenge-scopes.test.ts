/** The scopes in a challenge: all that were required of the request so far, in every adapter. */
import { afterAll, afterEach, beforeAll, describe, it } from 'vitest'
import { C401, expectAlive, expectEverywhere, OK, S403 } from '../../support/expectations.ts'
import { t0 } from '../../support/fixture.ts'
import { bearer } from '../../support/requests.ts'
import { type Api, closeApis, startApis } from '../../support/servers.ts'

const two = [{ scopes: 'write:a' }, { anyScope: ['b', 'c'] }]
const requirement = { scopes: 'x:a' }

let apis: Api[]
beforeAll(async () => {
  apis = await startApis({
    direct: true,
    validator: { requirement: { scopes: 'read:a' }, impliedScopes: { admin: ['write:a', 'b'] } },
    routes: {
      '/p': {},
      '/two': { authorize: two },
      '/three': { authenticate: { requirement }, authorize: two },
      '/optional': { authenticate: { optional: true }, authorize: two },
      '/optional-three': { authenticate: { optional: true, requirement }, authorize: two },
    },
  })
})
afterEach(() => expectAlive(apis))
afterAll(() => closeApis(apis))

const at = (path: string, scope: string) => bearer(t0({ scope }), { path })
const expectAll = (path: string, granted: string, challenged: string) =>
  expectEverywhere(apis, at(path, granted), S403(challenged))

describe('a challenge names the scopes of', () => {
  it('the validator, and of each authorize up to the one that refuses', async () => {
    await expectAll('/two', 'other', 'read:a')
    await expectAll('/two', 'read:a', 'read:a write:a')
    await expectAll('/two', 'read:a write:a', 'read:a write:a b c')
    await expectEverywhere(apis, at('/two', 'read:a write:a c'), OK)
  })

  it('authenticate too', async () => {
    await expectAll('/three', 'read:a', 'read:a x:a')
    await expectAll('/three', 'read:a x:a', 'read:a x:a write:a')
    await expectAll('/three', 'read:a x:a write:a', 'read:a x:a write:a b c')
    await expectEverywhere(apis, at('/three', 'read:a x:a write:a b'), OK)
  })

  it('authenticate on optional routes, with a token', async () => {
    await expectAll('/optional', 'read:a write:a', 'read:a write:a b c')
    await expectAll('/optional-three', 'read:a x:a', 'read:a x:a write:a')
    await expectAll('/optional-three', 'read:a x:a write:a', 'read:a x:a write:a b c')
  })

  it('authenticate and the first authorize on optional routes, without a token', async () => {
    const scope = 'read:a write:a'
    await expectEverywhere(apis, { path: '/optional' }, { ...C401, scope })
    await expectEverywhere(
      apis,
      { path: '/optional-three' },
      { ...C401, scope: 'read:a x:a write:a' },
    )
  })

  it('the requirement, and not those that imply them', async () => {
    await expectAll('/three', 'read:a admin', 'read:a x:a')
    await expectAll('/two', 'admin', 'read:a')
    await expectEverywhere(apis, at('/two', 'read:a admin'), OK)
  })
})
