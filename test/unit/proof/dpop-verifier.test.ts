import { generateKeyPairSync } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { calculateJwkThumbprint, type JWK } from 'jose'
import type { HttpRequest } from 'oauth-resource-server'
import { describe, expect, it, vi } from 'vitest'
import { createFairQueue } from '../../../src/internal/fair-queue.ts'
import { importJwk } from '../../../src/keys/jwk-import.ts'
import { type DpopOptions, resolveDpop } from '../../../src/options/dpop.ts'
import {
  createDpopVerifier,
  type DpopPresentation,
  type DpopVerifierOptions,
} from '../../../src/proof/dpop-verifier.ts'
import { createMemoryReplayStore } from '../../../src/proof/replay-store.ts'
import {
  ath,
  bareJwk,
  jkt1,
  kc1,
  kc2,
  makeProof,
  proofClaims,
  proofHeader,
  requestWith,
  soleIssuer,
  startTime,
  token,
  uri,
} from '../../support/dpop.ts'
import { base64url, ec3, ec5, ed1, makeKey, ps1, rsa1, signParts } from '../../support/fixture.ts'

vi.mock('../../../src/keys/jwk-import.ts', { spy: true })

interface Settings {
  readonly dpop?: DpopOptions
  readonly clockTolerance?: number
  readonly now?: () => number
}

/** A verifier at {@link startTime}, and the reasons of its refusals. */
function setUp({ dpop = {}, clockTolerance = 5, now = () => startTime * 1000 }: Settings = {}) {
  const resolved = resolveDpop(dpop) as NonNullable<ReturnType<typeof resolveDpop>>
  const options: DpopVerifierOptions = { ...resolved, clockTolerance, now }
  const { verify } = createDpopVerifier(options)

  const present = (proof: string | undefined, rest: Partial<DpopPresentation> = {}) =>
    verify({
      request: requestWith(proof),
      targetUri: uri,
      token,
      jkt: jkt1,
      issuer: soleIssuer,
      ...rest,
    })

  async function refusal(proof: string | undefined, rest: Partial<DpopPresentation> = {}) {
    const error = await present(proof, rest).then(
      () => expect.fail('the proof was accepted'),
      (caught) => caught,
    )
    return error
  }

  async function reason(proof: string | undefined, rest: Partial<DpopPresentation> = {}) {
    const { code, reason } = await refusal(proof, rest)
    return code === 'invalid_dpop_proof' ? reason : `${code} ${reason ?? ''}`.trim()
  }

  return { verify, present, refusal, reason }
}

const vectors = JSON.parse(
  readFileSync(new URL('../../vectors/rfc-examples/rfc-examples.json', import.meta.url), 'utf8'),
)

