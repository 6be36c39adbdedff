import { constants, createHash, generateKeyPairSync, sign } from 'node:crypto'
import { createValidator } from 'oauth-resource-server'
import { describe, expect, it } from 'vitest'
import {
  AUD,
  base64url,
  claimsT0,
  ec1,
  ec3,
  ec5,
  fixtureOptions,
  fixtureValidator,
  ISS,
  makeKey,
  ps1,
  rsa1,
  signBytes,
  type TestKey,
  t0,
} from '../support/fixture.ts'
import { outcomeOf, outcomeWith, simulateIssuer } from '../support/simulated-issuer.ts'

const unused = (reason: string) => ({ outcome: 'T401 unknown_key', skipped: [reason] })
const headerOf = ({ alg, jwk }: TestKey) =>
  base64url(JSON.stringify({ alg, typ: 'at+jwt', kid: jwk.kid }))

/** A valid token of a key, with the signature that `make` returns. */
function signedBy(key: TestKey, make: (input: Buffer) => Buffer): string {
  const input = `${headerOf(key)}.${base64url(JSON.stringify(claimsT0()))}`
  return `${input}.${base64url(make(Buffer.from(input)))}`
}

const bytes = (text: unknown) => Buffer.from(String(text), 'base64url')
const text = (...octets: number[]) => Buffer.from(octets).toString('base64url')

describe('RFC 7518 §3.1: the algorithms', () => {
  it.each([rsa1, ps1, ec1, ec3, ec5])('$alg is verified', async (key) => {
    expect(await outcomeWith([key.jwk], t0({}, {}, key))).toMatchObject({ outcome: 'OK' })
  })

  it('8725-3.1-alg an algorithm that is not in the list is refused before anything is fetched', async () => {
    const issuer = simulateIssuer()
    const { validate } = issuer.validator({ algorithms: ['RS256'] })
    expect(await outcomeOf(validate(t0({}, {}, { ...rsa1, alg: 'PS512' })))).toBe(
      'T401 wrong_algorithm',
    )
    expect(issuer.urls).toEqual([])
  })

  it.each([
    'none',
    'HS256',
    'HS384',
    'HS512',
    'ES256K',
    'RS1',
    'rs256',
    'RSA-OAEP',
    'Ed448',
    'NONE',
    '',
  ])('8725-3.1-alg by default %j is refused, before anything is fetched', async (alg) => {
    const issuer = simulateIssuer()
    const token = t0({}, { alg })
    expect(await outcomeOf(issuer.validator().validate(token))).toBe('T401 wrong_algorithm')
    expect(issuer.urls).toEqual([])
  })

  it.each([['none'], ['RS256', 'none'], ['HS256'], ['RS257'], ['rs256'], [''], [undefined], []])(
    '8725-3.1-alg 7518-hs the list %j, … is refused at construction',
    (...algorithms) => {
      expect(() => createValidator(fixtureOptions({ algorithms: algorithms as never }))).toThrow(
        /^algorithms must/,
      )
      const issuer = { issuer: ISS, algorithms: algorithms as never }
      expect(() => createValidator({ issuer, audience: AUD })).toThrow(TypeError)
    },
  )

  it.each([31, 0, 32, 64])(
    '7518-hs a secret of %i octets is refused at construction: HMAC cannot be enabled',
    (length) => {
      const k = Buffer.alloc(length, 7).toString('base64url')
      const issuer = { issuer: ISS, jwks: { keys: [{ kty: 'oct', kid: 'h', alg: 'HS256', k }] } }
      expect(() => createValidator({ issuer, audience: AUD })).toThrow(/has no usable key/)
    },
  )
})

