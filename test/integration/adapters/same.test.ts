/** All adapters respond alike, byte for byte. */
import { afterAll, afterEach, beforeAll, describe, it } from 'vitest'
import { refuseToFetch, withApis } from '../../support/adapters.ts'
import type { RawRequest } from '../../support/exchange.ts'
import {
  C401,
  type Expected,
  expectAlive,
  expectEqualAnswers,
  expectEverywhere,
  R400,
  S403,
  T401,
  X503,
} from '../../support/expectations.ts'
import { ISS, t0 } from '../../support/fixture.ts'
import { authorization, bearer } from '../../support/requests.ts'
import { type Api, allNames, closeApis, startApis } from '../../support/servers.ts'

const T0 = t0()
const expired = t0({ exp: 1 })
const both = 'read:a write:a'

let apis: Api[]
beforeAll(async () => {
  apis = await startApis({}, allNames)
})
afterEach(() => expectAlive(apis))
afterAll(() => closeApis(apis))

/** All kinds of refusals. */
const catalogue: readonly (readonly [RawRequest, Expected])[] = [
  [{}, C401],
  [{ path: '/scoped' }, { ...C401, scope: both }],
  [{ path: '/optional-authorized' }, { ...C401, scope: both }],
  [{ method: 'POST', body: 'x' }, C401],
  [{ method: 'HEAD' }, C401],
  [authorization('Basic dTpw'), C401],
  [authorization('Bearer'), R400],
  [bearer('a b', { path: '/optional' }), R400],
  [{ lines: [`Authorization: Bearer ${T0}`, 'Authorization: Bearer x'], onlyHttp1: true }, R400],
  [bearer('abc'), T401('malformed')],
  [bearer('a.b.c.d.e'), T401('encrypted')],
  [bearer(t0({}, { crit: ['x'] })), T401('critical_header')],
  [bearer(t0({}, { alg: 'none' })), T401('wrong_algorithm')],
  [bearer(t0({}, { typ: 'JWT' })), T401('wrong_type')],
  [bearer(t0({ iss: 'https://evil.test' })), T401('wrong_issuer')],
  [bearer(t0({ aud: 'https://other.test' })), T401('wrong_audience')],
  [bearer(expired), T401('expired')],
  [bearer(expired, { method: 'HEAD', path: '/optional' }), T401('expired')],
  [bearer(t0({ nbf: 4e9 })), T401('not_yet_valid')],
  [bearer(t0({ iat: 4e9 })), T401('issued_in_future')],
  [bearer(t0({ jti: undefined })), T401('missing_claim')],
  [bearer(t0({ jti: 1 })), T401('invalid_claim')],
  [bearer(t0({ cnf: {} })), T401('unsupported_binding')],
  [bearer(t0({}, { kid: 'other' })), T401('unknown_key')],
  [bearer(`${T0.slice(0, -4)}AAAA`), T401('bad_signature')],
  [bearer(T0, { path: '/scoped' }), S403(both)],
  [bearer(T0, { path: '/authorized', method: 'HEAD' }), S403(both)],
]

describe('AD-same', () => {
  it('AD-same status and headers of every refusal are the same, byte for byte', async () => {
    for (const [request, expected] of catalogue) await expectEverywhere(apis, request, expected)
  })

  it('AD-same status and headers of an outage are the same, byte for byte', () =>
    withApis({ validator: { issuer: ISS, fetch: refuseToFetch } }, (others) =>
      expectEverywhere(others, [bearer(T0), bearer(T0, { path: '/optional' })], X503),
    ))

  it('AD-same the path, the Host and forwarding headers do not affect the response', async () => {
    const lines = [
      'X-Forwarded-Host: evil.test',
      'X-Forwarded-Proto: https',
      'Forwarded: host=evil',
    ]
    for (const api of apis.filter(({ name }) => name !== 'http2')) {
      const plain = await api.send({})
      const odd = await api.send({ path: '/x/y?z', host: ['Host: evil.test'], lines })
      expectEqualAnswers([plain, odd])
    }
  })
})