describe('verify', () => {
  const { present, reason, refusal } = setUp()

  it('9449-7.1-a accepts a valid proof', async () => {
    await expect(present(makeProof())).resolves.toMatchObject({ nextNonce: undefined })
  })

  it('accepts the proof of RFC 9449, figure 13, at its time', async () => {
    const [, figure] = vectors.dpop.proofs
    const { access_token, iat, jkt, proof, request } = figure
    const at = (seconds: number) => setUp({ now: () => seconds * 1000, clockTolerance: 0 })
    const presentation = {
      request: requestWith(undefined, { method: request.method, headers: { dpop: proof } }),
      targetUri: request.url,
      token: access_token,
      jkt,
      issuer: soleIssuer,
    }
    await expect(at(iat).verify(presentation)).resolves.toBeDefined()
    expect(await at(iat + 60).reason(proof, presentation)).toBe('too_old')
    expect(await at(iat - 11).reason(proof, presentation)).toBe('issued_in_future')
    expect(await at(iat).reason(proof, { ...presentation, token: 'other' })).toBe('wrong_token')
  })

  it('9449-7.1-c rejects a request without a proof', async () => {
    expect(await reason(undefined)).toBe('missing')
    for (const headers of [null, undefined, {}, new Headers(), { dpop: undefined }]) {
      const request = { headers } as HttpRequest
      expect(await reason(undefined, { request })).toBe('missing')
    }
  })

  it('9449-4.3-1 rejects more than one proof', async () => {
    const [one, two] = [makeProof(), makeProof()]
    const twice = new Headers([
      ['DPoP', one],
      ['DPoP', two],
    ])
    for (const headers of [
      { dpop: `${one}, ${two}` },
      { dpop: [one, two] },
      { dpop: one, DPoP: two },
      { dpop: `${one}, x` },
      { dpop: '' },
      { dpop: [1] as unknown as string[] },
      { dpop: 1 as unknown as string },
      twice,
    ]) {
      expect(await reason(undefined, { request: { method: 'GET', headers } })).toBe('malformed')
    }
  })

  it('9449-4.1-a accepts a field name in any case', async () => {
    for (const name of ['DPoP', 'DPOP', 'dpop']) {
      for (const value of [makeProof(), [makeProof()]]) {
        const request = requestWith(undefined, { headers: { [name]: value } })
        await expect(present(undefined, { request })).resolves.toBeDefined()
      }
    }
    const request = requestWith(undefined, { headers: new Headers({ DPoP: makeProof() }) })
    await expect(present(undefined, { request })).resolves.toBeDefined()
  })

  const [header = '', payload = '', signature = ''] = makeProof().split('.')
  it.each([
    ['two parts', `${header}.${payload}`],
    ['four parts', `${header}.${payload}.${signature}.`],
    ['five parts, as a JWE', 'a.b.c.d.e'],
    ['nothing', ''],
    ['no JSON', 'a.b.c'],
    ['inner space', `${header}. ${payload}.${signature}`],
    ['JSON', JSON.stringify(proofClaims())],
    ['padding', `${header}=.${payload}.${signature}`],
    ['padding at its end', `${header}.${payload}.${signature}==`],
    ['the alphabet of base64', `${header}.${payload}.+/${signature.slice(2)}`],
    ['other characters', `${header}.${payload}.é${signature.slice(1)}`],
    [
      'a letter that has the low octet of another',
      `${header}.${payload}.${String.fromCharCode(signature.charCodeAt(0) + 0x100)}${signature.slice(1)}`,
    ],
    ['an array as its payload', `${header}.${base64url('[]')}.${signature}`],
    ['an array as its header', `${base64url('[]')}.${payload}.${signature}`],
    ['a payload that is not UTF-8', `${header}.${base64url(Buffer.from('7b22ff227d', 'hex'))}.x`],
    ['more than 8,192 characters', makeProof({ x: 'x'.repeat(8_192) })],
  ])('9449-4.3-2 rejects a proof with %s', async (_, proof) => {
    expect(await reason(proof)).toBe('malformed')
  })

  it('9449-size rejects more than 8,192 characters before it decodes anything', async () => {
    const sized = (length: number) => {
      const missing = length - makeProof({ x: '' }).length
      const proof = makeProof({ x: 'x'.repeat(Math.floor((missing * 3) / 4)) })
      return proof
    }
    expect(sized(8_192).length).toBeGreaterThan(8_180)
    await expect(present(sized(8_192))).resolves.toBeDefined()
    expect(await refusal('\0'.repeat(8_193))).toMatchObject({
      reason: 'malformed',
      detail: { hint: 'longer than 8192 characters' },
    })
  })

  it.each(['jti', 'htm', 'htu', 'iat', 'ath'])(
    '9449-4.3-3 rejects a proof without the claim %s',
    async (name) => {
      expect(await refusal(makeProof({ [name]: undefined }))).toMatchObject({
        reason: 'missing_claim',
        detail: { name },
      })
    },
  )

  it.each([
    ...['jti', 'htm', 'htu', 'ath', 'nonce'].flatMap((name) =>
      [1, '', null, ['GET'], {}, true].map((value) => [name, value] as const),
    ),
    ...['iat', 'exp', 'nbf'].flatMap((name) =>
      ['1800000000', null, true, {}, []].map((value) => [name, value] as const),
    ),
  ])('9449-4.3-3t rejects the claim %s of %j', async (name, value) => {
    expect(await refusal(makeProof({ [name]: value }))).toMatchObject({
      reason: 'invalid_claim',
      detail: { name },
    })
  })

  it('9449-4.3-3t rejects an infinite iat', async () => {
    const text = JSON.stringify(proofClaims({ iat: 0 })).replace('"iat":0', '"iat":1e400')
    expect(await reason(signParts(JSON.stringify(proofHeader()), text, kc1))).toBe('invalid_claim')
  })

  it('9449-4.3-3f accepts a fractional iat', async () => {
    await expect(present(makeProof({ iat: startTime - 0.4 }))).resolves.toBeDefined()
  })

  it.each([undefined, 'JWT', 'jwt', 'at+jwt', 'dpop+jwt+x', 'xdpop+jwt', 'text/dpop+jwt', '', 1])(
    '9449-4.3-4 rejects the typ %j',
    async (typ) => {
      expect(await reason(makeProof({}, { typ }))).toBe('wrong_type')
    },
  )

  it.each(['DPoP+JWT', 'application/dpop+jwt'])('9449-4.3-4 accepts the typ %j', async (typ) => {
    await expect(present(makeProof({}, { typ }))).resolves.toBeDefined()
  })

  it.each(['none', 'HS256', 'RS1', 'es256', undefined, 1, 'ES256K', 'toString', '__proto__'])(
    '9449-4.3-5a rejects the alg %j',
    async (alg) => {
      const text = JSON.stringify(proofHeader({ alg }))
      const proof = signParts(text, JSON.stringify(proofClaims()), kc1)
      expect(await reason(proof)).toBe('wrong_algorithm')
      expect(await reason(`${proof.slice(0, proof.lastIndexOf('.'))}.`)).toBe('wrong_algorithm')
    },
  )

  it('9449-4.3-5b rejects an algorithm that is not in dpop.algorithms', async () => {
    const { reason, present } = setUp({ dpop: { algorithms: ['ES256'] } })
    expect(await reason(makeProof({}, {}, ps1))).toBe('wrong_algorithm')
    await expect(present(makeProof())).resolves.toBeDefined()
  })

  it.each([rsa1, ps1, kc1, ec3, ec5, ed1, makeKey('Ed25519', 'x')])(
    '9449-4.3-6 accepts a signature with $alg',
    async (key) => {
      const jkt = await calculateJwkThumbprint(bareJwk(key))
      await expect(present(makeProof({}, {}, key), { jkt })).resolves.toBeDefined()
    },
  )

  it('9449-4.3-6 rejects an invalid signature', async () => {
    const input = makeProof().split('.').slice(0, 2).join('.')
    const flipped = Buffer.from(makeProof().split('.')[2] as string, 'base64url')
    flipped[5] = (flipped[5] as number) ^ 1
    for (const bytes of [flipped, Buffer.alloc(64), Buffer.alloc(0), Buffer.alloc(65, 1)]) {
      expect(await refusal(`${input}.${base64url(bytes)}`)).toMatchObject({
        reason: 'bad_signature',
        detail: { algorithm: 'ES256' },
      })
    }
    const payload = JSON.stringify(proofClaims())
    expect(await reason(signParts(JSON.stringify(proofHeader()), payload, kc2))).toBe(
      'bad_signature',
    )
  })

  it.each([
    ['ES256 with a P-384 key', { alg: 'ES256' }, bareJwk(ec3)],
    ['EdDSA with an EC key', { alg: 'EdDSA' }, bareJwk(kc1)],
    ['PS256 with an EC key', { alg: 'PS256' }, bareJwk(kc1)],
    ['use enc', {}, { ...bareJwk(kc1), use: 'enc' }],
    ['key_ops that do not allow verification', {}, { ...bareJwk(kc1), key_ops: ['sign'] }],
    ['another alg in the key', {}, { ...bareJwk(kc1), alg: 'ES384' }],
    ['a point that is not on the curve', {}, { ...bareJwk(kc1), y: bareJwk(kc1).x }],
    ['a padded coordinate', {}, { ...bareJwk(kc1), x: `${bareJwk(kc1).x}=` }],
    ['RSA with e = 1', { alg: 'RS256' }, { ...bareJwk(rsa1), e: 'AQ' }],
    ['a key of type oct', {}, { kty: 'oct', k: 'AAAA' }],
    ['an unknown key type', {}, { kty: 'XX' }],
    ['an empty key', {}, {}],
  ])('9449-4.3-6b rejects %s', async (_, header, jwk) => {
    expect(await reason(makeProof({}, { ...header, jwk }))).toBe('invalid_key')
  })

  it('9449-4.3-6b rejects an RSA key of 1024 bits', async () => {
    const weak = makeKey('RS256', 'weak', 1024)
    const jkt = await calculateJwkThumbprint(bareJwk(weak))
    expect(await reason(makeProof({}, {}, weak), { jkt })).toBe('invalid_key')
  })

  it('9449-4.3-7 rejects a private key, though the signature is valid', async () => {
    for (const { privateKey, ...key } of [kc1, rsa1, ed1]) {
      const jwk = privateKey.export({ format: 'jwk' })
      const jkt = await calculateJwkThumbprint(bareJwk({ privateKey, ...key }))
      const proof = makeProof({}, { jwk }, { privateKey, ...key })
      expect(await reason(proof, { jkt })).toBe('invalid_key')
    }
    for (const member of ['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k', 'priv']) {
      const jwk = { ...bareJwk(kc1), [member]: 'AQ' }
      expect(await reason(makeProof({}, { jwk }))).toBe('invalid_key')
    }
  })

  it.each([undefined, 'text', [bareJwk(kc1)], null, 1])(
    '9449-4.2-jwk rejects the jwk %j',
    async (jwk) => {
      expect(await reason(makeProof({}, { jwk }))).toBe('invalid_key')
    },
  )

  it('9449-4.3-x accepts other header parameters and claims', async () => {
    const jwk = {
      ext: true,
      kid: 'k',
      use: 'sig',
      ...bareJwk(kc1),
      alg: 'ES256',
      key_ops: ['verify'],
    }
    const header = { tx_id: 1, kid: 'x', x5c: ['x'], jku: 'https://evil.test/', jwk }
    await expect(present(makeProof({ tx: { a: 1 } }, header))).resolves.toBeDefined()
  })

  it('9449-4.3-x rejects a critical header parameter', async () => {
    expect(await reason(makeProof({}, { crit: ['x'], x: 1 }))).toBe('critical_header')
    expect(await reason(makeProof({}, { b64: false }))).toBe('critical_header')
  })

  it('9449-4.3-8a rejects another method, or the same in another case', async () => {
    expect(await reason(makeProof({ htm: 'POST' }))).toBe('wrong_method')
    expect(await reason(makeProof({ htm: 'get' }))).toBe('wrong_method')
    const request = { headers: { dpop: makeProof() } }
    expect(await reason(undefined, { request })).toBe('wrong_method')
  })

  it('9449-4.3-8b accepts only HEAD for a HEAD request', async () => {
    const head = (htm: string) => {
      return { request: requestWith(makeProof({ htm }), { method: 'HEAD' }) }
    }
    await expect(present(undefined, head('HEAD'))).resolves.toBeDefined()
    expect(await reason(undefined, head('GET'))).toBe('wrong_method')
  })

  it('9449-4.3-9a accepts a query and a fragment in htu', async () => {
    for (const end of ['?q=1', '?', '#f', '?q#f']) {
      await expect(present(makeProof({ htu: uri + end }))).resolves.toBeDefined()
    }
  })

  it.each([
    'https://rs.test/api/p/',
    'https://rs.test/api/P',
    'https://rs.test/api//p',
    'https://rs.test/other',
    'https://evil.test/api/p',
    'https://rs.test:8443/api/p',
    'http://rs.test/api/p',
    '/api/p',
    'not a URI',
  ])('9449-4.3-9b rejects the htu %j', async (htu) => {
    expect(await refusal(makeProof({ htu }))).toMatchObject({
      reason: 'wrong_uri',
      detail: { name: 'htu', expected: uri, actual: htu },
    })
  })

  it('9449-4.3-9b rejects every proof of a request without a target', async () => {
    expect(await reason(makeProof(), { targetUri: undefined })).toBe('wrong_uri')
  })

  it('reports an htu without its query, which may contain a token', async () => {
    const { detail } = await refusal(makeProof({ htu: 'https://x.test/?access_token=secret' }))
    expect(detail.actual).toBe('https://x.test/')
  })

  it.each([
    [0, -60, 'too_old'],
    [0, -59.999, undefined],
    [0, -3_600, 'too_old'],
    [0, -10, undefined],
    [0, 10, undefined],
    [0, 10.001, 'issued_in_future'],
    [0, 3_600, 'issued_in_future'],
    [5, -64.999, undefined],
    [5, -65, 'too_old'],
    [5, 10, undefined],
    [30, -89, undefined],
    [30, -90, 'too_old'],
    [30, 30, undefined],
    [30, 30.001, 'issued_in_future'],
  ])(
    '9449-4.3-11a with a tolerance of %d s and an iat at %d s: %s',
    async (clockTolerance, age, expected) => {
      const { reason, present } = setUp({ clockTolerance })
      const proof = makeProof({ iat: startTime + age })
      if (expected === undefined) await expect(present(proof)).resolves.toBeDefined()
      else expect(await reason(proof)).toBe(expected)
    },
  )

  it('9449-4.3-11a accepts a proof up to the configured age', async () => {
    const { reason, present } = setUp({ dpop: { maxAge: 10 }, clockTolerance: 0 })
    await expect(present(makeProof({ iat: startTime - 9 }))).resolves.toBeDefined()
    expect(await reason(makeProof({ iat: startTime - 10 }))).toBe('too_old')
  })

  it('9449-4.3-11d rejects a proof that has expired or is not yet valid', async () => {
    expect(await reason(makeProof({ exp: startTime - 5 }))).toBe('expired')
    expect(await reason(makeProof({ nbf: startTime + 6 }))).toBe('not_yet_valid')
    const proof = makeProof({ exp: startTime - 4, nbf: startTime + 5 })
    await expect(present(proof)).resolves.toBeDefined()
  })

  it('9449-4.3-12a rejects a proof for another token', async () => {
    const right = ath(token)
    const hex = Buffer.from(right, 'base64url').toString('hex')
    for (const wrong of ['x', ath('another'), `${right}=`, hex, token, right.toLowerCase()]) {
      expect(await reason(makeProof({ ath: wrong }))).toBe('wrong_token')
    }
  })

  it('9449-7.1-h rejects a proof by a key that the token is not bound to', async () => {
    const error = await refusal(makeProof({}, {}, kc2))
    expect(error).toMatchObject({ code: 'invalid_token', reason: 'binding_mismatch' })
    expect(error.detail).toMatchObject({ name: 'cnf.jkt', expected: jkt1 })
  })

  it('verifies signatures in the queue of the issuer, and rejects with 503 when it is full', async () => {
    const verifications = createFairQueue({ running: 1, waiting: 1 })
    const issuer = { ...soleIssuer, verifications }
    const presented = [1, 2, 3].map(() => present(makeProof(), { issuer }))
    const other = present(makeProof(), { issuer: { ...issuer, issuer: 'https://other.test' } })
    await expect(presented[2]).rejects.toMatchObject({ status: 503, service: 'keys' })
    await Promise.all([presented[0], presented[1], other])
  })

  it('9449-6-a calculates the thumbprints of the RFCs', async () => {
    const { importProofKey } = await import('../../../src/proof/proof-keys.ts')
    const algorithms = { RSA: 'RS256', EC: 'ES256', OKP: 'EdDSA' } as const
    for (const { jwk, sha256 } of vectors.jkt as { jwk: JWK; sha256: string }[]) {
      const algorithm = algorithms[jwk.kty as keyof typeof algorithms]
      expect(importProofKey({ algorithm, jwk: { ...jwk } }).jkt).toBe(sha256)
    }
  })

  it('9449-6-b calculates the thumbprint from the required members, in any order', async () => {
    const { x, y } = bareJwk(kc1)
    const jwk = { y, use: 'sig', kid: 'x', x, kty: 'EC', alg: 'ES256', ext: true, crv: 'P-256' }
    await expect(present(makeProof({}, { jwk }))).resolves.toBeDefined()
  })

  it('reports no part of the token or the proof in an error', async () => {
    for (const proof of [makeProof({ ath: ath('x') }), makeProof({ jti: 1 }), 'a.b.c']) {
      const error = await refusal(proof)
      const text = JSON.stringify([error.message, error.detail, error.body, error.headers])
      for (const part of [token, ...proof.split('.').filter((part) => part.length > 5)]) {
        expect(text).not.toContain(part)
      }
    }
  })
})

