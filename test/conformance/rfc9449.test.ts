/**
 * RFC 9449, DPoP: whole requests on every adapter. M accepts Bearer and DPoP, D requires DPoP, N requires
 * DPoP with nonces. The checks of a proof by themselves are in test/unit/proof.
 */
import { createHash, randomBytes, randomUUID } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { JWK } from 'jose'
import {
  createValidator,
  type DpopOptions,
  type ReplayStore,
  type ValidatorOptions,
} from 'oauth-resource-server'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { allAlgorithms } from '../../src/signature/algorithms.ts'
import { ath, bareJwk, jkt1, kc1, kc2, proofHeader } from '../support/dpop.ts'
import { linesOf, type RawRequest, type RawResponse } from '../support/exchange.ts'
import {
  C401,
  type Circumstances,
  D401,
  type Expected,
  expectAlive,
  expectEverywhere,
  N401,
  OK,
  P401,
  R400,
  S403,
  T401,
  X503,
} from '../support/expectations.ts'
import {
  ec3,
  ed1,
  fixtureOptions,
  fixtureValidator,
  makeKey,
  ps1,
  rsa1,
  seconds,
  signParts,
  type TestKey,
  t0,
} from '../support/fixture.ts'
import { authorization, bearer, dpop } from '../support/requests.ts'
import { type Api, closeApis, startApi, startApis } from '../support/servers.ts'

type Members = Record<string, unknown>
type Listener = (request: IncomingMessage, response: ServerResponse) => unknown

const origin = 'https://rs.test'
const T0 = t0()
const TD = t0({ cnf: { jkt: jkt1 } })
const expired = t0({ cnf: { jkt: jkt1 }, exp: seconds() - 600 })
const withoutCnf = { dpop: undefined }

interface ProofChanges {
  readonly token?: string
  readonly claims?: Members
  readonly header?: Members
  readonly key?: TestKey
}

/** A proof for GET /p with the token, valid except for the changes. */
function proof({ token = TD, claims = {}, header = {}, key = kc1 }: ProofChanges = {}): string {
  const good = {
    jti: randomUUID(),
    htm: 'GET',
    htu: `${origin}/p`,
    iat: seconds(),
    ath: ath(token),
  }
  const payload = JSON.stringify({ ...good, ...claims })
  return signParts(JSON.stringify(proofHeader(header, key)), payload, key)
}

/** A request with TD and a proof with these claims. */
const withClaims = (claims: Members, rest?: RawRequest) => dpop(TD, proof({ claims }), rest)
const withHeader = (header: Members, key = kc1) => dpop(TD, proof({ header, key }))

const secret = randomBytes(32)
const setups = {
  off: withoutCnf,
  M: { dpop: true },
  D: { dpop: { required: true } },
  N: { dpop: { required: true, nonce: { secret } } },
  ES256: { dpop: { algorithms: ['ES256'] } },
} as const satisfies Record<string, { dpop: boolean | DpopOptions | undefined }>
type Setup = keyof typeof setups

const algs = allAlgorithms.join(' ')
const circumstances: Readonly<Record<Setup, Circumstances>> = {
  off: {},
  M: { dpop: { algs } },
  D: { dpop: { algs, required: true } },
  N: { dpop: { algs, required: true } },
  ES256: { dpop: { algs: 'ES256' } },
}

const apis = {} as Record<Setup, Api[]>
beforeAll(async () => {
  for (const [name, options] of Object.entries(setups)) {
    apis[name as Setup] = await startApis({ validator: { publicUrl: origin, ...options } })
  }
})
afterEach(() => expectAlive(apis.M))
afterAll(() => closeApis(Object.values(apis).flat()))

type Row = readonly [
  title: string,
  setup: Setup,
  /** Called when the test runs, because proofs are valid for a minute. */
  requests: () => RawRequest | readonly RawRequest[],
  expected: Expected,
]

const jktRows: readonly Row[] = [
  1,
  null,
  '',
  [jkt1],
  `${jkt1}=`,
  Buffer.from(jkt1, 'base64url').toString('hex'),
  jkt1.slice(1),
].flatMap((jkt): Row[] => {
  const token = t0({ cnf: { jkt } })
  return [
    [
      `9449-6-c a token bound to ${JSON.stringify(jkt)} is refused in the scheme DPoP`,
      'M',
      () => dpop(token, proof({ token })),
      D401('invalid_claim'),
    ],
    [
      `9449-6-c a token bound to ${JSON.stringify(jkt)} is refused in the scheme Bearer`,
      'M',
      () => bearer(token),
      { ...T401('invalid_claim'), scheme: 'Bearer' },
    ],
  ]
})

