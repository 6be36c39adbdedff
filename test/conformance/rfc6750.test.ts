/** RFC 6750, bearer token usage: token locations and the refusal of requests, on every adapter. */
import diagnostics from 'node:diagnostics_channel'
import { inspect } from 'node:util'
import {
  InvalidTokenError,
  invalidTokenReasons,
  type ValidatorOptions,
} from 'oauth-resource-server'
import { authorize } from 'oauth-resource-server/http'
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest'
import { parseChallenges } from '../support/challenge-parser.ts'
import { linesOf, type RawRequest } from '../support/exchange.ts'
import {
  C401,
  type Expected,
  expectAlive,
  expectEverywhere,
  OK,
  R400,
  S403,
  secretsOf,
  T401,
  textOf,
} from '../support/expectations.ts'
import { AUD, fixtureOptions, fixtureValidator, seconds, t0 } from '../support/fixture.ts'
import type { ApiOptions, Route } from '../support/mounted-apis.ts'
import { authorization, bearer, form } from '../support/requests.ts'
import { type Api, allNames, closeApis, startApis } from '../support/servers.ts'

const T0 = t0()
const expired = t0({ exp: seconds() - 600 })
const both = 'read:a write:a'

const locations = (...tokenLocations: NonNullable<ValidatorOptions['tokenLocations']>) => {
  return { validator: { tokenLocations }, parseBodies: true } satisfies ApiOptions
}
const setups = {
  header: { parseBodies: true },
  body: locations('body'),
  query: locations('header', 'query'),
  'body and query': locations('body', 'query'),
} as const satisfies Record<string, ApiOptions>
type Setup = keyof typeof setups

const apis = {} as Record<Setup, Api[]>
beforeAll(async () => {
  for (const [name, options] of Object.entries(setups)) {
    apis[name as Setup] = await startApis(options, name === 'header' ? allNames : undefined)
  }
})
afterEach(() => expectAlive(apis.header))
afterAll(() => closeApis(Object.values(apis).flat()))

async function withApis(options: ApiOptions, run: (apis: Api[]) => Promise<void>): Promise<void> {
  const others = await startApis(options)
  await run(others).finally(() => closeApis(others))
}

const withRoute = (route: Route, run: (apis: Api[]) => Promise<void>) =>
  withApis({ routes: { '/p': route } }, run)

type Row = readonly [
  title: string,
  setup: Setup,
  requests: RawRequest | readonly RawRequest[],
  expected: Expected,
]

