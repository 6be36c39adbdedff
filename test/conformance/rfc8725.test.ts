import { constants, createHmac, createPublicKey, publicEncrypt } from 'node:crypto'
import { deflateRawSync } from 'node:zlib'
import { CompactEncrypt, calculateJwkThumbprint, exportSPKI } from 'jose'
import { InvalidRequestError } from 'oauth-resource-server'
import { afterEach, describe, expect, it } from 'vitest'
import { certificateOf } from '../support/certificate.ts'
import { createApi, fastestOf, JWKS_URI, remoteIssuer } from '../support/checked-validator.ts'
import { encrypt, makeRsaKey } from '../support/encryption.ts'
import {
  AUD,
  base64url,
  claimsT0,
  ec1,
  fixtureValidator,
  ISS,
  jwks,
  makeKey,
  ps1,
  rsa1,
  signBytes,
  signParts,
  type TestKey,
  t0,
} from '../support/fixture.ts'

const api = createApi()
const good = t0()
const publicKey = createPublicKey(rsa1.privateKey)

afterEach(async () => {
  await api.accepts(good)
})

const certificate = await certificateOf(rsa1)

describe('section 3.1, algorithms', () => {
  it('8725-3.1-a an algorithm outside the list is refused before keys are fetched', async () => {
    const cold = createApi({ issuer: remoteIssuer, algorithms: ['ES256'] }, { [JWKS_URI]: jwks })
    await cold.refuses(t0(), 'wrong_algorithm')
    await cold.refuses(t0({}, {}, ps1), 'wrong_algorithm')
    expect(cold.requests).toEqual([])
    await cold.accepts(t0({}, {}, ec1))
  })

  const a = makeKey('RS256', 'a-rsa')
  const aEc = makeKey('ES256', 'a-ec')
  const b = makeKey('ES256', 'b-ec')
  const bRsa = { ...a, jwk: { ...a.jwk, kid: 'b-rsa' } }
  const B = 'https://b.test'

  it('8725-3.1-b each issuer has its own list, for any published keys', async () => {
    const both = createApi({
      issuer: [
        { issuer: ISS, algorithms: ['RS256'], jwks: { keys: [a.jwk, aEc.jwk] } },
        { issuer: B, algorithms: ['ES256'], jwks: { keys: [b.jwk, bRsa.jwk] } },
      ],
    })
    await both.accepts(t0({}, {}, a))
    await both.accepts(t0({ iss: B }, {}, b))
    await both.refuses(t0({}, {}, aEc), 'wrong_algorithm')
    await both.refuses(t0({ iss: B }, {}, bRsa), 'wrong_algorithm')
  })

  it('8725-3.1-b an issuer without its own list has that of the validator', async () => {
    const both = createApi({
      algorithms: ['ES256'],
      issuer: [
        { issuer: ISS, jwks: { keys: [a.jwk, aEc.jwk] } },
        { issuer: B, algorithms: ['RS256'], jwks: { keys: [bRsa.jwk] } },
      ],
    })
    await both.accepts(t0({}, {}, aEc))
    await both.refuses(t0({}, {}, a), 'wrong_algorithm')
    await both.accepts(t0({ iss: B }, {}, bRsa))
  })

  it.each(['RS384', 'RS512', 'PS256', 'PS384', 'ES256', 'EdDSA'])(
    '8725-3.1-c a key that is published for RS256 verifies no %s',
    async (alg) => {
      const misused = alg.startsWith('RS') || alg.startsWith('PS') ? { ...rsa1, alg } : rsa1
      const header = JSON.stringify({ alg, typ: 'at+jwt', kid: 'rsa1' })
      await api.refuses(signParts(header, JSON.stringify(claimsT0()), misused), 'unknown_key')
    },
  )

  it('8725-3.1-c EdDSA and Ed25519 are not interchangeable', async () => {
    const names = ['EdDSA', 'Ed25519'] as const
    for (const [own, other] of [names, [...names].reverse()] as [string, string][]) {
      const key = makeKey(own, 'ed')
      const published = createApi({ issuer: { issuer: ISS, jwks: { keys: [key.jwk] } } })
      await published.accepts(t0({}, {}, key))
      await published.refuses(t0({}, { alg: other }, key), 'unknown_key')
      const { alg: _, ...open } = key.jwk
      const listed = createApi({
        issuer: { issuer: ISS, jwks: { keys: [open] } },
        algorithms: [own as 'EdDSA'],
      })
      await listed.accepts(t0({}, {}, key))
      await listed.refuses(t0({}, { alg: other }, key), 'wrong_algorithm')
    }
  })

  it.each(['noNE', 'None', 'NONE', 'none', 'rs256', 'Rs256', 'es256', 'eddsa', 'ED25519'])(
    '8725-3.1-d %s is refused, because algorithms are compared with a list of allowed names',
    async (alg) => {
      await api.refuses(t0({}, { alg }), 'wrong_algorithm')
      expect(() => fixtureValidator({ algorithms: ['RS256', alg as never] })).toThrow(
        expect.objectContaining({
          name: 'TypeError',
          message: expect.stringMatching(/^algorithms/),
        }),
      )
      const issuer = { issuer: ISS, jwks, algorithms: [alg as never] }
      expect(() => fixtureValidator({ issuer })).toThrow(/algorithms must be a list of RS256/)
    },
  )

  /** A token with an HMAC as signature, and valid in every other respect. */
  function withHmac(alg: string, secret: string | Buffer, header: object = {}): string {
    const joseHeader = { alg, typ: 'at+jwt', kid: 'rsa1', ...header }
    const input = [joseHeader, claimsT0()].map((part) => base64url(JSON.stringify(part))).join('.')
    const hmac = createHmac(alg.replace('HS', 'sha'), secret)
    return `${input}.${hmac.update(input).digest('base64url')}`
  }

  const { n = '', e = '' } = rsa1.jwk
  const pem = (label: string, der: Buffer) =>
    `-----BEGIN ${label}-----\n${der.toString('base64').replace(/(.{64})/g, '$1\n')}\n-----END ${label}-----\n`
  const texts: [string, string][] = [
    ['PEM SPKI', publicKey.export({ type: 'spki', format: 'pem' }) as string],
    ['PEM PKCS1', publicKey.export({ type: 'pkcs1', format: 'pem' }) as string],
    ['PEM certificate', pem('CERTIFICATE', certificate)],
    ['JWK as it is published', JSON.stringify(rsa1.jwk)],
    ['JWK of the public members', JSON.stringify({ kty: 'RSA', n, e })],
    ['JWK in the order of its thumbprint', JSON.stringify({ e, kty: 'RSA', n })],
    ['JWK Set', JSON.stringify(jwks)],
    ['text of n', n],
    ['text of x5c', certificate.toString('base64')],
  ]
  const bytes: [string, Buffer][] = [
    ['DER SPKI', publicKey.export({ type: 'spki', format: 'der' })],
    ['DER PKCS1', publicKey.export({ type: 'pkcs1', format: 'der' })],
    ['DER certificate', certificate],
    ['octets of n', Buffer.from(n, 'base64url')],
  ]
  const publicSecrets: [string, string | Buffer][] = [
    ...texts.flatMap(([form, text]): [string, string][] => [
      [`${form} with a line feed at its end`, `${text.trimEnd()}\n`],
      [`${form} without`, text.trimEnd()],
    ]),
    ...bytes,
  ]

  it('8725-3.1-e the encodings of the key in these tests are those of jose and OpenSSL', async () => {
    expect(texts[0]?.[1].trim()).toBe((await exportSPKI(publicKey)).trim())
    expect(createPublicKey(texts[2]?.[1] as string).equals(publicKey)).toBe(true)
  })

  it.each(publicSecrets)(
    '8725-3.1-e an HMAC with the public key as secret is refused: %s',
    async (_, secret) => {
      for (const alg of ['HS256', 'HS384', 'HS512']) {
        await api.refuses(withHmac(alg, secret), 'wrong_algorithm')
        await api.refuses(withHmac(alg, secret, { kid: undefined }), 'wrong_algorithm')
      }
    },
  )

  it('8725-3.1-e an HMAC with the public key as secret is refused with alg RS256 too', async () => {
    const [header, payload] = good.split('.')
    for (const [, secret] of publicSecrets) {
      const hmac = createHmac('sha256', secret).update(`${header}.${payload}`).digest('base64url')
      await api.refuses(`${header}.${payload}.${hmac}`, 'bad_signature')
    }
  })

  it.each(['', '\0', 'secret', 'password', 'your-256-bit-secret', '-', 'null', 'rsa1', 'key'])(
    '8725-3.1-f an HMAC with the secret %j is refused',
    async (secret) => {
      for (const alg of ['HS256', 'HS384', 'HS512']) {
        await api.refuses(withHmac(alg, secret), 'wrong_algorithm')
      }
    },
  )
})