const rows: Readonly<Record<string, readonly Row[]>> = {
  '§6, §7 scheme and binding': [
    [
      '9449-7.1-a a bound token with its proof is accepted where Bearer is too',
      'M',
      () => dpop(TD, proof()),
      OK,
    ],
    [
      '9449-7.1-a a bound token with its proof is accepted where DPoP is required',
      'D',
      () => dpop(TD, proof()),
      OK,
    ],
    [
      '9110-11.1-b the scheme DPoP is recognized in any case',
      'M',
      () =>
        ['dpop', 'DPOP', 'dPoP'].map((scheme) =>
          authorization(`${scheme} ${TD}`, { lines: [`DPoP: ${proof()}`] }),
        ),
      OK,
    ],
    [
      '9449-7.2-a a bound token in the scheme Bearer is refused, with and without a proof',
      'M',
      () => [bearer(TD), bearer(TD, { lines: [`DPoP: ${proof()}`] })],
      { ...T401('binding_mismatch'), scheme: 'Bearer' },
    ],
    [
      '9449-7.2-b a bound token in the scheme Bearer is refused where DPoP is off',
      'off',
      () => bearer(TD),
      T401('unsupported_binding'),
    ],
    [
      '9110-11.3-a the scheme DPoP is ignored if DPoP is disabled',
      'off',
      () => dpop(TD, proof()),
      C401,
    ],
    [
      '9449-7.1-b a token that is not bound is refused in the scheme DPoP',
      'M',
      () => dpop(T0, proof({ token: T0 })),
      D401('missing_claim'),
    ],
    [
      '9449-7.1-c a missing proof is an invalid proof',
      'M',
      () => [authorization(`DPoP ${TD}`), authorization(`DPoP ${T0}`)],
      P401('missing'),
    ],
    [
      '9449-7.1-d where DPoP is required, a bearer token is refused',
      'D',
      () => bearer(T0),
      T401('missing_claim'),
    ],
    [
      '9449-7.1-d where DPoP is required, a bound token in the scheme Bearer is refused',
      'D',
      () => bearer(TD),
      T401('binding_mismatch'),
    ],
    [
      '9449-7.1-e a proof beside a bearer token that is not bound is ignored',
      'M',
      () =>
        ['junk', proof({ token: T0 })].map((value) => bearer(T0, { lines: [`DPoP: ${value}`] })),
      OK,
    ],
    [
      '9449-7.2-c without credentials, both challenges are offered without an error',
      'M',
      () => ({}),
      C401,
    ],
    [
      '9449-7.2-c without credentials, only DPoP is offered where it is required',
      'D',
      () => ({}),
      C401,
    ],
    [
      '9449-7.2-d a bad token in the scheme Bearer is an error of that challenge alone',
      'M',
      () => bearer('bad'),
      { ...T401('malformed'), scheme: 'Bearer' },
    ],
    [
      '9449-7.2-d a bad token in the scheme DPoP is an error of that challenge alone',
      'M',
      () => dpop('bad', proof({ token: 'bad' })),
      D401('malformed'),
    ],
    [
      '9449-7.2-e 9110-11.6.2-c both schemes together are an error of both challenges',
      'M',
      () => [
        {
          onlyHttp1: true,
          lines: [`Authorization: Bearer ${TD}`, `Authorization: DPoP ${TD}`, `DPoP: ${proof()}`],
        },
        {
          onlyHttp1: true,
          lines: [`Authorization: DPoP ${TD}`, `Authorization: DPoP ${TD}`, `DPoP: ${proof()}`],
        },
        authorization(`Bearer ${TD}, DPoP ${TD}`),
        authorization(`DPoP ${TD}, Bearer ${T0}`),
      ],
      R400,
    ],
    [
      '9449-7.1-g 9068-4-err-a an expired token with a valid proof is an invalid token',
      'M',
      () => dpop(expired, proof({ token: expired })),
      D401('expired'),
    ],
    [
      '9449-7.1-g a valid proof does not replace a scope',
      'M',
      () => dpop(TD, proof({ claims: { htu: `${origin}/scoped` } }), { path: '/scoped' }),
      { ...S403('read:a write:a'), scheme: 'DPoP' },
    ],
    [
      '9449-7.1-g a scope that a later authorize requires is an error of the scheme DPoP',
      'M',
      () => dpop(TD, proof({ claims: { htu: `${origin}/authorized` } }), { path: '/authorized' }),
      { ...S403('read:a write:a'), scheme: 'DPoP' },
    ],
    [
      '9449-7.1-h 9449-4.3-12b a proof by another key is an error of the token',
      'M',
      () => dpop(TD, proof({ key: kc2 })),
      D401('binding_mismatch'),
    ],
    [
      '9449-7.1-j a token in Proxy-Authorization is ignored',
      'M',
      () => ({ lines: [`Proxy-Authorization: DPoP ${TD}`, `DPoP: ${proof()}`] }),
      C401,
    ],
    [
      '9449-6-b the thumbprint ignores further members of the key and their order',
      'M',
      () => {
        const { kty, crv, x, y } = bareJwk(kc1)
        return withHeader({
          jwk: { y, ext: true, x, use: 'sig', kid: 'k', alg: 'ES256', crv, kty },
        })
      },
      OK,
    ],
    ...jktRows,
  ],
  '§4.3 checks 1 to 7: form, header and signature': [
    [
      '9449-4.3-1 more than one proof is refused',
      'M',
      () => [
        {
          ...dpop(TD, proof()),
          onlyHttp1: true,
          lines: [`Authorization: DPoP ${TD}`, `DPoP: ${proof()}`, `DPoP: ${proof()}`],
        },
        { onlyHttp1: true, lines: [`Authorization: DPoP ${TD}`, `DPoP: ${proof()}`, 'DPoP: x'] },
        dpop(TD, `${proof()}, ${proof()}`),
      ],
      P401('malformed'),
    ],
    [
      '9449-4.1-a the field DPoP has any case',
      'M',
      () => ({ lines: [`authorization: DPoP ${TD}`, `DPOP: ${proof()}`] }),
      OK,
    ],
    [
      '9449-4.3-2 a value that is not a compact JWS is refused',
      'M',
      () =>
        [
          'a.b',
          'a.b.c.d',
          'a.b.c',
          `${proof()}=`,
          '{}',
          proof().replace('.', ' .'),
          'a.b.c.d.e',
        ].map((text) => dpop(TD, text)),
      P401('malformed'),
    ],
    [
      '9449-4.3-3 every claim is required',
      'M',
      () => ['jti', 'htm', 'htu', 'iat', 'ath'].map((name) => withClaims({ [name]: undefined })),
      P401('missing_claim'),
    ],
    [
      '9449-4.3-3t a claim of a wrong type is refused',
      'M',
      () =>
        [
          { jti: 1 },
          { jti: '' },
          { jti: null },
          { htm: ['GET'] },
          { htu: {} },
          { iat: '1' },
          { iat: null },
          { iat: true },
          { ath: 1 },
        ].map((claims) => withClaims(claims)),
      P401('invalid_claim'),
    ],
    [
      '9449-4.3-3f A0-dpop-b iat may be fractional, as Auth0 clients send it',
      'M',
      () => withClaims({ iat: Date.now() / 1000 - 0.4 }),
      OK,
    ],
    [
      '9449-4.3-4 8725-3.12-a another type is refused',
      'M',
      () => [undefined, 'JWT', 'jwt', 'at+jwt', 'dpop+jwt+x', 1].map((typ) => withHeader({ typ })),
      P401('wrong_type'),
    ],
    [
      '9449-4.3-4 the type is a media type',
      'M',
      () => ['DPoP+JWT', 'application/dpop+jwt'].map((typ) => withHeader({ typ })),
      OK,
    ],
    [
      '9449-4.3-5a an algorithm that is not a registered asymmetric one is refused',
      'M',
      () =>
        [undefined, 'none', 'HS256', 'RS1', 'es256', 'ES256K', 1].map((alg) => withHeader({ alg })),
      P401('wrong_algorithm'),
    ],
    [
      '9449-4.3-5b an algorithm beyond the list of this API is refused',
      'ES256',
      () => withHeader({}, ps1),
      P401('wrong_algorithm'),
    ],
    [
      '9449-4.3-6 a signature that does not verify is refused',
      'M',
      () => {
        const [header, payload, signature = ''] = proof().split('.')
        const flipped = Buffer.from(signature, 'base64url')
        flipped[9] = (flipped[9] ?? 0) ^ 1
        const forgeries = [flipped, Buffer.alloc(64), Buffer.alloc(0)]
        return [
          ...forgeries.map((bytes) =>
            dpop(TD, `${header}.${payload}.${bytes.toString('base64url')}`),
          ),
          dpop(TD, proof({ header: { jwk: bareJwk(kc1) }, key: kc2 })),
        ]
      },
      P401('bad_signature'),
    ],
    [
      '9449-4.3-6b 8725-3.4-a a key that does not fit its algorithm, or is not a key, is refused',
      'M',
      () => [
        withHeader({ jwk: bareJwk(ec3) }),
        withHeader({ alg: 'EdDSA' }),
        withHeader({ jwk: bareJwk(ed1) }),
        withHeader({ jwk: { ...bareJwk(kc1), use: 'enc' } }),
        withHeader({ jwk: { ...bareJwk(kc1), alg: 'ES384' } }),
        withHeader({ jwk: { ...bareJwk(kc1), y: bareJwk(kc1).x } }),
        withHeader({}, makeKey('RS256', 'weak', 1024)),
        withHeader({ jwk: { ...bareJwk(rsa1), e: 'AQ' } }, rsa1),
      ],
      P401('invalid_key'),
    ],
    [
      '9449-4.3-7 a private key is refused',
      'M',
      () => {
        const { d } = kc1.privateKey.export({ format: 'jwk' }) as JWK
        return [{ d }, { p: 'AQ' }, { q: 'AQ' }, { dp: 'AQ' }, { k: 'AQ' }].map((members) =>
          withHeader({ jwk: { ...bareJwk(kc1), ...members } }),
        )
      },
      P401('invalid_key'),
    ],
    [
      '9449-4.2-jwk the key is an object',
      'M',
      () => [undefined, 'x', [], null, {}, { kty: 'XX' }].map((jwk) => withHeader({ jwk })),
      P401('invalid_key'),
    ],
    [
      '9449-4.3-x further header parameters and claims are allowed, and nothing is fetched for them',
      'M',
      () => [
        withHeader({ tx_id: 1, kid: 'x', x5c: ['AA'], jku: 'https://evil.test/jwks' }),
        withClaims({ tx_id: 1, iss: 'x' }),
      ],
      OK,
    ],
    [
      '9449-4.3-x a critical header parameter is refused',
      'M',
      () => withHeader({ crit: ['x'], x: 1 }),
      P401('critical_header'),
    ],
  ],
  '§4.3 checks 8 and 9: method and URI': [
    [
      '9449-4.3-8a a proof for another method, or the method in another case, is refused',
      'M',
      () => [
        withClaims({ htm: 'POST' }),
        withClaims({ htm: 'get' }),
        withClaims({}, { method: 'POST' }),
      ],
      P401('wrong_method'),
    ],
    [
      '9449-4.3-8b HEAD is a method of its own',
      'M',
      () => withClaims({ htm: 'HEAD' }, { method: 'HEAD' }),
      OK,
    ],
    [
      '9449-4.3-8b a proof for GET is refused for HEAD',
      'M',
      () => withClaims({}, { method: 'HEAD' }),
      P401('wrong_method'),
    ],
    [
      '9449-4.3-8c a field that overrides the method has no effect',
      'M',
      () => withClaims({}, { lines: ['X-HTTP-Method-Override: DELETE'] }),
      OK,
    ],
    [
      '9449-4.3-9a query and fragment are ignored on both sides',
      'M',
      () =>
        ['', '?q=1', '?q=2', '#f'].map((end) =>
          withClaims({ htu: `${origin}/p${end}` }, { path: '/p?q=1' }),
        ),
      OK,
    ],
    [
      '9449-4.3-9b another URI is refused',
      'M',
      () =>
        [
          `${origin}/q`,
          'https://other.test/p',
          `${origin}:8443/p`,
          'http://rs.test/p',
          `${origin}/p/`,
          `${origin}/P`,
          `${origin}//p`,
          '/p',
          'p',
          'https:// rs.test/p',
        ].map((htu) => withClaims({ htu })),
      P401('wrong_uri'),
    ],
    [
      '9449-4.3-9c equivalent URIs are the same',
      'M',
      () =>
        [
          'HTTPS://RS.TEST/p',
          `${origin}:443/p`,
          `${origin}:/p`,
          `${origin}/x/../p`,
          `${origin}/%70`,
        ].map((htu) => withClaims({ htu })),
      OK,
    ],
    [
      '9449-4.3-9c an encoded slash is not a slash',
      'M',
      () => withClaims({ htu: `${origin}%2Fp` }),
      P401('wrong_uri'),
    ],
    [
      '9449-4.3-9d what a client says about its URI in header fields is ignored',
      'M',
      () => [
        withClaims(
          { htu: 'https://evil.test/p' },
          {
            lines: [
              'X-Forwarded-Host: evil.test',
              'X-Forwarded-Proto: https',
              'Forwarded: host=evil.test;proto=https',
            ],
          },
        ),
        withClaims({ htu: `${origin}:8443/p` }, { lines: ['X-Forwarded-Port: 8443'] }),
      ],
      P401('wrong_uri'),
    ],
    [
      '9449-4.3-9e 9110-node-c 9110-node-d Host and the authority of a target are ignored',
      'M',
      () => [
        {
          ...withClaims({ htu: 'https://evil.test/p' }),
          onlyHttp1: true,
          host: ['Host: evil.test'],
        },
        {
          ...withClaims({ htu: 'https://evil.test/p' }),
          onlyHttp1: true,
          path: 'http://evil.test/p',
        },
        { ...withClaims({ htu: `${origin}/x` }), onlyHttp1: true, host: ['Host: rs.test/x?'] },
      ],
      P401('wrong_uri'),
    ],
  ],
  '§4.3 checks 11 and 12, §11: time, token and size': [
    [
      '9449-4.3-11a an old proof is refused',
      'M',
      () => withClaims({ iat: seconds() - 3_600 }),
      P401('too_old'),
    ],
    [
      '9449-4.3-11a 9449-4.3-11b ten seconds in either direction are accepted',
      'M',
      () => [-10, 5, 9].map((offset) => withClaims({ iat: seconds() + offset })),
      OK,
    ],
    [
      '9449-4.3-11b a proof from the future is refused',
      'M',
      () => withClaims({ iat: seconds() + 3_600 }),
      P401('issued_in_future'),
    ],
    [
      '9449-4.3-11d exp of a proof holds',
      'M',
      () => withClaims({ exp: seconds() - 60 }),
      P401('expired'),
    ],
    [
      '9449-4.3-11d nbf of a proof holds',
      'M',
      () => withClaims({ nbf: seconds() + 60 }),
      P401('not_yet_valid'),
    ],
    [
      '9449-4.3-11d exp and nbf of a proof may be there',
      'M',
      () => withClaims({ exp: seconds() + 60, nbf: seconds() - 60 }),
      OK,
    ],
    [
      '9449-4.3-12a a proof for another token is refused',
      'M',
      () =>
        [ath(T0), `${ath(TD)}=`, createHash('sha256').update(TD).digest('hex')].map((value) =>
          withClaims({ ath: value }),
        ),
      P401('wrong_token'),
    ],
    [
      '9449-4.3-12a an empty hash is refused',
      'M',
      () => withClaims({ ath: '' }),
      P401('invalid_claim'),
    ],
    [
      '9449-size a proof of 12 kB is refused',
      'M',
      () => withClaims({ x: 'x'.repeat(9_000) }),
      P401('malformed'),
    ],
    [
      '9449-11.1-e a long identifier is accepted: its hash is stored',
      'M',
      () => withClaims({ jti: 'j'.repeat(4_000) }),
      OK,
    ],
  ],
  '§8, §9 nonces': [
    ['9449-9-a 9449-4.3-10a a nonce is required', 'N', () => dpop(TD, proof()), N401],
    [
      '9449-8-c 9449-4.3-10b a value that is not a nonce of this API is refused with a new one',
      'N',
      () =>
        ['n', randomBytes(36).toString('base64url'), 'n'.repeat(3_000)].map((nonce) =>
          withClaims({ nonce }),
        ),
      N401,
    ],
    [
      '9449-4.3-10b a nonce of a wrong type is refused',
      'N',
      () => [1, ['n'], '', null].map((nonce) => withClaims({ nonce })),
      P401('invalid_claim'),
    ],
    [
      '9449-9-c a proof that is wrong otherwise gets no nonce',
      'N',
      () => dpop(TD, proof({ header: { jwk: bareJwk(kc1) }, key: kc2 })),
      P401('bad_signature'),
    ],
    [
      '9449-9-c a token that is wrong gets no nonce',
      'N',
      () => dpop(expired, proof({ token: expired })),
      D401('expired'),
    ],
    ['9449-9-c a bearer token gets no nonce', 'N', () => bearer(T0), T401('missing_claim')],
  ],
}

