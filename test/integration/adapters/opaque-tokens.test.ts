/** Opaque tokens on every adapter, over real sockets, against a real introspection endpoint. */
import { randomBytes } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { withApis } from '../../support/adapters.ts'
import type { RawRequest } from '../../support/exchange.ts'
import {
  type Expected,
  expectEverywhere,
  OK,
  R400,
  S403,
  T401,
  X503,
} from '../../support/expectations.ts'
import { ISS, jwks, t0 } from '../../support/fixture.ts'
import {
  active,
  credentials,
  type Respond,
  startAuthorizationServer,
} from '../../support/introspection.ts'
import { bearer, form } from '../../support/requests.ts'
import type { Api } from '../../support/servers.ts'

const opaque = (): string => randomBytes(24).toString('base64url')
const seconds = () => Math.floor(Date.now() / 1000)
const status =
  (code: number, headers: Record<string, string> = {}): Respond =>
  (_request, response) =>
    response.writeHead(code, { 'content-type': 'application/json', ...headers }).end('{}')

/** Runs on every adapter, each with a validator of its own, in front of a server that answers this. */
async function withServer(
  respond: Respond,
  run: (apis: Api[], received: () => number) => Promise<void>,
  introspection: object = {},
): Promise<void> {
  const server = await startAuthorizationServer(respond)
  const options = { authentication: credentials, endpoint: server.endpoint, ...introspection }
  const validator = { issuer: { issuer: ISS, jwks, introspection: options }, fetch }
  await withApis({ validator }, (apis) => run(apis, () => server.received.length))
}

describe('a token about which the introspection endpoint answers', () => {
  const cnf = { jkt: `${'x'.repeat(42)}w` }
  const cases: readonly (readonly [string, Respond, RawRequest, Expected])[] = [
    ['7662-2.2-a active', () => active(), {}, OK],
    ['7662-2.2-a inactive', () => ({ active: false }), {}, T401('inactive')],
    [
      '7662-2.2-a inactive, optional',
      () => ({ active: false }),
      { path: '/optional' },
      T401('inactive'),
    ],
    ['7662-2.2-b a string', () => active({ active: 'true' }), {}, X503],
    ['7662-2.2-c an expired token', () => active({ exp: seconds() - 60 }), {}, T401('expired')],
    [
      '7662-2.2-d another issuer',
      () => active({ iss: 'https://x.test' }),
      {},
      T401('wrong_issuer'),
    ],
    ['7662-2.2-e another audience', () => active({ aud: 'x' }), {}, T401('wrong_audience')],
    ['7662-2.2-e no audience', () => active({ aud: undefined }), {}, T401('missing_claim')],
    ['7662-2.2-f too little', () => active(), { path: '/scoped' }, S403('read:a write:a')],
    [
      '7662-2.2-f an array of scopes',
      () => active({ scope: ['read:a', 'write:a'] }),
      { path: '/authorized' },
      S403('read:a write:a'),
    ],
    ['7662-2.2-f enough', () => active({ scope: 'write:a read:a' }), { path: '/scoped' }, OK],
    ['7662-2.2-g a binding', () => active({ cnf }), {}, T401('unsupported_binding')],
    ['7662-2.2-h DPoP', () => active({ token_type: 'DPoP' }), {}, T401('missing_claim')],
    ['7662-2.2-i a refresh token', () => active({ token_use: 'refresh' }), {}, T401('wrong_type')],
    ['7662-2.3-a 401', status(401), {}, X503],
    ['7662-2.3-a 403', status(403), { path: '/optional' }, X503],
    ['7662-2.3-b 500', status(500), {}, X503],
    ['7662-2.3-b 429', status(429, { 'retry-after': '7' }), {}, X503],
  ]

  it.each(cases)(
    '%s: every adapter gives the same response',
    async (_what, respond, rest, expected) => {
      await withServer(respond, (apis) => expectEverywhere(apis, bearer(opaque(), rest), expected))
    },
  )

  it('7662-2.2-j passes every member to the handler, and no header', async () => {
    await withServer(
      () => active({ extension_field: 'x' }),
      async (apis) => {
        await expectEverywhere(apis, bearer(opaque()), OK)
        for (const { seen } of apis) {
          expect(seen[0]?.auth).toMatchObject({ issuer: ISS, claims: { extension_field: 'x' } })
          expect(seen[0]?.auth).not.toHaveProperty('header')
        }
      },
    )
  })
})

describe('a request with an opaque token', () => {
  it('7662-4-cache-a is answered from the cache while the result is fresh', async () => {
    await withServer(
      () => active(),
      async (apis, received) => {
        const token = opaque()
        for (let count = 0; count < 3; count++) await expectEverywhere(apis, bearer(token), OK)
        expect(received()).toBe(apis.length)
        for (const { events } of apis) {
          expect(events).toMatchObject([{ type: 'token.accepted', cached: true }])
        }
      },
    )
  })

  it('7662-route a JWT is never sent to the endpoint, valid or not', async () => {
    await withServer(
      () => active(),
      async (apis, received) => {
        const [header, payload, signature] = t0().split('.')
        await expectEverywhere(apis, bearer(t0()), OK)
        const forged = `${header}.${payload}.${'A'.repeat(342)}`
        await expectEverywhere(apis, bearer(forged), T401('bad_signature'))
        await expectEverywhere(
          apis,
          bearer(`${header}.${payload}.${signature}=`),
          T401('malformed'),
        )
        await expectEverywhere(apis, bearer('a.b.c.d.e'), T401('encrypted'))
        await expectEverywhere(apis, bearer('undefined'), T401('malformed'))
        expect(received()).toBe(0)
      },
    )
  })

  it('9701-d a signed introspection response is not accepted as an access token', async () => {
    await withServer(
      () => active(),
      async (apis, received) => {
        const response = t0({}, { typ: 'token-introspection+jwt' })
        await expectEverywhere(apis, bearer(response), T401('wrong_type'))
        expect(received()).toBe(0)
      },
    )
  })

  it('is refused with 400 where the token has a character that no header may have', async () => {
    await withServer(
      () => active(),
      async (apis, received) => {
        await expectEverywhere(apis, bearer(`${opaque()}"`), R400)
        await expectEverywhere(apis, bearer(`${opaque()} ${opaque()}`), R400)
        expect(received()).toBe(0)
      },
    )
  })

  it('may have such a character in a form, where the option permits forms', async () => {
    const server = await startAuthorizationServer(({ form: sent }) =>
      sent.get('token') === 'a+b/c=~ d' ? active() : { active: false },
    )
    const introspection = { authentication: credentials, endpoint: server.endpoint }
    const validator = {
      issuer: { issuer: ISS, jwks, introspection },
      tokenLocations: ['header', 'body'] as const,
      fetch,
    }
    await withApis({ validator, parseBodies: true }, async (apis) => {
      await expectEverywhere(apis, form('access_token=a%2Bb%2Fc%3D~+d'), OK)
      await expectEverywhere(apis, form('access_token=%00op'), T401('malformed'))
    })
  })
})