describe('sections 3.2 to 3.5, cryptography', () => {
  it.each([
    { algorithms: ['none'] },
    { algorithms: ['RS256', 'none'] },
    { allowNone: true },
    { unsecured: true },
    { verify: false },
    { insecure: true },
    { ignoreExpiration: true },
  ])('8725-3.2-a no option allows unsigned tokens: %j', (options) => {
    expect(() => fixtureValidator(options as never)).toThrow(TypeError)
  })

  it.each(['secret', 'secretOrKey', 'publicKey', 'key'])(
    '8725-3.5-a there is no option for a shared secret or a single key: %s',
    (name) => {
      const secret = { [name]: 'a password' }
      expect(() => fixtureValidator(secret)).toThrow(
        new RegExp(`^createValidator has no option "${name}"`),
      )
      expect(() => fixtureValidator({ issuer: { issuer: ISS, ...secret } })).toThrow(
        new RegExp(`^issuer has no option "${name}"`),
      )
    },
  )

  it.each(['HS256', 'HS384', 'HS512'])('8725-3.5-a %s cannot be switched on', (alg) => {
    expect(() => fixtureValidator({ algorithms: [alg as never] })).toThrow(
      expect.objectContaining({ name: 'TypeError', message: expect.stringMatching(/^algorithms/) }),
    )
  })

  const key = makeRsaKey({ kid: 'enc' })
  const decrypting = createApi({ issuer: { issuer: ISS, jwks, decryptionKeys: { keys: [key] } } })

  const jwe = (plaintext: string | Buffer, header: object = {}) =>
    new CompactEncrypt(Buffer.from(plaintext))
      .setProtectedHeader({
        alg: 'RSA-OAEP',
        enc: 'A256GCM',
        typ: 'at+jwt',
        kid: 'rsa1',
        ...header,
      })
      .encrypt(publicKey)

  it('8725-3.3-a claims that are only encrypted to a public key are refused', async () => {
    const claims = JSON.stringify(claimsT0())
    await api.refuses(await jwe(claims), 'encrypted')
    await decrypting.refuses(await encrypt(claims, key), 'decryption_failed')
  })

  it('8725-3.3-b both layers of a nested token are verified', async () => {
    await api.refuses(await jwe(good, { cty: 'JWT' }), 'encrypted')
    await decrypting.accepts(await encrypt(good, key, { cty: 'JWT' }))
    const foreign = t0({}, {}, makeKey('RS256', 'rsa1'))
    await decrypting.refuses(await encrypt(foreign, key, { cty: 'JWT' }), 'bad_signature')
    const [header, encryptedKey, iv, text, tag = ''] = (await encrypt(good, key)).split('.')
    const changed = [header, encryptedKey, iv, text, `A${tag.slice(1, -1)}A`].join('.')
    await decrypting.refuses(changed, 'decryption_failed')
  })

  it('8725-3.11-b the type of a nested token is that of the inner JWT', async () => {
    const outer = { typ: 'at+jwt', cty: 'JWT' }
    await decrypting.refuses(await encrypt(t0({}, { typ: 'JWT' }), key, outer), 'wrong_type')
    await decrypting.accepts(await encrypt(good, key, { typ: 'JWT', cty: 'JWT' }))
  })

  it('8725-3.4-a a key whose point is not on its curve is not used', async () => {
    const key = makeKey('ES256', 'off')
    const y = Buffer.from(key.jwk.y as string, 'base64url')
    y[31] = (y[31] as number) ^ 1
    const offCurve = { ...key.jwk, y: base64url(y) }
    const own = createApi({ issuer: { issuer: ISS, jwks: { keys: [offCurve, rsa1.jwk] } } })
    await own.refuses(t0({}, {}, key), 'unknown_key')
    await own.accepts(t0())
    expect(() => fixtureValidator({ issuer: { issuer: ISS, jwks: { keys: [offCurve] } } })).toThrow(
      /off: malformed/,
    )
  })
})

