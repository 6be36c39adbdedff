/** RFC 9110, HTTP semantics: the syntax of credentials and challenges, on every adapter. */
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { parseChallenges } from '../support/challenge-parser.ts'
import { linesOf, type RawRequest, type RawResponse } from '../support/exchange.ts'
import {
  C401,
  type Expected,
  expectAlive,
  expectEqualAnswers,
  expectEverywhere,
  OK,
  R400,
  S403,
  T401,
  textOf,
} from '../support/expectations.ts'
import { base64url, fixtureValidator, t0 } from '../support/fixture.ts'
import type { ApiOptions } from '../support/mounted-apis.ts'
import { authorization, bearer, form } from '../support/requests.ts'
import { type Api, allNames, closeApis, startApis } from '../support/servers.ts'

const T0 = t0()
const TD = t0({ cnf: { jkt: base64url('0123456789abcdef0123456789abcdef') } })
const http1 = { onlyHttp1: true }

let apis: Api[]
beforeAll(async () => {
  apis = await startApis({}, allNames)
})
afterEach(() => expectAlive(apis))
afterAll(() => closeApis(apis))

async function withApis(options: ApiOptions, run: (apis: Api[]) => Promise<void>): Promise<void> {
  const others = await startApis(options)
  await run(others).finally(() => closeApis(others))
}

type Row = readonly [
  title: string,
  requests: RawRequest | readonly RawRequest[],
  expected: Expected,
]