const rows: Readonly<Record<string, readonly Row[]>> = {
  '§2 one method in each request': [
    [
      '6750-2-a a token in the header and one in the body are a malformed request',
      'body',
      [
        form(`access_token=${T0}`, bearer(T0)),
        form('access_token=junk', bearer(T0)),
        form(`access_token=${T0}`, bearer('junk')),
      ],
      R400,
    ],
    [
      '6750-2-b a token in the header and one in the query are a malformed request',
      'query',
      [
        bearer(T0, { path: `/p?access_token=${T0}` }),
        bearer(T0, { path: `/p?a=b&access_token=junk` }),
      ],
      R400,
    ],
    [
      '6750-2-c a token in the body and one in the query are a malformed request',
      'body and query',
      form(`access_token=${T0}`, { path: `/p?access_token=${T0}` }),
      R400,
    ],
    [
      '6750-2-d a method that is disabled is not read',
      'header',
      [
        bearer(T0, { path: '/p?access_token=junk' }),
        bearer(T0, { path: `/p?access_token=${T0}&access_token=${T0}` }),
        form('access_token=junk', bearer(T0)),
      ],
      OK,
    ],
    [
      '6750-2-d each method is enabled separately',
      'query',
      form('access_token=junk', { path: `/p?access_token=${T0}` }),
      OK,
    ],
  ],
  '§2.1 Authorization header': [
    ['6750-2.1-a a token in the header passes by default', 'header', bearer(T0), OK],
    [
      '6750-2.1-a the header is read even if other locations are configured',
      'body and query',
      bearer(T0),
      OK,
    ],
  ],
  '§2.2 form in the body': [
    [
      '6750-2.2-a a token in the body is ignored by default',
      'header',
      form(`access_token=${T0}`),
      C401,
    ],
    [
      '6750-2.2-b a token in a form is accepted if the body is enabled',
      'body',
      [
        form(`access_token=${T0}`),
        form(`a=b&access_token=${T0}&c=d`, { method: 'PUT' }),
        form(`access_token=${T0}`, { method: 'PATCH' }),
      ],
      OK,
    ],
    [
      '6750-2.2-b a token in a body of another media type is ignored',
      'body',
      [
        form(JSON.stringify({ access_token: T0 }), {}, 'application/json'),
        form(`access_token=${T0}`, {}, 'text/plain'),
        { ...form(`access_token=${T0}`), lines: [] },
        form(`access_token=${T0}`, {}, 'application/x-www-form-urlencoded-not'),
      ],
      C401,
    ],
    [
      '6750-2.2-c the media type is recognized in any case and with parameters',
      'body',
      [
        'Application/X-WWW-Form-URLEncoded; charset=UTF-8',
        'application/x-www-form-urlencoded;charset=utf-8',
        'APPLICATION/X-WWW-FORM-URLENCODED ; charset=utf-8',
      ].map((type) => form(`access_token=${T0}`, {}, type)),
      OK,
    ],
    [
      '6750-2.2-d a token in a part of a multipart body is ignored',
      'body',
      form(
        `--b\r\nContent-Disposition: form-data; name="access_token"\r\n\r\n${T0}\r\n--b--\r\n`,
        {},
        'multipart/form-data; boundary=b',
      ),
      C401,
    ],
    [
      '6750-2.2-e a token in the body of a GET or HEAD is ignored',
      'body',
      [
        form(`access_token=${T0}`, { method: 'GET' }),
        form(`access_token=${T0}`, { method: 'HEAD', onlyHttp1: true }),
      ],
      C401,
    ],
    [
      '6750-2.2-f a token in the body of a DELETE or OPTIONS is ignored',
      'body',
      ['DELETE', 'OPTIONS'].map((method) => form(`access_token=${T0}`, { method })),
      C401,
    ],
    [
      '6750-2.2-g a repeated access_token in the form is a malformed request',
      'body',
      [form(`access_token=${T0}&access_token=${T0}`), form(`access_token=${T0}&access_token=`)],
      R400,
    ],
    [
      '6750-2.2-i percent-encoding is decoded once',
      'body',
      form(`access_token=%65${T0.slice(1)}`),
      OK,
    ],
    [
      '6750-2.2-i percent-encoding is not decoded twice',
      'body',
      form(`access_token=%2565${T0.slice(1)}`),
      T401('malformed'),
    ],
    [
      '6750-2.2-j an empty access_token is ignored',
      'body',
      [form('access_token='), form('access_token'), form('a=b')],
      C401,
    ],
    [
      '6750-2.2-j an empty access_token does not affect a token in the header',
      'body',
      form('access_token=', bearer(T0)),
      OK,
    ],
    [
      '6750-2.2-k bytes beyond ASCII in another field do not affect the token',
      'body',
      form(Buffer.from(`a=\xe9&access_token=${T0}`, 'latin1')),
      OK,
    ],
  ],
  '§2.3 query': [
    [
      '6750-2.3-a a token in the query is ignored by default',
      'header',
      { path: `/p?access_token=${T0}` },
      C401,
    ],
    [
      '6750-2.3-b a token in the query is accepted if the query is enabled',
      'query',
      [
        { path: `/p?access_token=${T0}` },
        { path: `/p?a=b&access_token=${T0}&c=d` },
        { path: `/p?access_token=%65${T0.slice(1)}` },
        { path: `/p?access_token=${T0}`, method: 'POST' },
      ],
      OK,
    ],
    [
      '6750-2.3-c a repeated access_token in the query is a malformed request',
      'query',
      [
        { path: `/p?access_token=${T0}&access_token=${T0}` },
        { path: `/p?access_token=&access_token=${T0}` },
      ],
      R400,
    ],
    [
      '6750-2.3-d only a parameter with the exact name access_token is read',
      'query',
      ['Access_Token', 'ACCESS_TOKEN', 'access-token', 'access_token[]', 'xaccess_token'].map(
        (name) => ({ path: `/p?${name}=${T0}` }),
      ),
      C401,
    ],
    [
      '6750-2.3-d an empty or absent parameter is ignored',
      'query',
      [{ path: '/p?access_token=' }, { path: '/p?access_token' }, { path: '/p?' }],
      C401,
    ],
  ],
  '§3 the challenge': [
    [
      '6750-3-a a request without a token gets a challenge',
      'header',
      [{}, { method: 'POST' }, { path: '/authorized' }],
      C401,
    ],
    [
      '6750-3-a a request whose token lacks scopes gets a challenge as well',
      'header',
      bearer(T0, { path: '/scoped' }),
      S403(both),
    ],
    ['6750-3-b a challenge without anything to say has the realm', 'header', {}, C401],
    [
      '6750-3-c no parameter occurs in a challenge twice',
      'header',
      [bearer(T0, { path: '/scoped' }), bearer(T0, { path: '/authorized' })],
      S403(both),
    ],
    ['6750-3-h a refused token gets an error code', 'header', bearer('abc'), T401('malformed')],
    ['6750-3-i no credentials: a challenge without error', 'header', {}, C401],
    [
      '6750-3-j without a token, the challenge names the scopes that the route requires',
      'header',
      [
        { path: '/scoped' },
        { path: '/optional-authorized' },
        authorization('Basic dTpw', { path: '/scoped' }),
      ],
      { ...C401, scope: both },
    ],
  ],
  '§3.1 error codes': [
    [
      '6750-3.1-a a malformed request is answered with 400 invalid_request',
      'header',
      [authorization('Bearer'), bearer('a b')],
      R400,
    ],
    [
      '6750-3.1-b a token that is not a JWT is answered with 401 invalid_token',
      'header',
      [bearer('abc'), bearer('a.b'), bearer('..'), bearer('a.b.c')],
      T401('malformed'),
    ],
    [
      '6750-3.1-b an expired token is answered with 401 invalid_token',
      'header',
      bearer(expired),
      T401('expired'),
    ],
    [
      '6750-3.1-b a token with a bad signature is answered with 401 invalid_token',
      'header',
      [bearer(`${T0.slice(0, -4)}AAAA`), bearer(`${T0.slice(0, T0.lastIndexOf('.'))}.`)],
      T401('bad_signature'),
    ],
    [
      '6750-3.1-c a token that lacks scopes is answered with 403 insufficient_scope',
      'header',
      [bearer(T0, { path: '/scoped' }), bearer(T0, { path: '/authorized' })],
      S403(both),
    ],
    [
      '6750-3.1-d the 403 names all scopes that the route requires, each once',
      'header',
      ['read:a', 'write:a', 'other', 'read:a other', undefined].flatMap((scope) => {
        const token = t0({ scope })
        return [bearer(token, { path: '/scoped' }), bearer(token, { path: '/authorized' })]
      }),
      S403(both),
    ],
    [
      '6750-3.1-e an expired token that lacks scopes is refused as expired',
      'header',
      [bearer(expired, { path: '/scoped' }), bearer(expired, { path: '/authorized' })],
      T401('expired'),
    ],
    [
      '6750-3.1-f a token for another API is invalid, for any scopes',
      'header',
      [
        bearer(t0({ aud: 'https://other' }), { path: '/scoped' }),
        bearer(t0({ aud: 'https://other', scope: both }), { path: '/scoped' }),
      ],
      T401('wrong_audience'),
    ],
    [
      '6750-3.1-g the order of scopes does not matter, and additional scopes are allowed',
      'header',
      ['write:a read:a', 'read:a write:a', 'x write:a y read:a z'].flatMap((scope) => [
        bearer(t0({ scope }), { path: '/scoped' }),
        bearer(t0({ scope }), { path: '/authorized' }),
      ]),
      OK,
    ],
    [
      '6750-3.1-g scopes are compared exactly',
      'header',
      [
        'Read:a write:a',
        'read:ab write:a',
        'xread:a write:a',
        'read write:a',
        'READ:A WRITE:A',
        'read:* write:a',
        'read:a write',
      ].map((scope) => bearer(t0({ scope }), { path: '/scoped' })),
      S403(both),
    ],
    [
      '6750-3.1-h scopes are separated only by spaces',
      'header',
      [
        'read:a,write:a',
        'read:a\twrite:a',
        'read:a\nwrite:a',
        'read:a+write:a',
        'read:a\u00a0write:a',
      ].map((scope) => bearer(t0({ scope }), { path: '/scoped' })),
      S403(both),
    ],
    [
      '6750-3.1-h additional spaces are tolerated',
      'header',
      ['read:a  write:a', ' read:a write:a', 'read:a write:a '].map((scope) =>
        bearer(t0({ scope }), { path: '/scoped' }),
      ),
      OK,
    ],
    [
      '6750-3.1-i a token without scopes is accepted if none is required',
      'header',
      [bearer(t0({ scope: undefined })), bearer(t0({ scope: '' }))],
      OK,
    ],
    [
      '6750-3.1-i a token without scopes is refused if scopes are required',
      'header',
      [undefined, '', ['read:a write:a'], { 'read:a': 1 }, 1, null].map((scope) =>
        bearer(t0({ scope }), { path: '/scoped' }),
      ),
      S403(both),
    ],
  ],
  'optional authentication': [
    [
      '6750-opt-a an invalid token is refused even if authentication is optional',
      'header',
      bearer(expired, { path: '/optional' }),
      T401('expired'),
    ],
    [
      '6750-opt-a an anonymous request is refused by a route that requires a scope',
      'header',
      { path: '/optional-authorized' },
      { ...C401, scope: both },
    ],
    [
      '6750-opt-b a malformed request is refused even if authentication is optional',
      'header',
      [
        {
          path: '/optional',
          lines: [`Authorization: Bearer ${T0}`, `Authorization: Bearer ${T0}`],
          onlyHttp1: true,
        },
        authorization('Bearer', { path: '/optional' }),
        authorization('Bearer a b', { path: '/optional' }),
      ],
      R400,
    ],
  ],
}