describe('RFC 7518 §3.3: RSASSA-PKCS1-v1_5', () => {
  it.each([1024, 2047])('7518-3.3 a key of %i bits verifies nothing', async (bits) => {
    const small = makeKey('RS256', 'small', bits)
    expect(await outcomeWith([small.jwk], t0({}, {}, small))).toEqual(unused('size'))
  })

  it('7518-3.3 a key of 2048 bits behind leading zeros verifies', async () => {
    const n = Buffer.concat([Buffer.alloc(2), bytes(rsa1.jwk.n)]).toString('base64url')
    expect((await outcomeWith([{ ...rsa1.jwk, n }], t0())).outcome).toBe('OK')
  })

  it('7518-3.3 leading zeros do not count as size of a small modulus', async () => {
    const small = makeKey('RS256', 'small', 1024)
    const n = Buffer.concat([Buffer.alloc(128), bytes(small.jwk.n)]).toString('base64url')
    expect(await outcomeWith([{ ...small.jwk, n }], t0({}, {}, small))).toEqual(unused('size'))
  })

  it('7518-rsa-e with e = 1 a forged token is refused, because anyone can create its signature', async () => {
    const forged = signedBy(rsa1, (input) => {
      const digestInfo = Buffer.from('3031300d060960864801650304020105000420', 'hex')
      const tail = Buffer.concat([digestInfo, createHash('sha256').update(input).digest()])
      const padding = Buffer.alloc(256 - tail.length - 3, 0xff)
      return Buffer.concat([Buffer.of(0, 1), padding, Buffer.of(0), tail])
    })
    expect(await outcomeWith([{ ...rsa1.jwk, e: text(1) }], forged)).toEqual(unused('exponent'))
  })

  it.each([
    ['0', text(0)],
    ['65536', text(1, 0, 0)],
    ['2', text(2)],
    ['2³² + 1', text(1, 0, 0, 0, 1)],
  ])('7518-rsa-e with e = %s a key is ignored', async (_e, e) => {
    expect(await outcomeWith([{ ...rsa1.jwk, e }], t0())).toEqual(unused('exponent'))
  })

  it('7518-rsa-e e = 3 is accepted', async () => {
    const pair = generateKeyPairSync('rsa', { modulusLength: 2048, publicExponent: 3 })
    const jwk = { ...pair.publicKey.export({ format: 'jwk' }), kid: 'three', alg: 'RS256' }
    expect(jwk.e).toBe('Aw')
    const token = t0({}, {}, { alg: 'RS256', privateKey: pair.privateKey, jwk: jwk as never })
    expect((await outcomeWith([jwk], token)).outcome).toBe('OK')
  })

  it('7518-rsa-big a modulus of 16,384 bits is ignored; one of 8,192 bits costs less than 50 ms', async () => {
    const modulus = (bits: number) => Buffer.alloc(bits / 8, 0xb5).toString('base64url')
    const token = (bits: number) => signedBy(rsa1, () => Buffer.alloc(bits / 8, 0x55))
    const huge = { ...rsa1.jwk, n: modulus(16_384) }
    expect(await outcomeWith([huge], token(16_384))).toEqual(unused('size'))
    const { validate } = simulateIssuer([{ ...rsa1.jwk, n: modulus(8_192) }]).validator()
    const times: number[] = []
    for (let run = 0; run < 5; run++) {
      const startedAt = performance.now()
      expect(await outcomeOf(validate(token(8_192)))).toBe('T401 bad_signature')
      times.push(performance.now() - startedAt)
    }
    expect(Math.min(...times)).toBeLessThan(50)
  })

  it.each([0, 255, 257])('a signature of %i octets is refused', async (length) => {
    const token = signedBy(rsa1, (input) => {
      const signature = signBytes('RS256', rsa1.privateKey, input)
      return Buffer.concat([Buffer.alloc(Math.max(0, length - 256)), signature]).subarray(0, length)
    })
    expect(await outcomeOf(fixtureValidator().validate(token))).toBe('T401 bad_signature')
  })

  it.each([
    ['PS256 made as RS256', ps1, 'RS256'],
    ['RS256 made as PS256', rsa1, 'PS256'],
    ['RS256 made with SHA-512', rsa1, 'RS512'],
  ])('%s is refused', async (_what, key, alg) => {
    const token = signedBy(key, (input) => signBytes(alg, key.privateKey, input))
    expect(await outcomeOf(fixtureValidator().validate(token))).toBe('T401 bad_signature')
  })
})

describe('RFC 7518 §3.5: RSASSA-PSS', () => {
  const salted = (saltLength: number) =>
    signedBy(ps1, (input) =>
      sign('sha256', input, {
        key: ps1.privateKey,
        padding: constants.RSA_PKCS1_PSS_PADDING,
        saltLength,
      }),
    )

  it('7518-3.5-salt a salt as long as the hash is accepted', async () => {
    expect(await outcomeOf(fixtureValidator().validate(salted(32)))).toBe('OK')
  })

  it.each([0, 20, 31, 33, 222])('7518-3.5-salt a salt of %i octets is refused', async (length) => {
    expect(await outcomeOf(fixtureValidator().validate(salted(length)))).toBe('T401 bad_signature')
  })
})

