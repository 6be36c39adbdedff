/** Encrypted tokens on every adapter, over real sockets. */
import { describe, expect, it } from 'vitest'
import { withApis } from '../../support/adapters.ts'
import { encrypt, makeCurveKey, makeRsaKey } from '../../support/encryption.ts'
import type { RawRequest } from '../../support/exchange.ts'
import { type Expected, expectEverywhere, OK, S403, T401 } from '../../support/expectations.ts'
import { claimsT0, ISS, jwks, makeKey, rsa1, t0 } from '../../support/fixture.ts'
import { bearer } from '../../support/requests.ts'

const rsa = makeRsaKey({ kid: 'enc' })
const curve = makeCurveKey('P-256', { kid: 'curve' })
const validator = { issuer: { issuer: ISS, jwks, decryptionKeys: { keys: [rsa, curve] } } }
const nested = (token: string, header: object = {}) =>
  encrypt(token, rsa, { kid: 'enc', cty: 'JWT', ...header })
const ecdh = { alg: 'ECDH-ES+A128KW', enc: 'A128CBC-HS256' }

describe('a token of an issuer with decryptionKeys', () => {
  const cases: readonly (readonly [string, Promise<string> | string, RawRequest, Expected])[] = [
    ['9068-4-enc-a a nested JWT', nested(t0()), {}, OK],
    ['9068-4-enc-a a nested JWT, with ECDH-ES', encrypt(t0(), curve, ecdh), {}, OK],
    [
      '9068-4-enc-a a nested JWT without the scope',
      nested(t0()),
      { path: '/scoped' },
      S403('read:a write:a'),
    ],
    [
      '9068-4-enc-a a nested JWT of a foreign key',
      nested(t0({}, {}, makeKey('RS256', 'rsa1'))),
      {},
      T401('bad_signature'),
    ],
    ['9068-4-enc-a an expired JWT', nested(t0({ exp: 1 })), {}, T401('expired')],
    ['9068-4-enc-b a plain JWT', t0(), {}, T401('not_encrypted')],
    ['9068-4-enc-b a plain JWT, optional', t0(), { path: '/optional' }, T401('not_encrypted')],
    ['8725-3.3-a bare claims', nested(JSON.stringify(claimsT0())), {}, T401('decryption_failed')],
    ['8725-3.3-b another key', encrypt(t0(), makeRsaKey()), {}, T401('decryption_failed')],
    ['8725-3.3-b an unsigned JWT', nested(t0({}, { alg: 'none' })), {}, T401('wrong_algorithm')],
    [
      '8725-3.11-b the type JWT inside',
      nested(t0({}, { typ: 'JWT' }), { typ: 'at+jwt' }),
      {},
      T401('wrong_type'),
    ],
    ['8725-3.11-b any type outside', nested(t0(), { typ: 'x' }), {}, OK],
    [
      '7519-5.3 another iss outside',
      nested(t0(), { iss: 'https://x.test' }),
      {},
      T401('invalid_claim'),
    ],
    [
      'two layers of encryption',
      nested(t0()).then((token) => nested(token)),
      {},
      T401('decryption_failed'),
    ],
  ]

  it.each(cases)(
    '%s: every adapter gives the same response',
    async (_what, token, rest, expected) => {
      const request = bearer(await token, rest)
      await withApis({ validator }, async (apis) => {
        // The second time from the cache, if at all.
        await expectEverywhere(apis, [request, request], expected)
      })
    },
  )

  it('is passed to the handler as it was sent, with the header of the JWT in it', async () => {
    const token = await nested(t0())
    await withApis({ validator }, async (apis) => {
      await expectEverywhere(apis, bearer(token), OK)
      for (const { seen } of apis) {
        expect(seen[0]?.auth?.token).toBe(token)
        expect(seen[0]?.auth?.header).toMatchObject({ alg: rsa1.alg, kid: 'rsa1', typ: 'at+jwt' })
      }
    })
  })
})