describe('sections 3.6 and 3.13, resource limits', () => {
  const parts = (header: object, ciphertext: Buffer) => [
    base64url(JSON.stringify(header)),
    base64url(Buffer.alloc(40, 1)),
    base64url(Buffer.alloc(12, 1)),
    base64url(ciphertext),
    base64url(Buffer.alloc(16, 1)),
  ]

  it('8725-3.6-a a JWE that would inflate to 8 or 100 MB is refused, and not inflated', async () => {
    const header = { alg: 'RSA-OAEP', enc: 'A256GCM', zip: 'DEF' }
    const small = parts(header, deflateRawSync(Buffer.alloc(8_000_000))).join('.')
    const large = parts(header, deflateRawSync(Buffer.alloc(100_000_000))).join('.')
    expect(small.length).toBeLessThan(16_384)
    const before = process.memoryUsage.rss()
    await api.refuses(small, 'encrypted')
    await api.refuses(large, 'malformed')
    expect(process.memoryUsage.rss() - before).toBeLessThan(20_000_000)
  })

  it('8725-3.13-a a JWE with two thousand million PBES2 iterations is refused immediately', async () => {
    const header = { alg: 'PBES2-HS256+A128KW', enc: 'A128GCM', p2c: 2_147_483_647, p2s: 'AAAA' }
    const token = parts(header, Buffer.alloc(100)).join('.')
    expect(await fastestOf(5, () => api.refuses(token, 'encrypted'))).toBeLessThan(50)
  })
})