describe('RFC 7518 §3.4: ECDSA', () => {
  const p256 = 'ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551'
  const [zero, one] = ['00'.repeat(32), `${'00'.repeat(31)}01`]

  it.each([
    ['ES256', ec1, 64],
    ['ES384', ec3, 96],
    ['ES512', ec5, 132],
  ])('7518-3.4-a %s: a signature of any other length is refused', async (_alg, key, length) => {
    const { validate } = fixtureValidator()
    const raw = (input: Buffer) => signBytes(key.alg, key.privateKey, input)
    expect(raw(Buffer.of(1))).toHaveLength(length)
    expect(await outcomeOf(validate(signedBy(key, raw)))).toBe('OK')
    const odd: ((signature: Buffer) => Buffer)[] = [
      (signature) => signature.subarray(1),
      (signature) => signature.subarray(0, -1),
      (signature) => Buffer.concat([Buffer.of(0), signature]),
      (signature) => Buffer.concat([signature, Buffer.of(0)]),
      () => Buffer.alloc(0),
    ]
    for (const change of odd) {
      const token = signedBy(key, (input) => change(raw(input)))
      expect(await outcomeOf(validate(token))).toBe('T401 bad_signature')
    }
  })

  it.each([ec1, ec3, ec5])('7518-3.4-a $alg: a signature in DER is refused', async (key) => {
    const token = signedBy(key, (input) => sign(`sha${key.alg.slice(2)}`, input, key.privateKey))
    expect(await outcomeOf(fixtureValidator().validate(token))).toBe('T401 bad_signature')
  })

  it.each([
    ['r = 0, s = 0', zero + zero],
    ['r = 0, s = 1', zero + one],
    ['r = 1, s = 0', one + zero],
    ['r = n, s = 1', p256 + one],
    ['r = n, s = n', p256 + p256],
    ['r = 1, s = 1', one + one],
  ])('7518-3.4-b %s is refused', async (_what, signature) => {
    const token = signedBy(ec1, () => Buffer.from(signature, 'hex'))
    expect(await outcomeOf(fixtureValidator().validate(token))).toBe('T401 bad_signature')
  })

  it.each([
    ['ES256', 'ES384', ec3],
    ['ES384', 'ES256', ec1],
    ['ES512', 'ES384', ec3],
    ['ES256', 'ES512', ec5],
  ])(
    '7518-3.4-c %s with the curve of %s is refused, with and without alg in the key',
    async (alg, _other, key) => {
      const token = t0({}, {}, { ...key, alg })
      expect(await outcomeWith([{ ...key.jwk, alg }], token)).toEqual(unused('alg'))
      const unnamed = await outcomeWith([{ ...key.jwk, alg: undefined }], token)
      expect(unnamed.outcome).toBe('T401 unknown_key')
    },
  )

  it('7518-3.4-c ES256K is refused, and cannot be enabled', async () => {
    const pair = generateKeyPairSync('ec', { namedCurve: 'secp256k1' })
    const jwk = { ...pair.publicKey.export({ format: 'jwk' }), kid: 'k1', alg: 'ES256K' }
    const key = { alg: 'ES256', privateKey: pair.privateKey, jwk: jwk as never }
    expect(await outcomeWith([jwk], t0({}, { alg: 'ES256K' }, key))).toEqual({
      outcome: 'T401 wrong_algorithm',
      skipped: [],
    })
    expect(await outcomeWith([{ ...jwk, alg: undefined }], t0({}, {}, key))).toEqual(unused('type'))
    expect(() => fixtureValidator({ algorithms: ['ES256K' as never] })).toThrow(/^algorithms must/)
  })
})

describe('RFC 7518 §6.2.1: the members of an elliptic curve key', () => {
  const { x, y } = ec1.jwk
  const zero = Buffer.of(0)

  it.each([
    ['a short x', { x: bytes(x).subarray(0, 31).toString('base64url') }],
    ['a long x', { x: Buffer.concat([zero, bytes(x)]).toString('base64url') }],
    ['a short y', { y: bytes(y).subarray(0, 31).toString('base64url') }],
    ['a long y', { y: Buffer.concat([bytes(y), zero]).toString('base64url') }],
    [
      'a point off its curve',
      {
        y: Buffer.concat([bytes(y).subarray(0, 31), Buffer.of((bytes(y)[31] ?? 0) ^ 1)]).toString(
          'base64url',
        ),
      },
    ],
    ['x and y exchanged', { x: y, y: x }],
    ['no y', { y: undefined }],
    ['no x', { x: undefined }],
    [
      'a compressed point',
      { x: Buffer.concat([Buffer.of(2), bytes(x)]).toString('base64url'), y: undefined },
    ],
    ['the point at infinity', { x: text(...Array(32).fill(0)), y: text(...Array(32).fill(0)) }],
  ])('7518-6.2.1 %s: the key is ignored', async (_what, change) => {
    expect(await outcomeWith([{ ...ec1.jwk, ...change }], t0({}, {}, ec1))).toEqual(
      unused('malformed'),
    )
  })
})