for (const [section, table] of Object.entries(rows)) {
  describe(section, () => {
    it.each(table)('%s', async (_title, setup, requests, expected) => {
      // A proof is accepted once by each API, so that all of them may get the same one.
      await expectEverywhere(apis[setup], requests(), expected, circumstances[setup])
    })
  })
}

const nonceOf = (answer: RawResponse) => linesOf(answer, 'DPoP-Nonce')

describe('§7.1 what the application gets', () => {
  it('9449-7.1-a 9449-6-a is a token with its scheme and the proof', async () => {
    for (const api of apis.M) {
      api.forget()
      expect((await api.send(dpop(TD, proof()))).status).toBe(200)
      expect(api.seen[0]?.auth).toMatchObject({ scheme: 'DPoP', proofs: ['dpop'] })
      api.forget()
      await api.send(bearer(T0))
      expect(api.seen[0]?.auth).toMatchObject({ scheme: 'Bearer', proofs: [] })
    }
  })

  it('7800-3.1 8705-3.1-e a method that is not known beside jkt is ignored', async () => {
    const token = t0({ cnf: { jkt: jkt1, kid: 'x' } })
    for (const api of apis.M) {
      expect((await api.send(dpop(token, proof({ token })))).status).toBe(200)
    }
  })

  it('9449-7.1-f every DPoP challenge names the algorithms that proofs may have', async () => {
    const [api] = apis.ES256 as [Api]
    for (const request of [{}, bearer('bad'), dpop('bad', 'x'), authorization('DPoP a b')]) {
      expect(linesOf(await api.send(request), 'WWW-Authenticate')).toContainEqual(
        expect.stringMatching(/^DPoP .*algs="ES256"/),
      )
    }
  })

  it('refuses bound tokens in validate(): no request proves anything', async () => {
    const validator = fixtureValidator({ publicUrl: origin, dpop: true })
    await validator.authenticate({
      method: 'GET',
      url: '/p',
      headers: { authorization: `DPoP ${TD}`, dpop: proof() },
    })
    await expect(validator.validate(TD)).rejects.toMatchObject({ reason: 'unsupported_binding' })
    await expect(validator.validate(T0)).resolves.toMatchObject({ scheme: 'Bearer' })
    const strict = fixtureValidator({ publicUrl: origin, dpop: { required: true } })
    await expect(strict.validate(T0)).rejects.toMatchObject({ reason: 'missing_claim' })
  })

  it('refuses a binding that is not configured before keys are fetched', async () => {
    const urls: string[] = []
    const fetch = async (url: string) => {
      urls.push(url)
      throw new Error('no network')
    }
    const issuer = { issuer: 'https://as.test', jwksUri: 'https://as.test/jwks' }
    const validator = createValidator(fixtureOptions({ issuer, fetch }))
    for (const cnf of [{ jkt: jkt1 }, { 'x5t#S256': jkt1 }, { kid: 'x' }]) {
      await expect(
        validator.authenticate({ headers: { authorization: `Bearer ${t0({ cnf })}` } }),
      ).rejects.toMatchObject({ reason: 'unsupported_binding' })
    }
    expect(urls).toEqual([])
  })

  it('9449-order a garbage token with an RSA key of 16,384 bits is refused quickly', async () => {
    const n = Buffer.alloc(2_048, 0xff).toString('base64url')
    const garbage = proof({ header: { alg: 'RS256', jwk: { kty: 'RSA', n, e: 'AQAB' } } })
    const validator = fixtureValidator({ publicUrl: origin, dpop: true })
    const headers = { authorization: 'DPoP a.b.c', dpop: garbage }
    const startedAt = performance.now()
    await expect(validator.authenticate({ headers })).rejects.toMatchObject({ reason: 'malformed' })
    expect(performance.now() - startedAt).toBeLessThan(50)
  })
})