for (const [section, table] of Object.entries(rows)) {
  describe(`RFC 6750 ${section}`, () => {
    for (const [title, setup, requests, expected] of table) {
      it(title, () => expectEverywhere(apis[setup], requests, expected))
    }
  })
}

describe('RFC 6750 §2.2 form in the body, by parser', () => {
  it.each([
    'access_token[]=T0',
    'access_token[a]=T0',
    'access_token[toString]=x',
    '__proto__[access_token]=T0',
    '__proto__.access_token=T0',
    'access_token[length]=1&access_token[0]=T0',
  ])(
    '6750-2.2-h a parameter that a parser turns into an array or an object is not a token: %s',
    async (shape) => {
      for (const api of apis.body) {
        api.forget()
        const answer = await api.send(form(shape.replaceAll('T0', T0)))
        const isMalformed = answer.status === 400
        expect([400, 401], api.name).toContain(answer.status)
        const [challenge] = linesOf(answer, 'WWW-Authenticate').flatMap(parseChallenges)
        expect(challenge?.parameters.error).toBe(isMalformed ? 'invalid_request' : undefined)
        expect(api.seen).toEqual([])
      }
    },
  )

  it('6750-2.2-h a repeated parameter that a parser turns into an array is a malformed request', async () => {
    const express = apis.body.filter(({ name }) => name.startsWith('express'))
    const shapes = ['access_token[]=T0', 'access_token[a]=T0', 'access_token[toString]=x']
    const requests = shapes.map((shape) => form(shape.replace('T0', T0)))
    await expectEverywhere(express, requests, R400)
  })

  it('6750-2.2-l the handler still gets the whole form', async () => {
    for (const api of apis.body) {
      api.forget()
      await api.send(form(`a=b&access_token=${T0}`))
      const [seen] = api.seen
      const body =
        seen?.body instanceof URLSearchParams ? Object.fromEntries(seen.body) : seen?.body
      expect({ ...(body as object) }, api.name).toEqual({ a: 'b', access_token: T0 })
    }
  })

  it('6750-2.2-l a body that is not parsed yet can still be read by the handler', () =>
    withApis({ validator: { tokenLocations: ['body'] } }, async (others) => {
      await expectEverywhere(others, form('a=b&c=d', bearer(T0)), OK)
      for (const api of others) expect(api.seen[0]?.body).toBe('a=b&c=d')
    }))
})