describe('section 3.7, UTF-8', () => {
  const header = '{"alg":"RS256","typ":"at+jwt","kid":"rsa1"}'
  const payload = JSON.stringify(claimsT0())
  const encodings: [string, (text: string) => Buffer][] = [
    ['UTF-16LE', (text) => Buffer.from(text, 'utf16le')],
    ['UTF-16LE with a byte order mark', (text) => Buffer.from(`\ufeff${text}`, 'utf16le')],
    ['UTF-16BE', (text) => Buffer.from(text, 'utf16le').swap16()],
    ['UTF-16BE with a byte order mark', (text) => Buffer.from(`\ufeff${text}`, 'utf16le').swap16()],
    ['UTF-8 with a byte order mark', (text) => Buffer.from(`\ufeff${text}`)],
    ['ISO 8859-1', (text) => Buffer.from(text.replace('{', '{"é":1,'), 'latin1')],
  ]

  it.each(encodings)('8725-3.7-a %s is refused in header and payload', async (_, encode) => {
    await api.refuses(signParts(encode(header), payload), 'malformed')
    await api.refuses(signParts(header, encode(payload)), 'malformed')
    await api.refuses(signParts(encode(header), encode(payload)), 'malformed')
  })
})

describe('section 3.8, issuers', () => {
  const A = 'https://a.test'
  const B = 'https://b.test'
  const keys: Record<string, TestKey> = {
    [A]: makeKey('RS256', 'same'),
    [B]: makeKey('RS256', 'same'),
  }
  const keyOf = (iss: string) => keys[iss] as TestKey
  const served = Object.fromEntries(
    [A, B].map((iss) => [`${iss}/jwks`, { keys: [keyOf(iss).jwk] }]),
  )
  const issuers = [A, B].map((issuer) => ({ issuer, jwksUri: `${issuer}/jwks` }))
  const orders: [string, string, typeof issuers][] = [
    [A, B, issuers],
    [B, A, issuers],
    [A, B, [...issuers].reverse()],
    [B, A, [...issuers].reverse()],
  ]

  it.each(orders)(
    '8725-3.8-a a token of %s signed by %s is refused, before and after the keys are fetched, even with the same kid',
    async (iss, signer, issuer) => {
      const { accepts, refuses } = createApi({ issuer }, served)
      const forged = t0({ iss }, {}, keyOf(signer))
      await refuses(forged, 'bad_signature')
      await accepts(t0({ iss: signer }, {}, keyOf(signer)))
      await refuses(forged, 'bad_signature')
      await accepts(t0({ iss }, {}, keyOf(iss)))
      await refuses(forged, 'bad_signature')
      await refuses(t0({ iss }, { kid: undefined }, keyOf(signer)), 'bad_signature')
    },
  )

  it.each(orders)(
    '8725-3.8-a a token of %s is refused with the signature of the same claims by %s',
    async (iss, signer, issuer) => {
      const { accepts, refuses } = createApi({ issuer }, served)
      const own = t0({ iss }, {}, keyOf(iss))
      await accepts(own)
      const input = own.slice(0, own.lastIndexOf('.'))
      const signature = signBytes('RS256', keyOf(signer).privateKey, Buffer.from(input))
      await refuses(`${input}.${base64url(signature)}`, 'bad_signature')
    },
  )

  it.each([
    'https://evil.test',
    'http://169.254.169.254',
    'file:///etc/passwd',
    'https://as.test@evil.test',
    'https://as.test#@evil.test',
    'http://127.0.0.1:1',
    'data:application/json,{}',
    '__proto__',
    'constructor',
    'not a URL',
  ])('8725-3.8-b the untrusted iss %j is refused, and nothing is fetched', async (iss) => {
    const cold = createApi({ issuer: [remoteIssuer, A] })
    const token = t0({ iss }, { jku: `${iss}/jwks`, kid: iss })
    await cold.refuses(token, 'wrong_issuer')
    expect(cold.requests).toEqual([])
  })

  it('8725-3.8-c the rules of one issuer do not apply to another', async () => {
    const { accepts, refuses } = createApi({
      issuer: [
        { issuer: A, jwks: { keys: [keyOf(A).jwk] }, audience: 'aud-a', scopeClaim: 'scp' },
        {
          issuer: B,
          jwks: { keys: [keyOf(B).jwk] },
          audience: 'aud-b',
          profile: 'jwt',
          maxTokenAge: 60,
        },
        { issuer: ISS, jwks },
      ],
    })
    const by = (iss: string, claims: object, header: Record<string, unknown> = {}) =>
      t0({ iss, scp: 'x', ...claims }, header, iss === ISS ? rsa1 : keyOf(iss))
    await refuses(by(A, { aud: 'aud-b' }), 'wrong_audience')
    await refuses(by(B, { aud: 'aud-a' }), 'wrong_audience')
    await refuses(by(A, { aud: AUD }), 'wrong_audience')
    await refuses(by(ISS, { aud: 'aud-a' }), 'wrong_audience')
    expect((await accepts(by(A, { aud: 'aud-a' }))).scopes).toEqual(['x'])
    expect((await accepts(by(B, { aud: 'aud-b' }))).scopes).toEqual(['read:a'])
    await accepts(by(B, { aud: 'aud-b' }, { typ: 'JWT' }))
    await refuses(by(A, { aud: 'aud-a' }, { typ: 'JWT' }), 'wrong_type')
    await refuses(by(B, { aud: 'aud-b', iat: 1 }), 'too_old')
    await accepts(by(A, { aud: 'aud-a', iat: 1 }))
    await accepts(by(ISS, {}))
  })

  it('8725-3.8-d the application gets the issuer and the subject', async () => {
    const { accepts } = createApi({ issuer: issuers }, served)
    for (const iss of [A, B]) {
      const token = await accepts(t0({ iss, sub: 'same' }, {}, keyOf(iss)))
      expect([token.issuer, token.subject]).toEqual([iss, 'same'])
    }
  })
})