const rows: Readonly<Record<string, readonly Row[]>> = {
  '§11.1 authentication scheme': [
    [
      '9110-11.1-a Bearer is recognized in any case',
      ['bearer', 'BEARER', 'bEaReR'].map((scheme) => authorization(`${scheme} ${T0}`)),
      OK,
    ],
    [
      '9110-11.1-b DPoP in any case is another scheme, and so no token, without the option dpop',
      ['DPoP', 'dpop', 'dPoP'].flatMap((scheme) => [
        authorization(`${scheme} ${TD}`, { lines: ['DPoP: eyJhbGciOiJFUzI1NiJ9.e30.AA'] }),
        authorization(`${scheme} ${T0}`),
      ]),
      C401,
    ],
  ],
  '§11.2 authentication parameters': [
    [
      '9110-11.2-a credentials other than one token68 are a malformed request',
      [
        `${T0} extra`,
        `${T0},`,
        `,${T0}`,
        `"${T0}"`,
        `token="${T0}"`,
        'a=b',
        `${T0}, realm="x"`,
        `${T0};q=1`,
      ].map((credentials) => bearer(credentials)),
      R400,
    ],
    [
      '9110-11.2-b a character that token68 does not have is a malformed request',
      [
        'a!b',
        'a%2Eb',
        'a*b',
        'a=b=c',
        '{}',
        '\xe9',
        `${T0}\xe9`,
        `\xe9${T0}`,
        '=',
        '====',
        '=a',
      ].map((credentials) => bearer(credentials)),
      R400,
    ],
    [
      '9110-11.2-c an equals sign at the end is well formed, but not part of a JWT',
      [bearer(`${T0}=`), bearer(`${T0}==`)],
      T401('malformed'),
    ],
  ],
  '§11.4 credentials': [
    [
      '9110-11.4-a several spaces between scheme and token are allowed',
      authorization(`Bearer   ${T0}`),
      OK,
    ],
    [
      '9110-11.4-b white space around the field value is ignored',
      [
        { lines: [`Authorization:    Bearer ${T0}   `] },
        { lines: [`Authorization:Bearer ${T0}`] },
        { lines: [`Authorization:\t Bearer ${T0}\t`] },
      ],
      OK,
    ],
    [
      '9110-11.4-c a tab does not separate scheme and token',
      [`Bearer\t${T0}`, `Bearer \t${T0}`, `Bearer\t ${T0}`].map((value) => authorization(value)),
      R400,
    ],
  ],
  '§11.6.2 Authorization': [
    [
      '9110-11.6.2-a two Authorization fields are a malformed request, even with the same token',
      [
        { ...http1, lines: [`Authorization: Bearer ${T0}`, `Authorization: Bearer ${T0}`] },
        { ...http1, lines: [`Authorization: Bearer ${T0}`, `authorization: Bearer ${t0()}`] },
        { ...http1, lines: [`Authorization: Bearer ${T0}`, 'X: y', 'AUTHORIZATION: Bearer junk'] },
        { ...http1, lines: ['Authorization: Basic dTpw', `Authorization: Bearer ${T0}`] },
        { ...http1, lines: [`Authorization: Bearer ${T0}`, 'Authorization: Basic dTpw'] },
        { ...http1, lines: ['Authorization:', `Authorization: Bearer ${T0}`] },
      ],
      R400,
    ],
    [
      '9110-11.6.2-b two fields that a proxy joined with a comma are a malformed request',
      [
        authorization(`Bearer ${T0}, Bearer ${T0}`),
        authorization(`Bearer ${T0},Bearer ${T0}`),
        authorization(`Bearer ${T0}, Basic dTpw`),
      ],
      R400,
    ],
    [
      '9110-11.6.2-c Bearer and DPoP together are a malformed request',
      [
        { ...http1, lines: [`Authorization: Bearer ${TD}`, `Authorization: DPoP ${TD}`] },
        { ...http1, lines: [`Authorization: DPoP ${T0}`, `Authorization: Bearer ${T0}`] },
      ],
      R400,
    ],
  ],
  '§11.3 challenge and response': [
    [
      '9110-11.3-a another scheme counts as no authentication information: a challenge without error',
      [
        'Basic dTpw',
        'MAC id="x"',
        `Token ${T0}`,
        `JWT ${T0}`,
        'Negotiate x',
        `Bearer-Token ${T0}`,
        `Bearer1 ${T0}`,
        `Basic Bearer ${T0}`,
      ].map((value) => authorization(value)),
      C401,
    ],
    ['9110-11.3-b a token without a scheme is ignored', authorization(T0), C401],
    [
      '9110-11.3-c without a space, Bearer is part of another word',
      authorization(`Bearer${T0}`),
      C401,
    ],
    [
      '9110-11.3-d an empty field is ignored',
      [{ lines: ['Authorization:'] }, { lines: ['Authorization:   \t '] }],
      C401,
    ],
    [
      '9110-11.3-e the scheme alone is a malformed request',
      [authorization('Bearer'), authorization('Bearer '), authorization('bearer')],
      R400,
    ],
  ],
  'other places': [
    [
      '9110-11.7-a Proxy-Authorization is not read',
      { lines: [`Proxy-Authorization: Bearer ${T0}`] },
      C401,
    ],
    [
      '9110-11.x-a cookies and other headers are not read',
      [
        { lines: [`Cookie: access_token=${T0}`] },
        { lines: [`X-Access-Token: ${T0}`] },
        { lines: [`X-Authorization: Bearer ${T0}`] },
        { lines: [`X-Forwarded-Authorization: Bearer ${T0}`] },
        { lines: [`Authorization-X: Bearer ${T0}`] },
      ],
      C401,
    ],
  ],
  '§15.5.4 and §9.3.2': [
    [
      '9110-15.5.4-a a valid token that lacks scopes is answered with 403 and a challenge',
      [bearer(T0, { path: '/scoped' }), bearer(T0, { path: '/authorized' })],
      S403('read:a write:a'),
    ],
    ['9110-9.3.2-a HEAD with a good token passes', bearer(T0, { method: 'HEAD' }), OK],
    ['9110-9.3.2-a HEAD without a token gets the challenge', { method: 'HEAD' }, C401],
    [
      '9110-9.3.2-a HEAD with an invalid token gets the headers of the response and no body',
      bearer(t0({ exp: 1 }), { method: 'HEAD' }),
      T401('expired'),
    ],
  ],
  'realities of Node': [
    [
      '9110-node-c a valid token is accepted with any Host field',
      oddHosts().map((host) => bearer(T0, { ...http1, host })),
      OK,
    ],
    [
      '9110-node-c the challenge is the same with any Host field',
      oddHosts().map((host) => ({ ...http1, host })),
      C401,
    ],
    [
      '9110-node-d a valid token is accepted with a target in absolute form',
      bearer(T0, { ...http1, path: 'http://evil.test/r' }),
      OK,
    ],
    [
      '9110-node-d a target in absolute form is not in the challenge',
      { ...http1, path: 'http://evil.test/r' },
      C401,
    ],
    [
      '9110-node-e a path that begins with two slashes is accepted',
      bearer(T0, { path: '//evil.test/x' }),
      OK,
    ],
    [
      '9110-node-e a path that begins with two slashes is not in the challenge',
      [
        { path: '//evil.test/x' },
        { path: '//evil.test/x?access_token=a' },
        { path: '/\\evil.test' },
      ],
      C401,
    ],
  ],
}

function oddHosts(): string[][] {
  return [
    ['Host: rs.test/evil?'],
    ['Host: rs.test#evil'],
    ['Host: user@evil.test'],
    ['Host: rs.test evil.test'],
    ['Host: evil.test', 'Host: rs.test'],
    ['Host: evil.test', 'X-Forwarded-Host: evil.test', 'Forwarded: host=evil.test'],
    ['Host:'],
  ]
}