describe('RFC 6750 §2.3 query, and caches', () => {
  it('6750-2.3-b the response to a token in the query is private', async () => {
    for (const api of apis.query) {
      const answer = await api.send({ path: `/p?access_token=${T0}` })
      expect(answer.status).toBe(200)
      expect(linesOf(answer, 'Cache-Control'), api.name).toEqual(['private'])
    }
  })

  it.each([
    ['private="set-cookie", max-age=600', 'private'],
    ['public, x="no-store", max-age=600', 'private'],
    ['max-age=600', 'private'],
    ['max-age=60, Private', 'max-age=60, Private'],
    ['no-store', 'no-store'],
  ])('6750-2.3-b an existing Cache-Control is made private: %s becomes %s', (before, after) =>
    withApis(
      {
        validator: { tokenLocations: ['query'] },
        before: (_request, response) => {
          response.setHeader('Cache-Control', before)
          return undefined
        },
      },
      async (others) => {
        for (const api of others) {
          const answer = await api.send({ path: `/p?access_token=${T0}` })
          expect(linesOf(answer, 'Cache-Control'), api.name).toEqual([after])
        }
      },
    ),
  )
})

describe('RFC 6750 §3 the characters of a challenge', () => {
  const odd = ['urn:example:channel=HBO&urn:example:rating=G,PG-13', 'read:a']

  it('6750-3-d scopes are named verbatim, with single spaces between them', () =>
    withRoute({ authenticate: { requirement: { scopes: odd } } }, async (others) => {
      await expectEverywhere(others, bearer(T0), S403(odd.join(' ')))
      await expectEverywhere(others, {}, { ...C401, scope: odd.join(' ') })
      for (const api of others) {
        expect(linesOf(await api.send({}), 'WWW-Authenticate')).toEqual([
          `Bearer realm="${AUD}", scope="${odd.join(' ')}"`,
        ])
      }
    }))

  it('6750-3-d every character that a scope may have is sent unchanged', async () => {
    const codes = Array.from({ length: 94 }, (_, index) => 0x21 + index)
    const scope = String.fromCharCode(...codes.filter((code) => code !== 0x22 && code !== 0x5c))
    await withRoute({ authenticate: { requirement: { scopes: [scope] } } }, async (others) => {
      await expectEverywhere(others, bearer(T0), S403(scope))
      await expectEverywhere(others, bearer(t0({ scope })), OK)
    })
  })

  it.each(['a"b', 'a\\b', '', ' ', 'é', 'a\tb', 'a\r\nb', '\x7f', '😀'])(
    '6750-3-e a scope that a challenge cannot contain is refused at construction: %j',
    (scope) => {
      for (const requirement of [
        { scopes: [scope] },
        { anyScope: ['ok', scope] },
        { scopes: scope },
      ]) {
        expect(() => authorize(requirement)).toThrow(/^authorize\.(scopes|anyScope) must/)
        expect(() => fixtureValidator({ requirement })).toThrow(TypeError)
      }
    },
  )

  it('6750-3-f every message for the client consists of allowed characters', () => {
    expect(invalidTokenReasons.length).toBeGreaterThan(10)
    for (const reason of invalidTokenReasons) {
      const { body } = new InvalidTokenError(reason)
      expect(body?.error_description).toMatch(/^[\x20\x21\x23-\x5b\x5d-\x7e]{10,200}$/)
    }
  })

  it('6750-3-g error_uri is never sent, and there is no option for it', () => {
    const options = { ...fixtureOptions(), errorUri: 'https://docs.test/err?x=1' }
    expect(() => fixtureValidator(options)).toThrow(/no option "errorUri"/)
  })
})