describe('sections 3.9 to 3.12, audience and type', () => {
  it('8725-3.9-a each of several APIs of one issuer accepts only its own tokens', async () => {
    const [one, two] = ['https://one.test', 'https://two.test'] as const
    const apis = { [one]: createApi({ audience: one }), [two]: createApi({ audience: two }) }
    await apis[one].accepts(t0({ aud: one }))
    await apis[one].refuses(t0({ aud: two }), 'wrong_audience')
    await apis[two].accepts(t0({ aud: [two, one] }))
    await apis[two].refuses(t0({ aud: one }), 'wrong_audience')
  })

  it('8725-3.10-a no URL in a token is ever fetched', async () => {
    const cold = createApi({ issuer: remoteIssuer }, { [JWKS_URI]: jwks })
    const urls = {
      jku: 'https://evil.test/a',
      x5u: 'https://evil.test/b',
      jwks_uri: 'https://evil.test/c',
    }
    await cold.accepts(t0({ ...urls, _claim_sources: { a: { endpoint: urls.jku } } }, urls))
    await cold.refuses(t0(urls, { ...urls, kid: urls.jku }), 'unknown_key')
    await cold.refuses(t0({ ...urls, iss: 'https://evil.test' }, urls), 'wrong_issuer')
    expect(new Set(cold.requests)).toEqual(new Set([JWKS_URI]))
  })

  it.each(["'; DROP TABLE users;--", '../../etc/passwd', '*)(uid=*', '<script>', '$ne'])(
    '8725-3.10-b the subject %j is passed to the application unchanged',
    async (sub) => {
      expect((await api.accepts(t0({ sub }))).subject).toBe(sub)
    },
  )

  it('8725-3.11-a a typ without a slash is a media type without application/', async () => {
    for (const typ of ['at+jwt', 'application/at+jwt']) await api.accepts(t0({}, { typ }))
    for (const typ of ['/at+jwt', 'application/', 'x/at+jwt', 'application//at+jwt']) {
      await api.refuses(t0({}, { typ }), 'wrong_type')
    }
  })

  it('8725-3.12-a a DPoP proof is refused', async () => {
    const client = makeKey('ES256', 'client')
    const { x, y } = client.jwk
    const jwk = { kty: 'EC', crv: 'P-256', x, y }
    const header = { typ: 'dpop+jwt', alg: 'ES256', jwk }
    const proof = { jti: 'x', htm: 'GET', htu: AUD, iat: Math.floor(Date.now() / 1000) }
    const relaxed = createApi({ profile: 'jwt' })
    await api.refuses(
      signParts(JSON.stringify(header), JSON.stringify(proof), client),
      'missing_claim',
    )
    const claims = JSON.stringify({
      ...claimsT0(),
      ...proof,
      ath: await calculateJwkThumbprint(client.jwk),
    })
    await api.refuses(signParts(JSON.stringify(header), claims, client), 'wrong_type')
    await relaxed.refuses(signParts(JSON.stringify(header), claims, client), 'wrong_type')
    await relaxed.refuses(t0({}, { typ: 'dpop+jwt' }), 'wrong_type')
  })

  it('8725-3.12-a an introspection response and a logout token are refused', async () => {
    const relaxed = createApi({ profile: 'jwt' })
    const response = { token_introspection: { active: true, ...claimsT0() } }
    await relaxed.refuses(t0(response, { typ: 'token-introspection+jwt' }), 'wrong_type')
    await relaxed.refuses(t0({ events: {} }, { typ: 'logout+jwt' }), 'wrong_type')
  })

  it.each([{ jkt: 'x' }, { 'x5t#S256': 'x' }, { jwk: {} }, {}, null, 'x'])(
    '8725-3.12-a a token that is bound to a key is refused as a Bearer token: cnf %j',
    async (cnf) => {
      await api.refuses(t0({ cnf }), 'unsupported_binding')
    },
  )
})