describe('§7.1 CORS', () => {
  it('9449-7.1-i lets scripts of an allowed origin read the challenge and the nonce', async () => {
    const others = await startApis({
      validator: { publicUrl: origin, dpop: { nonce: { secret } } },
      before(_request, response) {
        response.setHeader('Access-Control-Allow-Origin', 'https://app.test')
        response.setHeader('Access-Control-Expose-Headers', 'X-Own')
        return undefined
      },
    })
    try {
      for (const api of others) {
        const exposed = async (request: RawRequest) =>
          linesOf(await api.send(request), 'Access-Control-Expose-Headers')
        expect(await exposed(dpop(TD, proof()))).toEqual(['X-Own, WWW-Authenticate, DPoP-Nonce'])
        expect(await exposed(bearer('bad'))).toEqual(['X-Own, WWW-Authenticate'])
        expect(await exposed(bearer(T0))).toEqual(['X-Own'])
      }
    } finally {
      await closeApis(others)
    }
  })

  it('9449-7.1-i adds nothing where the response allows no origin', async () => {
    for (const api of apis.N) {
      const answer = await api.send(dpop(TD, proof()))
      expect(linesOf(answer, 'Access-Control-Expose-Headers')).toEqual([])
    }
  })
})

describe('§4.3 check 9: the URI of a request behind routers and proxies', () => {
  it('9449-4.3-9f is that of the request before a router shortened it', async () => {
    const { default: express } = await import('express')
    const { default: Koa } = await import('koa')
    const { authenticate: forExpress } = await import('oauth-resource-server/express')
    const { authenticate: forKoa } = await import('oauth-resource-server/koa')
    const { authenticate: forHttp } = await import('oauth-resource-server/http')
    const { askOnce } = await import('../support/adapters.ts')
    const options = fixtureOptions({ publicUrl: `${origin}/prefix/`, dpop: true })

    const router = express.Router().use(forExpress(options), (_request, response) => {
      response.end('ok')
    })
    const app = express().use('/api', router)
    const koa = new Koa()
      .use((context, next) => {
        // As koa-mount does.
        context.path = context.path.replace('/api', '')
        return next()
      })
      .use(forKoa(options))
      .use((context) => {
        context.body = 'ok'
      })
    const guard = forHttp(options)
    const listeners: readonly Listener[] = [
      app as unknown as Listener,
      koa.callback(),
      async (request: IncomingMessage, response: ServerResponse) => {
        if (await guard(request, response)) response.end('ok')
      },
    ]
    for (const listener of listeners) {
      const good = withClaims({ htu: `${origin}/prefix/api/p` }, { path: '/api/p' })
      expect((await askOnce(listener, good)).status).toBe(200)
      const stripped = withClaims({ htu: `${origin}/prefix/p` }, { path: '/api/p' })
      expect((await askOnce(listener, stripped)).status).toBe(401)
    }
  })

  it('9449-4.3-9f is that of the request before another server shortened it for Koa', async () => {
    const { default: express } = await import('express')
    const { default: Koa } = await import('koa')
    const { authenticate } = await import('oauth-resource-server/koa')
    const { askOnce } = await import('../support/adapters.ts')
    const koa = new Koa()
      .use(authenticate(fixtureOptions({ publicUrl: origin, dpop: true })))
      .use((context) => {
        context.body = 'ok'
      })
    const app = express().use('/api', koa.callback()) as unknown as Listener
    const good = withClaims({ htu: `${origin}/api/p` }, { path: '/api/p' })
    expect((await askOnce(app, good)).status).toBe(200)
    const shortened = withClaims({ htu: `${origin}/p` }, { path: '/api/p' })
    expect((await askOnce(app, shortened)).status).toBe(401)
  })

  it.each<[string, DpopOptions | true]>([
    ['records proofs elsewhere', true],
    ['records no proofs', { replayStore: 'external' }],
  ])('is authenticated twice, where the first validator %s', async (_name, dpopOfFirst) => {
    const { default: express } = await import('express')
    const { authenticate } = await import('oauth-resource-server/express')
    const { askOnce } = await import('../support/adapters.ts')
    const first = () => authenticate(fixtureOptions({ publicUrl: origin, dpop: dpopOfFirst }))
    const second = authenticate(fixtureOptions({ publicUrl: origin, dpop: true }))
    // Two processes: only the store of the second validator is shared.
    const apps = [first(), first()].map((guard) =>
      express().use(guard, second, (_request, response) => {
        response.end('ok')
      }),
    ) as unknown as [Listener, Listener]
    const request = dpop(TD, proof())
    expect((await askOnce(apps[0], request)).status).toBe(200)
    expect((await askOnce(apps[1], request)).status).toBe(401)
  })

  it('is the request that is authenticated twice, with one proof', async () => {
    const { default: express } = await import('express')
    const { authenticate } = await import('oauth-resource-server/express')
    const { askOnce } = await import('../support/adapters.ts')
    const validator = fixtureValidator({ publicUrl: origin, dpop: true })
    const app = express()
      .use(authenticate(validator, { optional: true }), authenticate(validator))
      .use((_request, response) => {
        response.end('ok')
      })
    const request = dpop(TD, proof())
    expect((await askOnce(app as unknown as Listener, request)).status).toBe(200)
    expect((await askOnce(app as unknown as Listener, request)).status).toBe(401)
  })
})