describe('RFC 6750 §3.1 combined requirements', () => {
  it('6750-3.1-j any one of several scopes suffices for anyScope', () =>
    withRoute({ authenticate: { requirement: { anyScope: 'a b' } } }, async (others) => {
      await expectEverywhere(others, [bearer(t0({ scope: 'b' })), bearer(t0({ scope: 'x a' }))], OK)
      await expectEverywhere(others, [bearer(T0), bearer(t0({ scope: 'ab' }))], S403('a b'))
    }))

  it('6750-3.1-j scopes and anyScope must both hold, and the 403 names all of them', () =>
    withRoute({ authorize: { scopes: 'c', anyScope: ['a', 'b'] } }, async (others) => {
      const good = ['a c', 'c b', 'a b c'].map((scope) => bearer(t0({ scope })))
      const bad = ['a b', 'c', 'x'].map((scope) => bearer(t0({ scope })))
      await expectEverywhere(others, good, OK)
      await expectEverywhere(others, bad, S403('c a b'))
    }))

  it('6750-3.1-j requirements of the validator and of the route must all hold, and the 403 names them', () =>
    withApis(
      {
        validator: { requirement: { scopes: 'v' } },
        routes: {
          '/p': { authenticate: { requirement: { scopes: 'm' } }, authorize: { scopes: 'r' } },
        },
      },
      async (others) => {
        await expectEverywhere(others, bearer(t0({ scope: 'r m v' })), OK)
        await expectEverywhere(others, bearer(t0({ scope: 'm r' })), S403('v m'))
        await expectEverywhere(others, bearer(t0({ scope: 'v r' })), S403('v m'))
        await expectEverywhere(others, bearer(t0({ scope: 'v m' })), S403('v m r'))
      },
    ))
})