for (const [section, table] of Object.entries(rows)) {
  describe(`RFC 9110 ${section}`, () => {
    for (const [title, requests, expected] of table) {
      it(title, () => expectEverywhere(apis, requests, expected))
    }
  })
}

describe('RFC 9110 §11.6.1 WWW-Authenticate', () => {
  it('9110-11.6.1-a every 401 has exactly one challenge, for Bearer', async () => {
    const refused = [{}, authorization('Basic dTpw'), bearer('abc'), bearer(t0({ exp: 1 }))]
    for (const request of [...refused, { path: '/optional-authorized' }]) {
      for (const api of apis) {
        const answer = await api.send(request)
        expect(answer.status).toBe(401)
        const lines = linesOf(answer, 'WWW-Authenticate')
        expect(lines.flatMap(parseChallenges).map(({ scheme }) => scheme)).toEqual(['Bearer'])
      }
    }
  })

  it('9110-11.6.1-b each of several challenges is on its own line', () =>
    withApis({ before: challengedBefore(['Basic realm="x"', 'Digest realm="y"']) }, (others) =>
      expectEverywhere(others, [{}], C401, { others: ['Basic realm="x"', 'Digest realm="y"'] }),
    ))

  it('9110-11.2-d a challenge that the application has set already is not sent twice', () =>
    withApis(
      { before: challengedBefore(['bAsIc realm="x"', 'Bearer realm="https://rs.test/api"']) },
      (others) => expectEverywhere(others, [{}], C401, { others: ['bAsIc realm="x"'] }),
    ))

  it('9110-11.5-a realm is a quoted-string even if a token would be allowed', () =>
    withApis({ validator: { realm: 'api' } }, async (others) => {
      await expectEverywhere(others, {}, C401, { realm: 'api' })
      await expectEverywhere(others, authorization('Bearer'), R400, { realm: 'api' })
      for (const api of others) {
        expect(linesOf(await api.send({}), 'WWW-Authenticate')).toEqual(['Bearer realm="api"'])
      }
    }))

  it('9110-5.6.4-a a quote and a backslash in the realm are escaped', () =>
    withApis({ validator: { realm: 'a"b\\c' } }, async (others) => {
      await expectEverywhere(others, [{}], C401, { realm: 'a"b\\c' })
      for (const api of others) {
        const lines = linesOf(await api.send({}), 'WWW-Authenticate')
        expect(lines).toEqual([String.raw`Bearer realm="a\"b\\c"`])
      }
    }))

  it.each(['a\r\nSet-Cookie: a=b', 'a\nb', 'a\0b', '😀', 'é', '', '\x7f'])(
    '9110-5.6.4-b a realm that a header cannot contain is refused at construction: %j',
    (realm) => {
      expect(() => fixtureValidator({ realm })).toThrow(/^realm must be/)
    },
  )

  it('9110-5.6.4-b an audience that a header cannot contain is converted for the default realm', () =>
    withApis({ validator: { audience: ['urn:😀é\r\nx'] } }, (others) =>
      expectEverywhere(others, {}, C401, { realm: 'urn:?????x' }),
    ))
})

function challengedBefore(challenges: string[]): NonNullable<ApiOptions['before']> {
  return (_request, response) => {
    response.setHeader('WWW-Authenticate', challenges)
    return undefined
  }
}

describe('RFC 9110 §5.5 no part of the token is reflected', () => {
  const hostile = ['RS256"\r\nSet-Cookie: a=b', 'é', '😀', 'x'.repeat(10_000), '\\"', '\0']
  const reasons = {
    alg: 'wrong_algorithm',
    typ: 'wrong_type',
    kid: 'unknown_key',
    iss: 'wrong_issuer',
    aud: 'wrong_audience',
  } as const

  for (const [name, reason] of Object.entries(reasons)) {
    it(`9110-refl-a a hostile ${name} is not in the response`, async () => {
      const isHeader = ['alg', 'typ', 'kid'].includes(name)
      for (const value of hostile) {
        const token = isHeader ? t0({}, { [name]: value }) : t0({ [name]: value })
        // A header of more than 4,096 characters is not parsed.
        const tooLong = isHeader && value.length > 4_000
        await expectEverywhere(apis, bearer(token), T401(tooLong ? 'malformed' : reason))
        const answers = await Promise.all(apis.map((api) => api.send(bearer(token))))
        for (const answer of answers) {
          const [challenge] = linesOf(answer, 'WWW-Authenticate').flatMap(parseChallenges)
          expect(challenge?.parameters.error_description?.length).toBeLessThanOrEqual(200)
          expect(textOf(answer)).not.toContain(value.slice(0, 50))
        }
      }
    })
  }

  it('9110-refl-a a hostile scope is not in the response', async () => {
    const tokens = hostile.map((scope) => t0({ scope }))
    const requests = tokens.map((token) => bearer(token, { path: '/scoped' }))
    await expectEverywhere(apis, requests, S403('read:a write:a'))
  })
})