describe('section 3.14, the format', () => {
  it.each(['+', '/', '~', '='])('8725-3.14-a %s occurs in no JWT: 401', async (character) => {
    const token = good + character
    await api.refuses(token, 'malformed')
    await expect(
      api.validator.authenticate({ headers: { authorization: `Bearer ${token}` } }),
    ).rejects.toMatchObject({ status: 401, reason: 'malformed' })
  })

  it.each(['{', '"', '}', '\\', ',', 'é', ' '])(
    '8725-3.14-a %s is not allowed in credentials: 400',
    async (character) => {
      const token = good.slice(0, 20) + character + good.slice(20)
      await api.refuses(token, 'malformed')
      await expect(
        api.validator.authenticate({ headers: { authorization: `Bearer ${token}` } }),
      ).rejects.toBeInstanceOf(InvalidRequestError)
    },
  )

  it('8725-3.14-a a text that was encrypted with the raw key is refused', async () => {
    const key = { key: publicKey, padding: constants.RSA_PKCS1_OAEP_PADDING }
    const [header] = good.split('.')
    const payload = base64url(publicEncrypt(key, Buffer.from('{"exp":1999999999}')))
    await api.refuses(`${header}.${payload}.${base64url(Buffer.alloc(256, 1))}`, 'malformed')
  })
})
