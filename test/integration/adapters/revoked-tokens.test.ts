/** The option `revoked` on every adapter, over real sockets. */
import { describe, it } from 'vitest'
import { withApis } from '../../support/adapters.ts'
import { expectEverywhere, OK, S403, T401, X503 } from '../../support/expectations.ts'
import { t0 } from '../../support/fixture.ts'
import { bearer } from '../../support/requests.ts'

describe('revoked', () => {
  it('refuses a token that was accepted before, and only that one', async () => {
    const revoked = new Set<unknown>()
    const validator = {
      revoked: async ({ claims }: { claims: { jti?: string } }) => revoked.has(claims.jti),
    }
    await withApis({ validator }, async (apis) => {
      const [token, other] = [t0({ jti: 'a' }), t0({ jti: 'b' })]
      await expectEverywhere(apis, [bearer(token), bearer(other)], OK)
      revoked.add('a')
      await expectEverywhere(
        apis,
        [bearer(token), bearer(token, { path: '/optional' })],
        T401('revoked'),
      )
      await expectEverywhere(apis, bearer(token, { path: '/scoped' }), T401('revoked'))
      await expectEverywhere(apis, bearer(other), OK)
      await expectEverywhere(apis, bearer(other, { path: '/scoped' }), S403('read:a write:a'))
    })
  })

  it('F-503 that fails is answered with 503, and never with 200 or 401', async () => {
    const failing = [
      () => {
        throw new Error('down')
      },
      () => Promise.reject(new Error('down')),
      () => undefined as never,
    ]
    for (const revoked of failing) {
      await withApis({ validator: { revoked } }, async (apis) => {
        await expectEverywhere(apis, [bearer(t0()), bearer(t0(), { path: '/optional' })], X503)
      })
    }
  })
})