describe('§11.1 replay', () => {
  it('9449-11.1-a A0-dpop-a accepts a proof once', async () => {
    const request = dpop(TD, proof())
    await expectEverywhere(apis.M, request, OK)
    await expectEverywhere(apis.M, request, P401('replayed'), circumstances.M)
  })

  it('9449-11.1-b accepts one of 20 copies at the same time', async () => {
    for (const api of apis.M) {
      const request = dpop(TD, proof())
      const answers = await Promise.all(Array.from({ length: 20 }, () => api.send(request)))
      const statuses = answers.map(({ status }) => status).sort()
      expect(statuses).toEqual([200, ...Array.from({ length: 19 }, () => 401)])
    }
  })

  it('9449-11.1-c accepts a jti that another key has used', async () => {
    const jti = randomUUID()
    const token = t0({ cnf: { jkt: await thumbprintOf(kc2) } })
    await expectEverywhere(apis.M, dpop(token, proof({ token, key: kc2, claims: { jti } })), OK)
    await expectEverywhere(apis.M, withClaims({ jti }), OK)
  })

  it('9449-11.1-d an invalid proof does not use up its jti', async () => {
    const jti = randomUUID()
    await expectEverywhere(
      apis.M,
      [
        withClaims({ jti, htm: 'POST' }),
        withClaims({ jti, ath: ath(T0) }),
        dpop(TD, proof({ claims: { jti }, header: { jwk: bareJwk(kc1) }, key: kc2 })),
      ].slice(0, 1),
      P401('wrong_method'),
      circumstances.M,
    )
    await expectEverywhere(
      apis.M,
      dpop(TD, proof({ claims: { jti }, header: { jwk: bareJwk(kc1) }, key: kc2 })),
      P401('bad_signature'),
      circumstances.M,
    )
    await expectEverywhere(apis.M, withClaims({ jti }), OK)
  })

  it.each<[string, ReplayStore['claim']]>([
    [
      'throws',
      () => {
        throw new Error('down')
      },
    ],
    [
      'rejects',
      async () => {
        throw new Error('down')
      },
    ],
    ['answers nonsense', () => 'yes' as never],
  ])('9449-11.1-f a store that %s leads to 503', async (_name, claim) => {
    const others = await startApis({
      validator: { publicUrl: origin, dpop: { replayStore: { claim } } },
    })
    try {
      await expectEverywhere(others, dpop(TD, proof()), X503)
      await expectEverywhere(others, bearer(T0), OK)
      for (const api of others) {
        expect(api.refusals).toEqual([])
      }
    } finally {
      await closeApis(others)
    }
  })

  it('passes a key and a time to the store: ten seconds more than the proof is valid', async () => {
    const claims: [string, number][] = []
    const now = 1_800_000_000
    const validator = fixtureValidator({
      publicUrl: origin,
      clockTolerance: 7,
      now: () => now * 1_000,
      dpop: {
        maxAge: 30,
        replayStore: { claim: (key, seconds) => claims.push([key, seconds]) > 0 },
      },
    })
    const token = t0({ cnf: { jkt: jkt1 }, iat: now, exp: now + 60 })
    const jti = randomUUID()
    await validator.authenticate({
      method: 'GET',
      url: '/p',
      headers: {
        authorization: `DPoP ${token}`,
        dpop: proof({ token, claims: { iat: now - 10, jti } }),
      },
    })
    const key = createHash('sha256').update(`${jkt1}.${jti}`).digest('base64url')
    expect(claims).toEqual([[key, -10 + 30 + 7 + 10]])
  })
})