describe('verify, with a key of an earlier proof', () => {
  it('does not import the key again, once a signature of it was valid', async () => {
    const { present, reason } = setUp()
    const imports = vi.mocked(importJwk)
    imports.mockClear()
    const forged = signParts(JSON.stringify(proofHeader()), JSON.stringify(proofClaims()), kc2)
    expect(await reason(forged)).toBe('bad_signature')
    await present(makeProof())
    expect(imports).toHaveBeenCalledTimes(2)
    await present(makeProof())
    await present(makeProof())
    expect(imports).toHaveBeenCalledTimes(2)
  })

  it('checks the proof like any other', async () => {
    const { present, reason } = setUp()
    await present(makeProof())
    expect(await reason(makeProof({ htm: 'POST' }))).toBe('wrong_method')
    expect(await reason(makeProof(), { jkt: ath('another key') })).toBe(
      'invalid_token binding_mismatch',
    )
    const payload = JSON.stringify(proofClaims())
    const header = JSON.stringify(proofHeader())
    expect(await reason(signParts(header, payload, kc2))).toBe('bad_signature')
    await expect(present(makeProof())).resolves.toBeDefined()
  })
})

describe('verify, with used proofs', () => {
  it('9449-11.1-a accepts a proof only once', async () => {
    const { present, refusal } = setUp()
    const proof = makeProof()
    await present(proof)
    expect(await refusal(proof)).toMatchObject({ reason: 'replayed', detail: { name: 'jti' } })
  })

  it('9449-11.1-a accepts a proof only once with the shortest age and no tolerance', async () => {
    let time = startTime
    const { present, reason } = setUp({
      dpop: { maxAge: 1 },
      clockTolerance: 0,
      now: () => time * 1000,
    })
    const proof = makeProof({ iat: startTime + 10 })
    await present(proof)
    for (; time < startTime + 11; time += 0.5) expect(await reason(proof)).toBe('replayed')
    expect(await reason(proof)).toBe('too_old')
  })

  it('9449-11.1-b accepts one of 20 copies at the same time', async () => {
    const { present } = setUp()
    const proof = makeProof()
    const outcomes = await Promise.allSettled(Array.from({ length: 20 }, () => present(proof)))
    expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
  })

  it('9449-11.1-a refuses a second proof with the same jti', async () => {
    const { present, reason } = setUp()
    await present(makeProof({ jti: 'j' }))
    expect(await reason(makeProof({ jti: 'j', iat: startTime - 20 }))).toBe('replayed')
  })

  it('9449-11.1-c accepts a jti that another key has used', async () => {
    const { present } = setUp()
    const jkt = await calculateJwkThumbprint(bareJwk(kc2))
    await present(makeProof({ jti: 'j' }, {}, kc2), { jkt })
    await expect(present(makeProof({ jti: 'j' }))).resolves.toBeDefined()
  })

  it('9449-11.1-d does not record an invalid proof', async () => {
    const { present, refusal, reason } = setUp({
      dpop: { nonce: { secret: new Uint8Array(32) } },
    })
    const { nonce } = await refusal(makeProof({ jti: 'j' }))
    expect(await reason(makeProof({ jti: 'j', nonce, htm: 'POST' }))).toBe('wrong_method')
    const payload = JSON.stringify(proofClaims({ jti: 'j', nonce }))
    const forged = signParts(JSON.stringify(proofHeader()), payload, kc2)
    expect(await reason(forged)).toBe('bad_signature')
    await expect(present(makeProof({ jti: 'j', nonce }))).resolves.toBeDefined()
  })

  it('9449-11.1-e accepts a jti of any length and hashes it', async () => {
    const claim = vi.fn(() => true)
    const { present } = setUp({ dpop: { replayStore: { claim } } })
    await present(makeProof({ jti: 'j'.repeat(5_000) }))
    await present(makeProof({ jti: '\ud800 \0 é' }))
    for (const [key] of claim.mock.calls as unknown as [string][]) {
      expect(key).toMatch(/^[\w-]{43}$/)
    }
  })

  it('records a proof until ten seconds after it is too old, with the thumbprint of its client', async () => {
    const claim = vi.fn(() => true)
    const { present } = setUp({ dpop: { replayStore: { claim }, maxAge: 30 } })
    await present(makeProof({ jti: 'j', iat: startTime - 10 }))
    expect(claim).toHaveBeenCalledExactlyOnceWith(ath(`${jkt1}.j`), 35, jkt1)
  })

  it.each([0, 5, 60])(
    'accepts a proof only once if the clock of a second process is behind, with a tolerance of %d seconds',
    async (clockTolerance) => {
      let time = startTime
      const replayStore = createMemoryReplayStore({ window: 200, now: () => time * 1000 })
      const dpop = { replayStore }
      const { present } = setUp({ dpop, clockTolerance, now: () => time * 1000 })
      const late = setUp({ dpop, clockTolerance, now: () => (time - 9) * 1000 })
      const proof = makeProof()
      await present(proof)
      for (; time < startTime + 60 + clockTolerance + 9; time += 0.5) {
        expect(await late.reason(proof)).toBe('replayed')
      }
      expect(await late.reason(proof)).toBe('too_old')
    },
  )

  it('refuses a proof that became too old while its signature was verified', async () => {
    let time = startTime
    const { present, reason } = setUp({ now: () => time * 1000 })
    const proof = makeProof()
    await present(proof)
    time += 64.999
    const outcome = reason(proof)
    time += 30
    expect(await outcome).toBe('too_old')
  })

  it('records the proof once in each store', async () => {
    const [first, second] = [setUp(), setUp()]
    const proof = makeProof()
    const once = await first.present(proof)
    const twice = await second.present(proof, { earlier: once })
    expect(twice.stores).toHaveLength(2)
    await expect(first.present(proof, { earlier: twice })).resolves.toEqual(twice)
    expect(await second.reason(proof)).toBe('replayed')
    expect(await second.reason(proof, { earlier: once })).toBe('replayed')
    await expect(second.present(makeProof(), { earlier: twice })).resolves.toBeDefined()
  })

  it('records the proof after an earlier verification that recorded nothing', async () => {
    const external = setUp({ dpop: { replayStore: 'external' } })
    const { present, reason } = setUp()
    const proof = makeProof()
    await present(proof, { earlier: await external.present(proof) })
    expect(await reason(proof, { earlier: await external.present(proof) })).toBe('replayed')
  })

  it.each([
    [
      'throws',
      () => {
        throw new Error('full')
      },
    ],
    [
      'throws nothing',
      () => {
        throw undefined
      },
    ],
    ['rejects', () => Promise.reject(new Error('down'))],
    ['rejects with nothing', () => Promise.reject()],
    ['returns no boolean', () => undefined as never],
    ['resolves to no boolean', () => Promise.resolve('OK' as never)],
  ])('9449-11.1-f rejects with 503 when the store %s', async (_, claim) => {
    const { refusal } = setUp({ dpop: { replayStore: { claim } } })
    expect(await refusal(makeProof())).toMatchObject({
      status: 503,
      service: 'replay_store',
      detail: { hint: expect.stringContaining('dpop.replayStore') },
    })
  })

  it('9449-11.1-f rejects with 503 when the store takes longer than a second', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    try {
      const claim = vi.fn(() => new Promise<boolean>(() => {}))
      const outcome = setUp({ dpop: { replayStore: { claim } } }).refusal(makeProof())
      await vi.waitFor(() => expect(claim).toHaveBeenCalled())
      await vi.advanceTimersByTimeAsync(1_000)
      expect(await outcome).toMatchObject({
        status: 503,
        service: 'replay_store',
        cause: new Error('no result within 1000 ms'),
      })
    } finally {
      vi.useRealTimers()
    }
  })

  it('accepts or refuses the proof by what a promise of the store resolves to', async () => {
    const accepting = setUp({ dpop: { replayStore: { claim: async () => true } } })
    await expect(accepting.present(makeProof())).resolves.toBeDefined()
    const refusing = setUp({ dpop: { replayStore: { claim: async () => false } } })
    expect(await refusing.reason(makeProof())).toBe('replayed')
  })

  it('does not record the proof with replayStore external', async () => {
    const { present } = setUp({ dpop: { replayStore: 'external' } })
    const proof = makeProof()
    await present(proof)
    await expect(present(proof)).resolves.toBeDefined()
  })
})