describe('RFC 9110 and the behaviour of Node', () => {
  it('9110-4.3-a a CORS handler that is mounted first responds to the preflight', async () => {
    const preflight: RawRequest = {
      method: 'OPTIONS',
      lines: ['Origin: https://app.test', 'Access-Control-Request-Method: GET'],
    }
    await expectEverywhere(apis, preflight, C401)
    const before: ApiOptions['before'] = (request, response) => {
      response.setHeader('Access-Control-Allow-Origin', 'https://app.test')
      if (request.method !== 'OPTIONS') return false
      response.statusCode = 204
      response.end()
      return true
    }
    await withApis({ before }, async (others) => {
      for (const api of others) {
        const answer = await api.send(preflight)
        expect(answer.status, api.name).toBe(204)
        expect(linesOf(answer, 'WWW-Authenticate')).toEqual([])
        // The page may read the refusal too.
        const refused = await api.send({})
        expect(refused.status).toBe(401)
        expect(linesOf(refused, 'Access-Control-Allow-Origin')).toEqual(['https://app.test'])
      }
    })
  })

  it('9110-node-a Node itself refuses NUL, a bare CR and a folded line', async () => {
    const values = [`Bearer ${T0}\0`, `Bearer ${T0}\r`, `Bearer\r\n ${T0}`]
    for (const api of apis.filter(({ name }) => name !== 'http2')) {
      for (const value of values) {
        api.forget()
        const answer = await api.send(authorization(value))
        expect(answer.status).toBe(400)
        expect(linesOf(answer, 'WWW-Authenticate')).toEqual([])
        expect([...api.seen, ...api.events]).toEqual([])
      }
    }
  })

  it('9110-node-b Node itself refuses a token of 17,000 characters', async () => {
    for (const api of apis.filter(({ name }) => name !== 'http2')) {
      api.forget()
      expect((await api.send(bearer('x'.repeat(17_000)))).status).toBe(431)
      expect([...api.seen, ...api.events]).toEqual([])
    }
  })

  it('9110-node-b a token of 15,000 characters of garbage is refused quickly', async () => {
    const head = T0.slice(0, T0.indexOf('.'))
    const garbage = [
      'x'.repeat(15_000),
      '.'.repeat(15_000),
      `${head}.${'x'.repeat(14_000)}.x`,
      `${head}.${base64url('['.repeat(10_000))}.AAAA`,
    ]
    await expectEverywhere(
      apis,
      garbage.map((token) => bearer(token)),
      T401('malformed'),
    )
    const { validate } = fixtureValidator()
    for (const token of garbage) {
      const durations: number[] = []
      for (let run = 0; run < 5; run++) {
        const startedAt = performance.now()
        await expect(validate(token)).rejects.toMatchObject({ reason: 'malformed' })
        durations.push(performance.now() - startedAt)
      }
      expect(Math.min(...durations)).toBeLessThan(50)
    }
  })
})

describe('RFC 9111 §3.5 caches', () => {
  const places = { validator: { tokenLocations: ['body', 'query'] as const }, parseBodies: true }
  const inQuery = { path: `/p?access_token=${T0}` }

  it.each([
    ['a query', inQuery],
    ['a body', form(`access_token=${T0}`)],
    ['a query, beside another scheme', authorization('Basic dTpw', inQuery)],
  ])('9110-cache-a the response to a token in %s is private', (_place, request) =>
    withApis(places, async (others) => {
      const answers = await Promise.all(others.map((api) => api.send(request)))
      for (const answer of answers) {
        expect(answer.status).toBe(200)
        expect(linesOf(answer, 'Cache-Control')).toEqual(['private'])
      }
    }),
  )

  it('9110-cache-a a stricter Cache-Control of the application is kept', () =>
    withApis(
      {
        ...places,
        before(_request, response) {
          response.setHeader('Cache-Control', 'no-store')
          return undefined
        },
      },
      async (others) => {
        for (const api of others) {
          const answer = await api.send(inQuery)
          expect(answer.status).toBe(200)
          expect(linesOf(answer, 'Cache-Control').join(), api.name).toContain('no-store')
        }
      },
    ))

  it('9110-cache-a with a token in Authorization, Cache-Control is not changed', async () => {
    const answers: RawResponse[] = await Promise.all(apis.map((api) => api.send(bearer(T0))))
    for (const answer of answers) expect(linesOf(answer, 'Cache-Control')).toEqual([])
    expectEqualAnswers(await Promise.all(apis.map((api) => api.send(bearer('abc')))))
  })
})