describe('§8, §9 nonces', () => {
  it('9449-4.3-10a 9449-11.1-g a nonce is accepted in several proofs', async () => {
    for (const api of apis.N) {
      const [nonce] = nonceOf(await api.send(dpop(TD, proof())))
      for (let use = 0; use < 2; use++) {
        const answer = await api.send(withClaims({ nonce }))
        expect(answer.status).toBe(200)
        expect(nonceOf(answer)).toEqual([])
      }
    }
  })

  it('9449-4.3-11c the time of a proof is checked beside its nonce', async () => {
    const [api] = apis.N as [Api]
    const [nonce] = nonceOf(await api.send(dpop(TD, proof())))
    expect((await api.send(withClaims({ nonce, iat: seconds() - 3_600 }))).status).toBe(401)
  })

  it('9449-8-a 9449-8.2-b a nonce is one header line that no cache stores, whatever the application has set', async () => {
    const others = await startApis({
      validator: { publicUrl: origin, dpop: { nonce: { secret } } },
      before(_request, response) {
        response.setHeader('DPoP-Nonce', 'own')
        response.setHeader('Cache-Control', 'public')
        return undefined
      },
    })
    try {
      for (const api of others) {
        const answer = await api.send(dpop(TD, proof()))
        expect(nonceOf(answer)).toEqual([expect.stringMatching(/^[\w-]{48}$/)])
        expect(linesOf(answer, 'Cache-Control')).toEqual(['no-store'])
      }
    } finally {
      await closeApis(others)
    }
  })

  it('9449-8.2-a 9449-8.2-b the next nonce is sent with a 200 near the end of the lifetime', async () => {
    let offset = 0
    const others = await startApis({
      validator: {
        publicUrl: origin,
        now: () => Date.now() + offset,
        dpop: { nonce: { secret, lifetime: 30 } },
      },
      before(_request, response) {
        response.setHeader('Access-Control-Allow-Origin', '*')
        return undefined
      },
    })
    try {
      for (const api of others) {
        offset = 0
        const [nonce] = nonceOf(await api.send(dpop(TD, proof())))
        offset = 25_000
        const near = await api.send(withClaims({ nonce }))
        const [next] = nonceOf(near)
        expect(near.status).toBe(200)
        expect(next).toMatch(/^[\w-]{48}$/)
        expect(linesOf(near, 'Cache-Control')).toEqual(['no-store'])
        expect(linesOf(near, 'Access-Control-Expose-Headers')).toEqual(['DPoP-Nonce'])
        // The old one overlaps with the new one.
        expect((await api.send(withClaims({ nonce }))).status).toBe(200)
        expect(nonceOf(await api.send(withClaims({ nonce: next })))).toEqual([])
        offset = 31_000
        const late = await api.send(withClaims({ nonce }))
        expect([late.status, nonceOf(late).length]).toEqual([401, 1])
      }
    } finally {
      await closeApis(others)
    }
  })

  it('9449-9-b a nonce is accepted wherever its secret is configured, and nowhere else', async () => {
    const start = (key: Buffer) =>
      startApi('http', { validator: { publicUrl: origin, dpop: { nonce: { secret: key } } } })
    const [same, other] = [await start(secret), await start(randomBytes(32))]
    try {
      const [nonce] = nonceOf(await (apis.N as [Api])[0].send(dpop(TD, proof())))
      expect((await same.send(withClaims({ nonce }))).status).toBe(200)
      const refused = await other.send(withClaims({ nonce }))
      expect([refused.status, nonceOf(refused).length]).toEqual([401, 1])
    } finally {
      await closeApis([same, other])
    }
  })
})