describe('verify, with nonces', () => {
  const secret = generateKeyPairSync('ed25519').publicKey.export({ format: 'der', type: 'spki' })
  let time = startTime
  const nonced = () =>
    setUp({ dpop: { nonce: { secret, lifetime: 300 }, maxAge: 600 }, now: () => time * 1000 })

  it('9449-4.3-10a rejects a proof without a nonce, and returns one in the error', async () => {
    const { refusal, present } = nonced()
    const missing = await refusal(makeProof())
    expect(missing).toMatchObject({ code: 'use_dpop_nonce', status: 401 })
    expect(missing.detail).toEqual({ name: 'nonce', actual: 'missing' })
    await expect(present(makeProof({ nonce: missing.nonce }))).resolves.toMatchObject({
      nextNonce: undefined,
    })
  })

  it('9449-4.3-10a rejects an unknown nonce', async () => {
    const { refusal, present } = nonced()
    const wrong = await refusal(makeProof({ nonce: 'x'.repeat(48) }))
    expect(wrong).toMatchObject({ code: 'use_dpop_nonce', detail: { actual: 'unknown' } })
    await expect(present(makeProof({ nonce: wrong.nonce }))).resolves.toBeDefined()
  })

  it('9449-4.3-10b rejects a long nonce', async () => {
    expect(await nonced().reason(makeProof({ nonce: 'n'.repeat(3_000) }))).toBe('use_dpop_nonce')
  })

  it('9449-11.1-g accepts one nonce in several proofs', async () => {
    const { refusal, present } = nonced()
    const { nonce } = await refusal(makeProof())
    await expect(present(makeProof({ nonce }))).resolves.toBeDefined()
    await expect(present(makeProof({ nonce }))).resolves.toBeDefined()
  })

  it('9449-8.2-a returns the next nonce near the end of the lifetime', async () => {
    const { refusal, present, reason } = nonced()
    const { nonce } = await refusal(makeProof())
    time = startTime + 290
    const { nextNonce } = await present(makeProof({ nonce }))
    expect(nextNonce).not.toBe(nonce)
    await expect(present(makeProof({ nonce }))).resolves.toBeDefined()
    await expect(present(makeProof({ nonce: nextNonce }))).resolves.toMatchObject({
      nextNonce: undefined,
    })
    time = startTime + 300
    expect(await reason(makeProof({ nonce }))).toBe('use_dpop_nonce')
    await expect(present(makeProof({ nonce: nextNonce }))).resolves.toBeDefined()
    time = startTime
  })

  it('9449-9-b accepts a nonce of another verifier with the same secret', async () => {
    const { nonce } = await nonced().refusal(makeProof())
    await expect(nonced().present(makeProof({ nonce }))).resolves.toBeDefined()
    const other = setUp({ dpop: { nonce: { secret: new Uint8Array(32) } } })
    expect(await other.reason(makeProof({ nonce }))).toBe('use_dpop_nonce')
  })

  it.each([
    [5, 10],
    [30, 30],
  ])(
    '9449-9-b with a tolerance of %d seconds, accepts a nonce of a process whose clock is %d ahead',
    async (clockTolerance, ahead) => {
      const dpop = { nonce: { secret } }
      const at = (seconds: number) =>
        setUp({ dpop, clockTolerance, now: () => (startTime + seconds) * 1000 })
      const { present, reason } = at(0)
      const { nonce } = await at(ahead).refusal(makeProof())
      await expect(present(makeProof({ nonce }))).resolves.toBeDefined()
      const later = await at(ahead + 0.5).refusal(makeProof())
      expect(await reason(makeProof({ nonce: later.nonce }))).toBe('use_dpop_nonce')
    },
  )

  it('9449-9-c reports other errors before a missing nonce', async () => {
    const { reason } = nonced()
    const payload = JSON.stringify(proofClaims())
    expect(await reason(signParts(JSON.stringify(proofHeader()), payload, kc2))).toBe(
      'bad_signature',
    )
    expect(await reason(makeProof({}, {}, kc2))).toBe('invalid_token binding_mismatch')
  })

  it('9449-4.3-11c rejects a proof that is too old, whatever its nonce', async () => {
    const { refusal, reason } = nonced()
    const { nonce } = await refusal(makeProof())
    expect(await reason(makeProof({ nonce, iat: startTime - 3_600 }))).toBe('too_old')
  })
})
