/**
 * RFC 8705, tokens that are bound to a client certificate: whole requests on every adapter, over TLS and
 * behind a proxy that passes the certificate on in a header field.
 */

import { createHash, randomUUID, X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import {
  createValidator,
  type HttpRequest,
  type MtlsOptions,
  type ValidatorOptions,
} from 'oauth-resource-server'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { allAlgorithms } from '../../src/signature/algorithms.ts'
import { makeCertificate } from '../support/certificate.ts'
import { ath, jkt1, kc1, proofHeader } from '../support/dpop.ts'
import type { RawRequest } from '../support/exchange.ts'
import {
  C401,
  D401,
  type Expected,
  expectEverywhere,
  OK,
  P401,
  T401,
} from '../support/expectations.ts'
import { fixtureOptions, fixtureValidator, seconds, signParts, t0 } from '../support/fixture.ts'
import type { ApiOptions } from '../support/mounted-apis.ts'
import { authorization, bearer, dpop } from '../support/requests.ts'
import { type Api, closeApis, startApis } from '../support/servers.ts'

const day = 86_400_000
const origin = 'https://rs.test'
const tls = await makeCertificate()
const CC = await makeCertificate({ commonName: 'client' })
const other = await makeCertificate({ commonName: 'other' })
const expired = await makeCertificate({
  commonName: 'expired',
  notBefore: new Date(Date.now() - 2 * day),
  notAfter: new Date(Date.now() - day),
})

const T0 = t0()
const boundTo = (thumbprint: unknown) => t0({ cnf: { 'x5t#S256': thumbprint } })
const TM = boundTo(CC.thumbprint)
const TB = t0({ cnf: { 'x5t#S256': CC.thumbprint, jkt: jkt1 } })
const bare = CC.der.toString('base64')

function proof(token: string): string {
  const claims = {
    jti: randomUUID(),
    htm: 'GET',
    htu: `${origin}/p`,
    iat: seconds(),
    ath: ath(token),
  }
  return signParts(JSON.stringify(proofHeader()), JSON.stringify(claims), kc1)
}

/** True for a request of the proxy, which the tests recognise by a field. */
const trusted = ({ headers }: HttpRequest) =>
  (headers as Record<string, unknown>)['x-from-proxy'] === '1'
const fromProxy = ['X-From-Proxy: 1']
const header = (format: 'rfc9440' | 'escaped-pem' | 'xfcc'): ApiOptions => {
  return { validator: { mtls: { certificate: { header: 'Client-Cert', format, trusted } } } }
}

const setups = {
  off: { tls },
  mtls: { tls, validator: { mtls: true } },
  required: { tls, validator: { mtls: { required: true } } },
  both: { tls, validator: { mtls: true, dpop: true, publicUrl: origin } },
  plain: { validator: { mtls: true } },
  rfc9440: header('rfc9440'),
  'escaped-pem': header('escaped-pem'),
  xfcc: header('xfcc'),
} as const satisfies Record<string, ApiOptions>
type Setup = keyof typeof setups

const apis = {} as Record<Setup, Api[]>
beforeAll(async () => {
  for (const [name, options] of Object.entries(setups)) {
    apis[name as Setup] = await startApis(options)
  }
})
afterEach(() => expectEverywhere(apis.mtls, bearer(TM, { client: CC }), OK))
afterAll(() => closeApis(Object.values(apis).flat()))

/** A request of the proxy with the certificate in a field, or of another client. */
const forwarded = (value: string, lines: readonly string[] = fromProxy) =>
  bearer(TM, { lines: [`Client-Cert: ${value}`, ...lines] })

type Row = readonly [
  title: string,
  setup: Setup,
  requests: () => RawRequest | readonly RawRequest[],
  expected: Expected,
]

const hex = Buffer.from(CC.thumbprint, 'base64url').toString('hex')
const malformed: readonly unknown[] = [
  `${CC.thumbprint}=`,
  hex,
  hex.toUpperCase().replace(/..(?=.)/g, '$&:'),
  createHash('sha1').update(CC.der).digest('base64url'),
  `${CC.thumbprint} `,
  1,
  null,
  '',
  [CC.thumbprint],
]
const noObject: readonly unknown[] = ['x', [], null, 1]

const pem = encodeURIComponent(CC.cert)
const spaced = CC.cert.trim().replace(/\r?\n/g, ' ')

const rows: Readonly<Record<string, readonly Row[]>> = {
  '§3 the certificate of the connection': [
    [
      '8705-3-a a token is accepted with its certificate',
      'mtls',
      () => bearer(TM, { client: CC }),
      OK,
    ],
    [
      '8705-3-b A0-mtls-a a token is refused with another certificate',
      'mtls',
      () => bearer(TM, { client: other }),
      T401('binding_mismatch'),
    ],
    [
      '8705-3-c A0-mtls-a a token is refused without a certificate',
      'mtls',
      () => bearer(TM),
      T401('binding_mismatch'),
    ],
    [
      '8705-3-c a token is refused without TLS',
      'plain',
      () => bearer(TM),
      T401('binding_mismatch'),
    ],
    [
      '8705-3-d a bound token is refused where mutual TLS is off',
      'off',
      () => bearer(TM, { client: CC }),
      T401('unsupported_binding'),
    ],
    [
      '8705-3-e a token that is not bound is refused where a certificate is required',
      'required',
      () => bearer(T0, { client: CC }),
      T401('missing_claim'),
    ],
    [
      '8705-3-e a bound token is accepted where a certificate is required',
      'required',
      () => bearer(TM, { client: CC }),
      OK,
    ],
    [
      '8705-3-e a token that is not bound is accepted elsewhere, with and without a certificate',
      'mtls',
      () => [bearer(T0, { client: CC }), bearer(T0)],
      OK,
    ],
    [
      '8705-6.2-b an expired certificate proves possession',
      'mtls',
      () => bearer(boundTo(expired.thumbprint), { client: expired }),
      OK,
    ],
    [
      '8705-scheme the scheme DPoP is ignored if DPoP is disabled',
      'mtls',
      () => authorization(`DPoP ${TM}`, { client: CC }),
      C401,
    ],
    [
      '8705-scheme A0-mtls-b a token in the scheme DPoP needs a proof',
      'both',
      () => authorization(`DPoP ${TM}`, { client: CC }),
      P401('missing'),
    ],
    [
      '8705-scheme A0-mtls-b a token that is bound only to a certificate is not a DPoP token',
      'both',
      () => dpop(TM, proof(TM), { client: CC }),
      D401('missing_claim'),
    ],
  ],
  '§3.1 the claim cnf': [
    [
      '8705-3.1-a 8705-3.1-b a malformed thumbprint is refused',
      'mtls',
      () => malformed.map((value) => bearer(boundTo(value), { client: CC })),
      T401('invalid_claim'),
    ],
    [
      '8705-3.1-b a claim that is not an object is refused',
      'mtls',
      () => noObject.map((cnf) => bearer(t0({ cnf }), { client: CC })),
      T401('invalid_claim'),
    ],
    [
      '8705-3.1-b a claim that is not an object is refused if mutual TLS is disabled',
      'off',
      () => noObject.map((cnf) => bearer(t0({ cnf }))),
      T401('unsupported_binding'),
    ],
    [
      '8705-3.1-b an empty claim is refused',
      'off',
      () => bearer(t0({ cnf: {} })),
      T401('unsupported_binding'),
    ],
    [
      '8705-3.1-c a token with methods that are not known is refused',
      'mtls',
      () =>
        [{ kid: 'x' }, { jwk: {} }, { osc: {} }].map((cnf) => bearer(t0({ cnf }), { client: CC })),
      T401('unsupported_binding'),
    ],
    [
      '8705-3.1-e a method that is not known is ignored beside a known one',
      'mtls',
      () => bearer(t0({ cnf: { 'x5t#S256': CC.thumbprint, kid: 'x' } }), { client: CC }),
      OK,
    ],
    [
      '8705-3.1-d a token with both methods is accepted with both proofs',
      'both',
      () => dpop(TB, proof(TB), { client: CC }),
      OK,
    ],
    [
      '8705-3.1-d a token with both methods is refused without a DPoP proof',
      'both',
      () => authorization(`DPoP ${TB}`, { client: CC }),
      P401('missing'),
    ],
    [
      '8705-3.1-d a token with both methods is refused without the certificate',
      'both',
      () => [dpop(TB, proof(TB)), dpop(TB, proof(TB), { client: other })],
      D401('binding_mismatch'),
    ],
    [
      '8705-3.1-d a token with both methods is refused as a bearer token',
      'both',
      () => bearer(TB, { client: CC }),
      { ...T401('binding_mismatch'), scheme: 'Bearer' },
    ],
    [
      '8705-3.1-d a token with both methods is refused where DPoP is off',
      'mtls',
      () => bearer(TB, { client: CC }),
      T401('unsupported_binding'),
    ],
  ],
  '§6.5, RFC 9440 the certificate in a header field': [
    ['8705-6.5-a a field of the trusted proxy counts', 'rfc9440', () => forwarded(`:${bare}:`), OK],
    [
      '8705-6.5-a a field of any other client is ignored',
      'rfc9440',
      () => forwarded(`:${bare}:`, []),
      T401('binding_mismatch'),
    ],
    [
      '8705-6.5-a no field counts without the option',
      'mtls',
      () =>
        ['X-Client-Cert', 'Client-Cert', 'X-SSL-Cert', 'X-Forwarded-Client-Cert'].map((name) =>
          bearer(TM, { lines: [`${name}: ${pem}`, ...fromProxy] }),
        ),
      T401('binding_mismatch'),
    ],
    [
      '8705-6.5-b PEM may be percent-encoded, or have spaces for line ends, or be bare',
      'escaped-pem',
      () => [forwarded(pem), forwarded(spaced), forwarded(bare)],
      OK,
    ],
    [
      '8705-6.5-b XFCC may have the hash, the certificate or both',
      'xfcc',
      () => [
        forwarded(`Hash=${hex}`),
        forwarded(`Cert="${pem}"`),
        forwarded(`Hash=${hex};Cert="${pem}";Subject=""`),
      ],
      OK,
    ],
    [
      '8705-6.5-b two fields are not a certificate',
      'rfc9440',
      () => ({
        ...forwarded(`:${bare}:`, [`Client-Cert: :${bare}:`, ...fromProxy]),
        onlyHttp1: true,
      }),
      T401('binding_mismatch'),
    ],
    ...(['rfc9440', 'escaped-pem', 'xfcc'] as const).map((setup): Row => {
      const garbage = [
        'x',
        ':x:',
        '%',
        '%00',
        '-----BEGIN CERTIFICATE-----',
        'Hash=x;Cert=%',
        `:${bare}`,
        '::',
      ]
      return [
        `8705-6.5-b garbage in ${setup} is not a certificate`,
        setup,
        () => garbage.map((value) => forwarded(value)),
        T401('binding_mismatch'),
      ]
    }),
  ],
}

const algs = allAlgorithms.join(' ')
for (const [section, table] of Object.entries(rows)) {
  describe(section, () => {
    it.each(table)('%s', async (_title, setup, requests, expected) => {
      await expectEverywhere(
        apis[setup],
        requests(),
        expected,
        setup === 'both' ? { dpop: { algs } } : {},
      )
    })
  })
}

describe('§3 what the application gets', () => {
  it('8705-3-a is a token with its proofs', async () => {
    const request = async (api: Api, sent: RawRequest) => {
      api.forget()
      expect((await api.send(sent)).status).toBe(200)
      return api.seen[0]?.auth
    }
    for (const api of apis.both) {
      const mutual = await request(api, bearer(TM, { client: CC }))
      expect(mutual).toMatchObject({ scheme: 'Bearer', proofs: ['mtls'] })
      const twofold = await request(api, dpop(TB, proof(TB), { client: CC }))
      expect(twofold).toMatchObject({ scheme: 'DPoP', proofs: ['dpop', 'mtls'] })
    }
  })

  it('8705-3.1-a the thumbprint is that of RFC 8705, Appendix A', async () => {
    const url = new URL('../vectors/rfc-examples/rfc-examples.json', import.meta.url)
    const { mtls } = JSON.parse(readFileSync(url, 'utf8'))
    const certificate = () => new X509Certificate(mtls.pem).raw
    const validator = fixtureValidator({ mtls: { certificate } })
    const headers = { authorization: `Bearer ${boundTo(mtls['x5t#S256'])}` }
    await expect(validator.authenticate({ headers })).resolves.toMatchObject({ proofs: ['mtls'] })
  })

  it('a certificate may come from a function, which must not throw', async () => {
    const result = async (certificate: MtlsOptions['certificate']) =>
      fixtureValidator({ mtls: { certificate } })
        .authenticate({ headers: { authorization: `Bearer ${TM}` } })
        .then(
          ({ proofs }) => proofs,
          ({ reason, message }) => reason ?? message,
        )
    expect(await result(() => CC.cert)).toEqual(['mtls'])
    expect(await result(() => CC.der)).toEqual(['mtls'])
    expect(await result(() => undefined)).toBe('binding_mismatch')
    const failing = () => {
      throw undefined
    }
    expect(await result(failing)).toBe('The callback mtls.certificate failed')
  })

  it('refuses bound tokens in validate(): no request proves anything', async () => {
    const validator = fixtureValidator({ mtls: { certificate: () => CC.der } })
    await validator.authenticate({ headers: { authorization: `Bearer ${TM}` } })
    await expect(validator.validate(TM)).rejects.toMatchObject({ reason: 'unsupported_binding' })
  })

  it('8705-meta the metadata of the API says that it accepts such tokens', () => {
    const member = (options: Partial<ValidatorOptions>) =>
      fixtureValidator({ resource: 'https://rs.test/api', ...options }).resourceMetadata?.document
        .tls_client_certificate_bound_access_tokens
    expect(member({ mtls: true })).toBe(true)
    expect(member({ mtls: false })).toBeUndefined()
  })

  it('F-cfg a header field needs a function that trusts the proxy', () => {
    const certificate = { header: 'Client-Cert', format: 'rfc9440' } as never
    expect(() => createValidator(fixtureOptions({ mtls: { certificate } }))).toThrow(
      /^mtls\.certificate\.trusted must be/,
    )
  })
})