describe('RFC 9728 the metadata of an API with DPoP', () => {
  const resource = 'https://rs.test/api'
  const metadata = 'https://rs.test/.well-known/oauth-protected-resource/api'

  it('MCP-dpop 9728-5.1-a every challenge names the URL of the metadata, that with a nonce too', async () => {
    const others = await startApis({ validator: { resource, dpop: { nonce: { secret } } } })
    try {
      const dpopToo = { metadata, dpop: { algs } }
      await expectEverywhere(others, {}, C401, dpopToo)
      await expectEverywhere(others, dpop(TD, proof()), N401, dpopToo)
      await expectEverywhere(others, authorization(`DPoP ${TD}`), P401('missing'), dpopToo)
    } finally {
      await closeApis(others)
    }
  })

  it('9728-2-g says which proofs are accepted, and whether they are required', () => {
    const members = (options: Partial<ValidatorOptions>) => {
      const { document = {} } = fixtureValidator({ resource, ...options }).resourceMetadata ?? {}
      return [
        document.dpop_signing_alg_values_supported,
        document.dpop_bound_access_tokens_required,
      ]
    }
    expect(members({})).toEqual([undefined, undefined])
    expect(members({ dpop: { algorithms: ['ES256'] } })).toEqual([['ES256'], undefined])
    expect(members({ dpop: { required: true } })).toEqual([allAlgorithms, true])
  })
})

describe('the option publicUrl', () => {
  it('is the origin of the resource by default', async () => {
    const validator = fixtureValidator({ resource: 'https://rs.test/api', dpop: true })
    const headers = { authorization: `DPoP ${TD}`, dpop: proof() }
    const request = { method: 'GET', url: '/p', headers }
    await expect(validator.authenticate(request)).resolves.toMatchObject({ proofs: ['dpop'] })
  })

  it('F-cfg is required with dpop', () => {
    expect(() => createValidator(fixtureOptions({ dpop: true }))).toThrow(/^publicUrl is missing/)
    expect(() => createValidator(fixtureOptions({ dpop: false }))).not.toThrow()
  })

  it.each([
    '',
    'rs.test',
    '/p',
    'ftp://rs.test',
    'https://u@rs.test',
    `${origin}?q`,
    `${origin}#f`,
    1,
    null,
  ])('F-cfg must not be %j', (publicUrl) => {
    expect(() => createValidator(fixtureOptions({ publicUrl: publicUrl as string }))).toThrow(
      /^publicUrl must be/,
    )
  })
})

async function thumbprintOf(key: TestKey): Promise<string> {
  const { calculateJwkThumbprint } = await import('jose')
  return calculateJwkThumbprint(bareJwk(key))
}