describe('RFC 6750 §5 a token is a secret', () => {
  const refused = [
    bearer(T0, { path: '/scoped' }),
    bearer(expired),
    bearer(`${T0.slice(0, -4)}AAAA`),
    bearer(t0({ iss: 'https://evil.test' })),
    bearer(t0({ aud: ['a', 'b'] })),
    bearer(t0({}, { kid: 'unknown' })),
    bearer(`${T0} ${T0}`),
    bearer(`${T0}.${T0}`),
    bearer('opaque-token-of-some-length'),
    { path: `/p?access_token=${T0}` },
  ]

  it('6750-5.3-a no part of a token is in responses, events, errors, the log or outbound requests', async () => {
    const shown: unknown[] = []
    const note = (...values: unknown[]) => {
      shown.push(...values)
      return true
    }
    const spies = [
      ...(['debug', 'log', 'info', 'warn', 'error'] as const).map((name) =>
        vi.spyOn(console, name).mockImplementation(note),
      ),
      vi.spyOn(process.stdout, 'write').mockImplementation(note),
      vi.spyOn(process.stderr, 'write').mockImplementation(note),
    ]
    diagnostics.subscribe('oauth-resource-server', note)
    const fetch = async (...request: unknown[]) => {
      shown.push(request)
      throw new TypeError('fetch failed')
    }
    const issuer = 'https://as.test'
    try {
      await withApis({ validator: { issuer, fetch } }, async (others) => {
        for (const request of refused) {
          for (const api of others) {
            api.forget()
            shown.push(textOf(await api.send(request)), ...api.events, ...api.refusals)
            shown.push(...api.refusals.map(String), JSON.stringify(api.refusals))
            expect(api.failures).toEqual([])
          }
        }
      })
    } finally {
      diagnostics.unsubscribe('oauth-resource-server', note)
      for (const spy of spies) spy.mockRestore()
    }
    const everything = shown
      .map((value) => inspect(value, { depth: 9, showHidden: true, maxStringLength: null }))
      .join('\n')
    expect(everything).toContain('token.refused')
    expect(everything).toContain('https://as.test/.well-known/')
    for (const secret of refused.flatMap(secretsOf)) expect(everything).not.toContain(secret)
  })

  it('6750-5.3-a a verified token can be logged', async () => {
    const [http] = apis.header
    http?.forget()
    await http?.send(bearer(T0))
    const auth = http?.seen[0]?.auth
    expect(auth?.token).toBe(T0)
    const logged = [inspect(auth, { depth: 9 }), JSON.stringify(auth), JSON.stringify({ ...auth })]
    for (const secret of secretsOf(bearer(T0))) expect(logged.join()).not.toContain(secret)
  })

  it('6750-5.3-b no cookie is read, and none is set', async () => {
    await expectEverywhere(
      apis['body and query'],
      [
        { lines: [`Cookie: access_token=${T0}`] },
        { lines: [`Cookie: Authorization=Bearer ${T0}; token=${T0}; auth=${T0}`] },
      ],
      C401,
    )
    for (const api of apis['body and query']) {
      const answer = await api.send(bearer(T0, { lines: ['Cookie: a=b'] }))
      expect(linesOf(answer, 'Set-Cookie')).toEqual([])
    }
  })
})

describe('optional and repeated authentication', () => {
  const mountable = () => apis.header.filter(({ name }) => name !== 'hono')

  it('6750-opt-a without credentials, or with those of another scheme, a request is anonymous', async () => {
    const requests = [{ path: '/optional' }, authorization('Basic dTpw', { path: '/optional' })]
    for (const request of requests) {
      await expectEverywhere(mountable(), request, OK)
      for (const api of mountable()) expect(api.seen).toMatchObject([{ auth: undefined }])
    }
  })

  it('6750-opt-a with a valid token, a request is not anonymous', async () => {
    await expectEverywhere(mountable(), bearer(T0, { path: '/optional' }), OK)
    for (const api of mountable()) expect(api.seen).toMatchObject([{ auth: { subject: 'user-1' } }])
  })

  it('6750-multi-a a middleware that is mounted twice verifies once and responds once', async () => {
    const token = t0()
    await expectEverywhere(mountable(), bearer(token, { path: '/twice' }), OK)
    for (const api of mountable()) {
      const accepted = api.events.filter(({ type }) => type === 'token.accepted')
      expect(accepted).toMatchObject([{ cached: false }, { cached: true }])
    }
    await expectEverywhere(mountable(), { path: '/twice' }, C401)
    await expectEverywhere(mountable(), bearer(expired, { path: '/twice' }), T401('expired'))
  })
})
